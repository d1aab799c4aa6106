"""What phones and browsers record: MP4, WebM, AAC and AMR, read with FFmpeg's libraries.

A file is data from a stranger, and FFmpeg can do more than decode it. So the demuxer is forced,
never guessed; it reads from the stream alone, and no protocol is allowed for anything that a file
refers to; only decoders of sound in common use may open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import av
import numpy as np

# FFmpeg's names of decoders.
_CODECS = (
    "aac", "ac3", "alac", "amrnb", "amrwb", "eac3", "flac", "mp3", "mp3float", "opus", "vorbis",
    "pcm_alaw", "pcm_f32be", "pcm_f32le", "pcm_mulaw", "pcm_s16be", "pcm_s16le", "pcm_s24be",
    "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_s8", "pcm_u8",
)  # fmt: skip
_OPTIONS = {"protocol_whitelist": "", "codec_whitelist": ",".join(_CODECS)}
# Of the demuxers used, those whose stated lengths are no estimate from the bit rate.
_STATE_LENGTHS = ("mov", "matroska")


class Unreadable(Exception):
    """Why a file cannot be read, in words that follow its name."""


class ContainerFile:
    """The first sound track of a file; a `decoding.Decoder`.

    The silence that an encoder puts before the sound (priming) is left out where the file states
    it, in the edit list of an MP4 or the codec delay of a WebM. What fills the last packet stays:
    up to one packet, 1,024 samples of AAC. AAC and AMR on their own state neither.

    Parameters
    ----------
    demuxer : FFmpeg's name of the format.
    title : its name for the user.

    Raises
    ------
    Unreadable : damaged, without sound, or in a codec that is not supported.
    """

    def __init__(self, stream: BinaryIO, demuxer: str, title: str) -> None:
        self.format = title
        self.broke_off = False
        self.n_left_out = 0
        try:
            self._container = av.open(stream, format=demuxer, options=_OPTIONS)
        except (av.FFmpegError, ValueError) as error:
            raise Unreadable(f"starts like {title} but is damaged or cut off") from error
        try:
            self._track = self._first_track(title)
            self._frames = self._decoded()
            # What a frame says goes before the header: HE-AAC's header states half the rate.
            self._first = next(self._frames, None)
        except Exception:
            self.close()
            raise
        said = self._track if self._first is None else self._first
        self.sample_rate, self.n_channels = said.sample_rate, said.layout.nb_channels
        self.n_samples = self._stated(demuxer)

    def blocks(self) -> Iterator[np.ndarray]:
        frame = self._first
        while frame is not None:
            if frame.sample_rate != self.sample_rate:
                self.broke_off = True
                return
            yield _as_float(frame)
            frame = next(self._frames, None)

    def close(self) -> None:
        self._container.close()

    def _first_track(self, title: str) -> av.AudioStream:
        tracks = self._container.streams.audio
        if not tracks:
            raise Unreadable(f"is {title} without a sound track")
        codec = tracks[0].codec_context and tracks[0].codec_context.name
        if codec not in _CODECS:
            raise Unreadable(f"is {title} in the codec {codec}, which is not supported")
        return tracks[0]

    def _stated(self, demuxer: str) -> int | None:
        """Samples that the header states for the track."""
        if demuxer not in _STATE_LENGTHS:
            return None
        if self._track.duration:
            return round(self._track.duration * self._track.time_base * self.sample_rate)
        # A WebM states the length of its longest track.
        if self._container.duration and len(self._container.streams) == 1:
            return round(self._container.duration / av.time_base * self.sample_rate)
        return None

    def _decoded(self) -> Iterator[av.AudioFrame]:
        packets = self._container.demux(self._track)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                self.broke_off = True
                return
            if packet is None:
                return
            try:
                yield from packet.decode()
            except av.FFmpegError:
                self.n_left_out += 1


def _as_float(frame: av.AudioFrame) -> np.ndarray:
    """Samples of a frame, (n, channels) float32; integers of b bits divided by 2 ** (b - 1)."""
    values = frame.to_ndarray()
    values = values.T if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels)
    if values.dtype.kind == "f":
        return values.astype(np.float32, copy=False)
    half = 2.0 ** (8 * values.dtype.itemsize - 1)
    shift = half if values.dtype.kind == "u" else 0.0
    return ((values - shift) / half).astype(np.float32)
