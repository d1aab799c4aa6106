"""Sounds for tests: what is in them, and the files that hold them."""

import io
import struct
from fractions import Fraction
from functools import cache

import av
import numpy as np
import soundfile
from scipy.signal import chirp

from audioset_demo.audio.waveform import Waveform


def noise(n: int, n_channels: int = 1) -> np.ndarray:
    """(n, channels), the same for the same shape."""
    return np.random.default_rng(n).uniform(-0.5, 0.5, (n, n_channels))


def sine(frequency: float, sample_rate: int, duration_s: float) -> np.ndarray:
    """(n,)"""
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(duration_s * sample_rate) / sample_rate)


def sweeps(sample_rate: int, n_channels: int = 2, duration_s: float = 1.5) -> np.ndarray:
    """(n, channels): a tone that rises on the left, one that falls on the right."""
    t = np.arange(round(duration_s * sample_rate)) / sample_rate
    rising = chirp(t, 300, duration_s, 2500)
    return 0.4 * np.stack([rising, 0.5 * rising[::-1]][:n_channels], axis=1)


def by_libsndfile(samples, sample_rate=16_000, form="WAV", subtype=None, **options) -> bytes:
    """A file of samples (n,) or (n, channels)."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate, format=form, subtype=subtype, **options)
    return buffer.getvalue()


def read_by_libsndfile(data: bytes) -> np.ndarray:
    """(n, channels) float32: the independent decoder."""
    return soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0]


def by_ffmpeg(
    samples,
    sample_rate,
    codec,
    form,
    layout=None,
    starts_s=(0.0,),
    picture=False,
    sound=True,
    before=(),
    **options,
) -> bytes:
    """A file of samples (n, channels) by FFmpeg's encoder of that name.

    Parameters
    ----------
    starts_s : the samples are cut into as many parts, of equal length, that start at these times.
    picture : whether there is a video track of two seconds, too.
    before : codecs of other tracks of sound, which come first and hold silence.
    """
    buffer = io.BytesIO()
    layout = layout or {1: "mono", 2: "stereo"}[samples.shape[1]]
    with av.open(buffer, "w", format=form, options=options) as container:
        video = container.add_stream("libx264", rate=10, width=64, height=64) if picture else None
        others = [_sound_track(container, name, sample_rate, "mono") for name in before]
        track = _sound_track(container, codec, sample_rate, layout) if sound else None
        if video:
            video.codec_context.max_b_frames = 0
            black = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
            for black.pts in range(20):
                container.mux(video.encode(black))
            container.mux(video.encode(None))
        for other in others:
            _encode(container, other, np.zeros((sample_rate, 1)), sample_rate, "mono", (0.0,))
        if track:
            _encode(container, track, samples, sample_rate, layout, starts_s)
    return buffer.getvalue()


def _sound_track(container, codec, sample_rate, layout):
    options = {"strict": "-2", "b": "128k"} if codec == "wmav2" else {"strict": "-2"}
    track = container.add_stream(codec, sample_rate, options, layout=layout)
    if not track.codec_context.is_open:
        track.codec_context.open()
    return track


def _encode(container, track, samples, sample_rate, layout, starts_s):
    context = track.codec_context
    for start_s, part in zip(starts_s, np.array_split(samples, len(starts_s)), strict=True):
        # In one plane: PyAV knows no more than seven.
        packed = np.ascontiguousarray(part, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, "flt", layout)
        frame.sample_rate, frame.time_base = sample_rate, Fraction(1, sample_rate)
        frame.pts = round(start_s * sample_rate)
        cut = av.AudioResampler(context.format, layout, sample_rate, context.frame_size or 1024)
        for piece in (*cut.resample(frame), *cut.resample(None)):
            container.mux(track.encode(piece))
    container.mux(track.encode(None))


def id3v2(n_bytes: int) -> bytes:
    """A tag with a picture, in which there are bytes that look like frames of MP3 and AAC."""
    size = bytes(n_bytes >> shift & 127 for shift in (21, 14, 7, 0))
    picture = np.random.default_rng(n_bytes).integers(0, 256, n_bytes, np.uint8).tobytes()
    frames = b"\xff\xfb\x90\x64\xff\xf1\x50\x80"
    return b"ID3\x04\0\0" + size + (b"APIC" + picture[:-12] + frames)[:n_bytes]


ID3V1 = b"TAG" + b"title".ljust(125, b"\0")
APE = b"APETAGEX" + struct.pack("<4I8x", 2000, 32, 0, 0xA0000000) + bytes(32)


def wav_that_states(n_bytes: int, riff: int | None = None, samples=None) -> bytes:
    """A WAV, of 1,000 samples by default, with these sizes of its samples and of all."""
    data = bytearray(by_libsndfile(noise(1000) if samples is None else samples))
    data[40:44] = struct.pack("<I", n_bytes)
    if riff is not None:
        data[4:8] = struct.pack("<I", riff)
    return bytes(data)


def flac_that_states(n_samples: int) -> bytes:
    """36 bits of STREAMINFO hold the number of samples; 0 is legal and means unknown."""
    data = bytearray(by_libsndfile(noise(1000), form="FLAC"))
    data[21:26] = (((data[21] >> 4) << 36) | n_samples).to_bytes(5, "big")
    return bytes(data)


# --- for encoders, charts, the command line and the app ----------------------------------------


def white_noise(
    duration_s: float, sample_rate: int = 16_000, level: float = 0.1, seed: int = 0
) -> Waveform:
    """Gaussian noise of a standard deviation of `level`; at least one sample."""
    n = max(1, round(duration_s * sample_rate))
    samples = np.random.default_rng(seed).normal(0, level, n).clip(-1, 1)
    return Waveform(samples.astype(np.float32), sample_rate, "noise.wav")


def rising_tone(duration_s: float, sample_rate: int = 16_000) -> Waveform:
    """A tone that rises from 200 Hz, in noise that grows."""
    t = np.arange(int(duration_s * sample_rate)) / sample_rate
    noise = np.random.default_rng(0).normal(0, 0.05, len(t)) * t
    samples = 0.4 * np.sin(2 * np.pi * (200 + 600 * t) * t) + noise
    return Waveform(samples.astype(np.float32), sample_rate, "rising.wav")


@cache
def varied(sample_rate: int, duration_s: float = 2.0) -> dict[str, np.ndarray]:
    """The same sounds (n,) at any sample rate, all below 3.6 kHz but the noise."""
    t = np.arange(round(duration_s * sample_rate)) / sample_rate
    rng = np.random.default_rng(0)
    glide = 2 * np.pi * (140 * t + 20 * np.sin(2 * np.pi * 0.7 * t))
    voice = sum(np.sin(k * glide) / k for k in range(1, 16))
    partials = zip(rng.uniform(50, 3600, 400), rng.uniform(0, 2 * np.pi, 400), strict=True)
    return {
        "chirp": 0.5 * chirp(t, 50, duration_s, 3600),
        "speech-like": 0.2 * voice * np.sin(2 * np.pi * 1.5 * t) ** 2,
        "many tones": 0.01 * sum(np.sin(2 * np.pi * hertz * t + at) for hertz, at in partials),
        "noise": rng.normal(0, 0.1, len(t)),
        "loud noise": rng.uniform(-1, 1, len(t)),
        "quiet noise": rng.normal(0, 1e-5, len(t)),
        "silence": np.zeros(len(t)),
        "click": np.eye(1, len(t), len(t) // 3)[0],
    }


def wav(seconds: float = 2.0, rate: int = 22_050, hertz: float = 440) -> bytes:
    """A file of a tone."""
    return by_libsndfile(0.6 * sine(hertz, rate, seconds), rate)


def plucked_chord(form: str = "WAV") -> bytes:
    """A file of three seconds of a chord, stereo at 44.1 kHz; M4A as a phone would record it."""
    t = np.arange(3 * 44_100) / 44_100
    chord = sum(np.sin(2 * np.pi * f * t) for f in (220, 277.18, 329.63)) * np.exp(-2 * (t % 1))
    samples = np.stack([chord, chord], axis=1) / 4
    if form == "M4A":
        return by_ffmpeg(samples, 44_100, "aac", "mp4")
    return by_libsndfile(samples, 44_100, form)


def file_of(waveform: Waveform, form: str = "WAV", subtype: str | None = None) -> bytes:
    """A file of a waveform."""
    return by_libsndfile(waveform.samples, waveform.sample_rate, form, subtype)
