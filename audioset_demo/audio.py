"""From a file or its bytes to a mono waveform, and from a waveform to WAV bytes for playback."""

from __future__ import annotations

import contextlib
import io
import math
import wave
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from audioset_demo.errors import AudioError

AUDIO_EXTENSIONS: tuple[str, ...] = (
    "wav", "flac", "ogg", "oga", "opus", "mp3", "aiff", "aif", "aifc",
)  # fmt: skip

_FORMATS = "WAV, FLAC, OGG, MP3 or AIFF"
# libsndfile also opens old formats without a reliable signature; those would let noise through.
_SNDFILE_FORMATS = {"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "AIFF"}
_SNDFILE_UNKNOWN_LENGTH = 2**63 - 1  # frames "stated" by a FLAC that was written to a pipe

# Signatures at a byte offset: containers that people upload, and the ones that should have worked.
_OTHER_FORMATS = (
    (4, b"ftyp", "an MP4, M4A or MOV file"),
    (0, b"\x1aE\xdf\xa3", "a WebM or Matroska file"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "a WMA or WMV file"),
    (0, b"\xff\xf1", "an AAC file"),
    (0, b"\xff\xf9", "an AAC file"),
    (0, b"#!AMR", "an AMR file"),
    (0, b"MThd", "a MIDI file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"%PDF", "a PDF document"),
)
_KNOWN_FORMATS = (
    (0, b"RIFF", "WAV"),
    (0, b"RF64", "WAV"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "OGG"),
    (0, b"ID3", "MP3"),
    (0, b"\xff\xfb", "MP3"),
    (0, b"FORM", "AIFF"),
)

# Frames decoded at a time: one block of every channel is all that is held beside the mono sum,
# and where a damaged file makes the decoder fail, no more than one block of good sound is lost.
_BLOCK_FRAMES = 4096


@dataclass(frozen=True)
class Waveform:
    """A mono sound.

    Attributes
    ----------
    samples : (n,) float32, n >= 1, finite, nominally in [-1, 1].
    sample_rate : samples per second (Hz).
    name : file name shown to the user.
    notes : remarks for the user, e.g. that the file ends before the length it states.

    Raises
    ------
    AudioError : samples of another shape or type, none at all, or NaN or infinity among them.
    """

    samples: np.ndarray
    sample_rate: int
    name: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        samples = self.samples
        if samples.ndim != 1 or samples.dtype != np.float32:
            raise AudioError(
                f"{self.name}: samples are {samples.dtype} of shape {samples.shape}; "
                "give mono float32 of shape (n,), scaled to [-1, 1]"
            )
        if not len(samples):
            raise AudioError(f"{self.name}: holds no samples; record or export the sound again")
        if self.sample_rate <= 0:
            raise AudioError(
                f"{self.name}: sample rate is {self.sample_rate} Hz; give one above zero"
            )
        # min and max pass NaN and infinity on, and need no array of their own.
        if not (np.isfinite(samples.min()) and np.isfinite(samples.max())):
            bad = np.flatnonzero(~np.isfinite(samples))
            raise AudioError(
                f"{self.name}: {len(bad)} of {len(samples)} samples are NaN or infinite, the "
                f"first at {bad[0] / self.sample_rate:.3f} s; export the sound again, "
                "e.g. as 16-bit PCM"
            )

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class AudioLimits:
    """The largest sound that is decoded; exceeding any of them raises `AudioError`."""

    max_bytes: int = 4 * 2**30  # bytes; as much as a WAV header can state
    max_duration_s: float = 4 * 3600.0  # seconds
    max_samples: int = 4 * 3600 * 48_000  # after the mean over channels; 2.8 GB as float32
    max_channels: int = 64
    min_sample_rate: int = 1_000  # Hz
    max_sample_rate: int = 768_000  # Hz


def read_waveform(
    source: str | Path | bytes, name: str | None = None, limits: AudioLimits | None = None
) -> Waveform:
    """Decode a WAV, FLAC, OGG, MP3 or AIFF file at its own sample rate.

    The mean over channels comes first. Integer samples are divided by 2 ** (bits - 1), so 16-bit
    ones by 32768. A file that breaks off gives what can be decoded, with a note
    where its header states the whole length.

    Parameters
    ----------
    source : path of the file, or its bytes.
    name : shown to the user in results and errors; by default the file's name.
    limits : checked against the header before any decoding, and again while decoding.

    Raises
    ------
    AudioError : not a readable sound, or one beyond the limits.
    """
    limits = limits or AudioLimits()
    if isinstance(source, bytes):
        name = name or "sound"
        _check_bytes(len(source), name, limits)
        return _decode(io.BytesIO(source), name, limits)
    path = Path(source)
    name = name or path.name
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "no such file"
            raise AudioError(f"{name}: {what} ({path}); give the path of a {_FORMATS} file")
        with path.open("rb") as stream:
            _check_bytes(path.stat().st_size, name, limits)
            return _decode(stream, name, limits)
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(f"{name}: cannot be opened ({reason}); check the path") from error


def resample(waveform: Waveform, sample_rate: int) -> Waveform:
    """The same sound at another sample rate (Hz); the same object where the rate is equal.

    At least one sample comes out.
    """
    if sample_rate == waveform.sample_rate:
        return waveform
    if sample_rate <= 0:
        raise AudioError(
            f"{waveform.name}: cannot resample to {sample_rate} Hz; give a rate above zero"
        )
    rates = waveform.sample_rate, sample_rate
    # soxr HQ, not the reference's resampy: for one minute of 44.1 kHz it takes 0.02 s against
    # 1.2 s for `kaiser_best`, both safe for the log-mel input; `kaiser_fast` is 0.17 log units off.
    samples = soxr.resample(waveform.samples, *rates, quality="HQ")
    if not len(samples):  # shorter than half an output sample: fill that one up with silence
        missing = math.ceil(rates[0] / rates[1]) - len(waveform.samples)
        samples = soxr.resample(np.pad(waveform.samples, (0, missing)), *rates, quality="HQ")
    return replace(waveform, samples=samples, sample_rate=sample_rate)


def wav_bytes(waveform: Waveform, start_s: float = 0.0, end_s: float | None = None) -> bytes:
    """A 16-bit PCM WAV file of the samples from `start_s` to `end_s` (seconds; None: the end).

    Both ends are rounded to the nearest sample and cut to the sound. Values are scaled by 32768
    and clipped, never normalised: quiet sounds stay quiet, and 16-bit files come back unchanged.

    Raises
    ------
    AudioError : no sample lies between the two.
    """
    n = len(waveform.samples)
    end_s = waveform.duration_s if end_s is None else end_s
    if not (math.isfinite(start_s) and math.isfinite(end_s)):
        raise AudioError(f"{waveform.name}: cannot cut from {start_s} s to {end_s} s")
    start, end = (
        min(max(round(second * waveform.sample_rate), 0), n) for second in (start_s, end_s)
    )
    if start >= end:
        raise AudioError(
            f"{waveform.name}: no sound from {start_s:.3f} s to {end_s:.3f} s; "
            f"choose a part of its {waveform.duration_s:.3f} s"
        )
    scaled = np.rint(waveform.samples[start:end] * np.float32(32768))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(waveform.sample_rate)
        writer.writeframes(np.clip(scaled, -32768, 32767).astype("<i2").tobytes())
    return buffer.getvalue()


class _Blocks(soundfile.SoundFile):
    """A sound file read forwards only.

    soundfile seeks after every read where it can, which fails on FLAC files of unknown length.
    """

    def seekable(self) -> bool:
        return False


class _Source:
    """A stream whose seeks never raise.

    Damaged headers send libsndfile to places before the start; an exception there would be
    printed to stderr with its traceback. Having no name, it also keeps soundfile from judging
    by the extension.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.read, self.readinto, self.tell = stream.read, stream.readinto, stream.tell
        self._seek = stream.seek

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with contextlib.suppress(ValueError, OSError):
            self._seek(offset, whence)
        return self.tell()


def _check_bytes(n_bytes: int, name: str, limits: AudioLimits) -> None:
    if n_bytes == 0:
        raise AudioError(f"{name}: the file is empty (0 bytes); record or export the sound again")
    if n_bytes > limits.max_bytes:
        raise AudioError(
            f"{name}: {n_bytes / 1e6:,.1f} MB, above the limit of {limits.max_bytes / 1e6:,.1f} "
            "MB; cut it into shorter pieces"
        )


def _check_length(n_samples: int, sample_rate: int, name: str, limits: AudioLimits) -> None:
    if n_samples > limits.max_duration_s * sample_rate:
        raise AudioError(
            f"{name}: lasts {n_samples / sample_rate:,.1f} s or more, above the limit of "
            f"{limits.max_duration_s:,.0f} s; cut it into shorter pieces"
        )
    if n_samples > limits.max_samples:
        raise AudioError(
            f"{name}: {n_samples:,} samples or more at {sample_rate} Hz, above the limit of "
            f"{limits.max_samples:,}; cut it into shorter pieces or lower its sample rate"
        )


def _check_header(sound: soundfile.SoundFile, name: str, limits: AudioLimits) -> None:
    """Everything the header states, before anything is decoded."""
    if sound.format not in _SNDFILE_FORMATS:
        raise AudioError(f"{name}: {sound.format_info} is not supported; convert it to {_FORMATS}")
    if sound.channels > limits.max_channels:
        raise AudioError(
            f"{name}: {sound.channels} channels, above the limit of {limits.max_channels}; "
            "mix it down to mono or stereo"
        )
    if not limits.min_sample_rate <= sound.samplerate <= limits.max_sample_rate:
        raise AudioError(
            f"{name}: sample rate {sound.samplerate} Hz, outside {limits.min_sample_rate:,} to "
            f"{limits.max_sample_rate:,} Hz; resample it, e.g. to 16000 Hz"
        )
    if sound.frames != _SNDFILE_UNKNOWN_LENGTH:
        _check_length(sound.frames, sound.samplerate, name, limits)


def _decode(stream: BinaryIO, name: str, limits: AudioLimits) -> Waveform:
    head = stream.read(512)
    stream.seek(0)
    failure: Exception | None = None
    # Grown as sound arrives: a header that lies about its length costs no memory.
    mono = bytearray()
    try:
        with _Blocks(_Source(stream)) as sound:
            _check_header(sound, name, limits)
            sample_rate, stated = sound.samplerate, sound.frames
            # The last block of a damaged file fails as a whole; those before it are kept.
            try:
                while len(block := sound.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
                    with np.errstate(invalid="ignore", over="ignore"):
                        mono += block.mean(axis=1, dtype=np.float64).astype(np.float32).tobytes()
                    _check_length(len(mono) // 4, sample_rate, name, limits)
            except soundfile.LibsndfileError as error:
                failure = error
    except soundfile.LibsndfileError as error:
        # libsndfile's own message shows an object's address, so it is not passed on.
        raise AudioError(_unreadable(head, name)) from error
    samples = np.frombuffer(mono, dtype=np.float32)
    if not len(samples):
        if failure:
            raise AudioError(_unreadable(head, name)) from failure
        raise AudioError(f"{name}: holds no samples; record or export the sound again")
    notes: tuple[str, ...] = ()
    # Lengths in MP3 headers are estimates, so only a clear shortfall is worth a remark.
    short = stated != _SNDFILE_UNKNOWN_LENGTH and len(samples) < 0.95 * stated
    if failure or short:
        notes = (
            f"the file is damaged or cut off: only its first {len(samples) / sample_rate:.2f} s "
            "could be decoded",
        )
    return Waveform(samples, sample_rate, name, notes)


def _unreadable(head: bytes, name: str) -> str:
    """Why libsndfile could not open a file that starts with `head`, and what to do."""
    for offset, signature, what in _OTHER_FORMATS:
        if head[offset:].startswith(signature):
            return f"{name}: is {what}, which is not supported; convert it to {_FORMATS}"
    for offset, signature, what in _KNOWN_FORMATS:
        if head[offset:].startswith(signature):
            return (
                f"{name}: starts like {what} but cannot be decoded: it is damaged, cut off or "
                f"uses an unsupported codec; export it again as {_FORMATS}"
            )
    if all(byte in b"\t\n\f\r" or byte >= 0x20 for byte in head):
        return f"{name}: holds text, not sound; give a {_FORMATS} file"
    return f"{name}: not a sound that can be decoded; give a {_FORMATS} file"
