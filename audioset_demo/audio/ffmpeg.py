"""The engine: FFmpeg's libraries, from one file to blocks of samples at their places in time.

A file is data from a stranger, and FFmpeg can do more than decode it. So the demuxer is forced,
never guessed; it reads from the stream alone, and no protocol is allowed for anything that a file
refers to; only decoders of sound in common use may open.

Headers are claims: nothing that they state ends the reading, and a track ends where its last
packet does. Times are those of the packets where the format stamps them:

* MP4 and Matroska: where the sound starts late or stops for a while, there is silence;
* Opus and Vorbis in Ogg, and FLAC: the same within the sound; it starts at 0;
* the others state no times: their samples follow one another, and a packet that cannot be decoded
  is as much silence.

Stamps are rounded (Matroska's to 1 ms), so only a jump of more than 10 ms is one. Stamps that go
back lose nothing: by more than a second, the clock starts again; by less, they are taken to be
wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

from audioset_demo.audio.bytestream import ByteStream
from audioset_demo.audio.formats import FORMATS, Unreadable, damaged

# FFmpeg's names of decoders.
_CODECS = (
    "aac", "ac3", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "alac", "amrnb", "amrwb", "eac3",
    "flac", "gsm", "gsm_ms", "mp1float", "mp2", "mp2float", "mp3", "mp3float",
    "opus", "pcm_alaw", "pcm_f32be", "pcm_f32le", "pcm_f64be", "pcm_f64le", "pcm_mulaw",
    "pcm_s16be", "pcm_s16le", "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_s64le",
    "pcm_s8", "pcm_u8", "speex", "vorbis", "wmapro", "wmav1", "wmav2",
)  # fmt: skip
_OPTIONS = {"protocol_whitelist": "", "codec_whitelist": ",".join(_CODECS)}
# Before PyAV 19, tags that are not UTF-8 are an error; since then they never are.
_MAJOR = int(av.__version__.split(".")[0])
_TAGS: dict[str, Any] = {"metadata_errors": "replace"} if _MAJOR < 19 else {}
_STAMPED = ("mov", "matroska", "flac")
_STAMPED_IN_OGG = ("opus", "vorbis")  # FFmpeg guesses the stamps of others' first pages
_MAY_START_LATE = ("mov", "matroska")
_JUMP_S = 0.01
_RESTART_S = 1.0
_ALAC_FRAMES = 2**16  # in a packet, at most; encoders take 4,096, and FFmpeg allows 16 million
_UNSAFE_PLANES = 8
_BLOCK_FRAMES = 2**14  # samples of each channel that are handed on at a time


@dataclass(frozen=True)
class Block:
    """Samples (n, channels) float32, in [-1, 1] as integers are scaled, and their rate in Hz."""

    samples: np.ndarray
    sample_rate: int


class Track:
    """The first track of sound in a file that can be decoded; a `decoding.Decoder`.

    The silence that an encoder puts before the sound (priming) is left out where the file states
    it: in an MP3's LAME tag, the edit list of an MP4, the codec delay of a WebM, the pre-skip of
    Opus. What fills the last packet stays in Vorbis and ADPCM, and before FFmpeg 9 in MP4: up to
    1,024 samples of AAC. AAC and AMR on their own state neither.

    Parameters
    ----------
    demuxer, title : FFmpeg's name of the format, and its name for the user.
    longest_s : a jump of the stamps beyond so many seconds is not filled with silence.

    Raises
    ------
    Unreadable : damaged, without sound, or in a codec that is not supported.
    """

    def __init__(self, stream: ByteStream, demuxer: str, title: str, longest_s: float) -> None:
        self._demuxer, self._longest_s = demuxer, longest_s
        self.n_left_out = 0
        self.ends_within_packet = False
        self.jump_s: float | None = None
        stream.seek(0)
        try:
            self._container = av.open(stream, "r", format=demuxer, options=_OPTIONS, **_TAGS)
        except (av.FFmpegError, ValueError) as error:
            raise Unreadable(damaged(title)) from error
        try:
            self._track = self._usable_track(title)
        except Exception:
            self.close()
            raise
        context = self._track.codec_context
        self.sample_rate, self.n_channels = context.sample_rate, context.layout.nb_channels
        self.stated_s = self._stated_s()
        in_ogg = demuxer == "ogg" and context.name in _STAMPED_IN_OGG
        self._is_stamped = in_ogg or demuxer in _STAMPED
        # Of plain samples there are no more than there are bytes.
        self.states_truth = demuxer in ("wav", "w64") and context.name.startswith("pcm_")

    def blocks(self) -> Iterator[Block]:
        kind, waiting, to_float = None, av.AudioFifo(), av.AudioResampler("flt")
        for frame in self._placed() if self._is_stamped else self._in_order():
            if isinstance(frame, Block):  # silence
                yield from _as_float(waiting, to_float)
                yield frame
                continue
            # Joined streams and HE-AAC change rate and channels on the way.
            found = frame.format.name, frame.layout.name, frame.rate
            if found != kind or waiting.samples >= _BLOCK_FRAMES:
                yield from _as_float(waiting, to_float)
            if found != kind:
                kind, waiting, to_float = found, av.AudioFifo(), av.AudioResampler("flt")
            frame.pts = None  # the fifo would refuse a gap
            waiting.write(frame)
        yield from _as_float(waiting, to_float)

    def close(self) -> None:
        self._container.close()

    def _usable_track(self, title: str) -> av.AudioStream:
        tracks = self._container.streams.audio
        if not tracks:
            raise Unreadable(f"is {title} without a sound track. Give a file with sound.")
        names = []
        for track in tracks:
            context = track.codec_context  # None for codecs without a decoder, as an iPhone's APAC
            if context and context.name in _CODECS and not _asks_for_memory(context):
                return track
            names.append(context.name if context else "unknown")
        raise Unreadable(
            f"is {title} in the codec {names[0]}, which is not supported. Export it again as "
            f"{FORMATS}."
        )

    def _stated_s(self) -> float | None:
        """Seconds by the header: a claim, in some formats an estimate from the bit rate."""
        track = self._track
        if track.duration:
            return _seconds(track.duration + (track.start_time or 0), track.time_base)
        return self._container.duration / av.time_base if self._container.duration else None

    def _decoded(self) -> Iterator[tuple[int, list[av.AudioFrame]]]:
        """The frames of each packet, behind the number of samples that were lost before them."""
        packets = self._container.demux(self._track)
        lost = 0
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                self.ends_within_packet = True
                return
            if packet is None:
                return
            if packet.size:  # the last one of PyAV is empty, and asks for what is left
                self.ends_within_packet = packet.is_corrupt
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.ends_within_packet = True
                self.n_left_out += 1
                lost += round((_seconds(packet.duration, packet.time_base) or 0) * self.sample_rate)
                continue
            if frames:
                yield lost, frames
                lost = 0

    def _in_order(self) -> Iterator[av.AudioFrame | Block]:
        """The frames one after another, and silence in place of packets that were lost."""
        for lost, frames in self._decoded():
            if lost:
                yield from _silence(lost, self.sample_rate)
            yield from frames

    def _placed(self) -> Iterator[av.AudioFrame | Block]:
        """The frames, and silence where their stamps leave some."""
        heard_s = 0.0  # of the sound, up to where the last frame ended
        clock_s = 0.0 if self._demuxer in _MAY_START_LATE else None  # its end by the stamps
        offset_s = 0.0  # from the stamps to the sound
        for frame in (frame for _, frames in self._decoded() for frame in frames):
            stamp_s = _seconds(frame.pts, frame.time_base)
            if stamp_s is None:  # as some frames after damage
                stamp_s = clock_s or 0.0
            if clock_s is None or stamp_s + offset_s < heard_s - _RESTART_S:
                clock_s, offset_s = stamp_s, heard_s - stamp_s
            gap_s = stamp_s + offset_s - heard_s
            if gap_s > self._longest_s:
                self.jump_s, offset_s, gap_s = gap_s, heard_s - stamp_s, 0.0
            if min(gap_s, stamp_s - clock_s) > _JUMP_S:
                yield from _silence(round(gap_s * frame.sample_rate), frame.sample_rate)
                heard_s += gap_s
                self.n_left_out += self._demuxer == "flac"  # where only damage leaves gaps
            length_s = frame.samples / frame.sample_rate
            clock_s = stamp_s + length_s
            heard_s += length_s
            yield frame


def _as_float(waiting: av.AudioFifo, to_float: av.AudioResampler) -> Iterator[Block]:
    """All that waits; integers of b bits / 2 ** (b - 1).

    By FFmpeg, into one plane, but for what is float already: PyAV reads beyond the planes of a
    frame that has eight or more.
    """
    while frame := waiting.read(2 * _BLOCK_FRAMES, partial=True):
        if frame.format.name == "fltp" and frame.layout.nb_channels < _UNSAFE_PLANES:
            yield Block(frame.to_ndarray().T, frame.sample_rate)
            continue
        for packed in to_float.resample(frame):
            yield Block(packed.to_ndarray().reshape(packed.samples, -1), packed.sample_rate)


def _seconds(stamp: int | None, time_base: Fraction | None) -> float | None:
    return float(stamp * time_base) if stamp is not None and time_base else None


def _silence(n: int, sample_rate: int) -> Iterator[Block]:
    """So many samples, in blocks."""
    block = np.zeros((min(n, _BLOCK_FRAMES), 1), np.float32)
    for start in range(0, n, _BLOCK_FRAMES):
        yield Block(block[: n - start], sample_rate)


def _asks_for_memory(context: av.AudioCodecContext) -> bool:
    """Whether an ALAC track states packets so long that gigabytes would be needed."""
    cookie = context.extradata or b""
    return context.name == "alac" and int.from_bytes(cookie[12:16], "big") > _ALAC_FRAMES
