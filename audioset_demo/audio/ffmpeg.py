"""What phones and browsers record: MP4, WebM, AAC and AMR, read with FFmpeg's libraries.

A file is data from a stranger, and FFmpeg can do more than decode it. So the demuxer is forced,
never guessed; it reads from the stream alone, and no protocol is allowed for anything that a file
refers to; only decoders of sound in common use may open.
"""

from __future__ import annotations

import io
import struct
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
# In an MP4: boxes that hold boxes, and where in its body a table states its number of samples.
_BOXES_OF_BOXES = frozenset(
    b"dinf edts mdia minf moof moov mvex sinf stbl traf trak tref udta wave".split()
)
_COUNTS = {b"stsz": 8, b"trun": 4}
_BLOCK_FRAMES = 2**14  # samples of each channel that are handed on at a time


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
        if demuxer == "mov":
            _check_tables(stream, title)
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
        frame, kind, waiting = self._first, None, av.AudioFifo()
        while frame is not None:
            if frame.sample_rate != self.sample_rate:
                self.broke_off = True
                break
            changed = kind != (frame.format.name, frame.layout.name)
            if changed or waiting.samples >= _BLOCK_FRAMES:
                yield from self._as_float(waiting)
            if changed:  # HE-AAC may turn from mono to stereo
                kind, waiting = (frame.format.name, frame.layout.name), av.AudioFifo()
            frame.pts = None  # what is missing in between leaves no gap
            waiting.write(frame)
            frame = next(self._frames, None)
        yield from self._as_float(waiting)

    def _as_float(self, waiting: av.AudioFifo) -> Iterator[np.ndarray]:
        """All samples that wait, (n, channels) float32; integers of b bits / 2 ** (b - 1).

        By FFmpeg, into one plane: PyAV reads beyond the planes of a frame that has eight or more.
        """
        frame = waiting.read()
        if frame is None:
            return
        try:
            for packed in av.AudioResampler("flt").resample(frame):
                yield packed.to_ndarray().reshape(packed.samples, -1)
        except av.FFmpegError:
            self.n_left_out += 1

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


def _check_tables(stream: BinaryIO, title: str) -> None:
    """Refuse an MP4 that states more samples than it has bytes.

    FFmpeg makes room for as many as are stated: four kilobytes could ask for gigabytes.
    """
    n_bytes = stream.seek(0, io.SEEK_END)
    place, ends = 0, [n_bytes]  # of the boxes around the place
    while place + 8 <= ends[-1]:
        stream.seek(place)
        head = stream.read(32)
        size, kind = struct.unpack_from(">I4s", head)
        body = 16 if size == 1 else 8
        if size == 1 and len(head) >= 16:
            (size,) = struct.unpack_from(">Q", head, 8)
        # As FFmpeg does: 0 stands for the rest, and no box is longer than the one around it.
        end = ends[-1] if size == 0 else min(place + max(size, body), ends[-1])
        count_at = body + _COUNTS.get(kind, len(head))
        if len(head) >= count_at + 4 and struct.unpack_from(">I", head, count_at)[0] > n_bytes:
            raise Unreadable(f"starts like {title} but is damaged")
        if kind in _BOXES_OF_BOXES:
            ends.append(end)
            place += body
        else:
            place = end
        while len(ends) > 1 and place + 8 > ends[-1]:
            place = ends.pop()
    stream.seek(0)
