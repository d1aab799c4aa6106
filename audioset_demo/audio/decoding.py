"""From a file or its bytes to blocks of mono samples, whatever its format and however long.

`formats` finds out what a file is and where in it the sound is, `ffmpeg` decodes it; here it is
opened, mixed down, checked and kept within limits.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import soxr

from audioset_demo.audio.bytestream import ByteStream, whole
from audioset_demo.audio.ffmpeg import Block, Track
from audioset_demo.audio.formats import (
    AUDIO_EXTENSIONS,
    FORMATS,
    Source,
    Unreadable,
    damaged,
    identify,
)
from audioset_demo.audio.levels import Levels
from audioset_demo.audio.limits import AudioLimits
from audioset_demo.errors import AudioError
from audioset_demo.names import MAX_NAME, shortened

__all__ = ["AUDIO_EXTENSIONS", "Sound", "check_finite", "open_sound"]


class Decoder(Protocol):
    """What reads one file, or one of several that were joined.

    Attributes
    ----------
    stated_s : seconds by the header or by an estimate; None where there is neither.
    states_truth : whether those are certain, not a claim.
    n_left_out : packets that could not be decoded. Known once all blocks were read, as are
    ends_within_packet : whether the last packet is incomplete, and
    jump_s : how far the time stamps jump where no silence was put, or None.
    """

    sample_rate: int
    n_channels: int
    stated_s: float | None
    states_truth: bool
    n_left_out: int
    ends_within_packet: bool
    jump_s: float | None

    def blocks(self) -> Iterator[Block]: ...

    def close(self) -> None: ...


class Sound:
    """An open sound file, to be read once and forwards. Close it, or use it in a `with`.

    Files that were joined are one sound, at the sample rate of the first; the others are resampled.

    Attributes
    ----------
    name : file name shown to the user.
    sample_rate : samples per second (Hz).
    notes : remarks for the user; complete once all blocks were read. A sound is called

        * cut off, if its last packet or page is incomplete, or if it states where in the file
          its samples are and the file ends before that. A header that only states a length is not
          believed: a stream that ends with a whole packet is whole. A capture, which begins within
          a packet, may end within one;
        * damaged, if packets could not be decoded.
    """

    def __init__(
        self, source: Source, name: str, limits: AudioLimits, file: contextlib.ExitStack
    ) -> None:
        self._source, self._limits, self._file = source, limits, file
        self.name = name
        self.notes: tuple[str, ...] = ()
        self._n = 0  # samples so far
        self._n_values = 0  # the same, of all channels
        self._is_read = False
        self._n_left_out = 0  # packets, and parts that could not be opened
        self._jump_s: float | None = None
        self._decoders = self._opened()
        self._decoder = next(self._decoders)  # of the part that is being read
        self.sample_rate = self._decoder.sample_rate

    @property
    def duration_s(self) -> float | None:
        """Seconds: once all blocks were read, of the sound; before, of what its header states.

        That is for a progress bar only, and None where it states nothing.
        """
        heard_s = self._n / self.sample_rate
        if self._is_read:
            return heard_s
        stated_s = self._decoder.stated_s if len(self._source.parts) == 1 else None
        return stated_s and max(stated_s, heard_s)

    def blocks(self) -> Iterator[np.ndarray]:
        """Blocks of mono samples: (n,) float32, finite, n >= 1; at least one.

        Raises
        ------
        AudioError : nothing can be decoded, NaN or infinity among the samples, or more of them
            than the limits allow.
        """
        levels = Levels()
        for block in self._at_one_rate(levels):
            check_finite(block, self.sample_rate, self.name, first=self._n)
            self._n += len(block)
            self._limits.check_length(self._n, self.sample_rate, self.name)
            yield block
        if not self._n:
            raise AudioError(f"{self.name} {self._why_empty()}")
        self._is_read = True
        self.notes = (*self._reading_notes(), *levels.notes())

    def close(self) -> None:
        self._decoder.close()
        self._file.close()

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _opened(self) -> Iterator[Decoder]:
        """A decoder for each part; the one before it is closed."""
        decoder, failed = None, None
        for part in self._source.parts:
            if decoder:
                decoder.close()
            try:
                decoder = _decoder(self._source, part, self._limits)
            except Unreadable as error:
                failed = failed or error
                self._n_left_out += not self._source.is_capture
                continue
            _check_header(decoder, self.name, self._limits)
            yield decoder
        if not decoder:
            raise AudioError(f"{self.name} {failed}") from failed

    def _blocks(self) -> Iterator[Block]:
        following: Decoder | None = self._decoder
        while following:
            decoder = self._decoder = following
            for block in decoder.blocks():
                self._check_work(block)
                yield block
            self._n_left_out += decoder.n_left_out
            self._jump_s = self._jump_s or decoder.jump_s
            following = next(self._decoders, None)

    def _check_work(self, block: Block) -> None:
        """A stream may change its rate, and any number of samples may stand in a few bytes."""
        self._limits.check_rate(block.sample_rate, self.name)
        self._n_values += block.samples.size
        self._limits.check_values(self._n_values, self.name)

    def _at_one_rate(self, levels: Levels) -> Iterator[np.ndarray]:
        """The mean over channels, at the sample rate of the first part."""
        for rate, blocks in groupby(self._blocks(), attrgetter("sample_rate")):
            mono = (_mean(block.samples, levels) for block in blocks)
            yield from _resampled(mono, rate, self.sample_rate)

    def _is_cut(self) -> bool:
        ends_early = self._source.is_cut or self._decoder.ends_within_packet
        return ends_early and not self._source.is_capture

    def _why_empty(self) -> str:
        if self._is_cut() or self._n_left_out:
            return damaged(self._source.title)
        return "holds no samples. Record or export the sound again."

    def _reading_notes(self) -> Iterator[str]:
        n_left_out = self._n_left_out - self._decoder.ends_within_packet
        if self._is_cut():
            yield (
                f"The file is damaged or cut off: only its first {self.duration_s:.2f} s could be "
                "decoded."
            )
        if n_left_out > 0:
            yield (
                f"The file is damaged: {n_left_out:,} of its packets could not be decoded and are "
                "replaced by silence."
            )
        if self._jump_s is not None:
            yield (
                f"The time stamps jump by {self._jump_s:,.0f} s, more than a sound may last. "
                "The jump was ignored."
            )


def open_sound(
    source: str | Path | bytes, name: str | None = None, limits: AudioLimits | None = None
) -> Sound:
    """Open a sound file at its own sample rate.

    WAV, W64, FLAC, OGG (Vorbis, Opus, FLAC, Speex), MP3, MP2, AIFF, CAF and AU; M4A, MP4, MOV and
    3GP, WebM and Matroska, AAC and AMR, WMA and AVI. Of a file with pictures or several tracks,
    the first track of sound that can be decoded is read. The kind is found in the content, never
    in the name, and nothing that a file refers to is ever opened.

    Parameters
    ----------
    source : path of the file, or its bytes.
    name : shown to the user in results and errors; by default the file's name.
    limits : of channels, rate and bytes are checked first, those of length while decoding.

    Raises
    ------
    AudioError : not a readable sound, or one beyond the limits.
    """
    limits = limits or AudioLimits()
    with contextlib.ExitStack() as resources:
        if isinstance(source, bytes):
            name = shortened(name or "sound", MAX_NAME)
            file: BinaryIO = io.BytesIO(source)
        else:
            path = Path(source)
            name = shortened(name or path.name, MAX_NAME)
            file = resources.enter_context(_open_file(path, name))
        stream = whole(file)
        limits.check_bytes(stream.size, name)
        try:
            found = identify(stream)
        except Unreadable as error:
            raise AudioError(f"{name} {error}") from error
        return Sound(found, name, limits, resources.pop_all())


def check_finite(samples: np.ndarray, sample_rate: int, name: str, first: int = 0) -> None:
    """Raise `AudioError` if NaN or infinity is among samples, of which `first` came before."""
    # The sum of squares passes NaN and infinity on, and needs one pass and no array; that of very
    # large samples is infinite, too.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.dot(samples, samples)):
            return
    if len(places := np.flatnonzero(~np.isfinite(samples))):
        place = first + int(places[0])
        raise AudioError(
            f"{name} holds NaN or infinite samples, the first at {place / sample_rate:.3f} s. "
            "Export the sound again, e.g. as 16-bit PCM."
        )


def _open_file(path: Path, name: str) -> BinaryIO:
    try:
        if not path.is_file():
            what = f"{path} is not a file." if path.exists() else f"There is no file {path}."
            raise AudioError(f"{what} Give the path of a {FORMATS} file.")
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(f"{name} cannot be opened ({reason}). Check the path.") from error


def _decoder(source: Source, part: ByteStream, limits: AudioLimits) -> Decoder:
    if source.demuxer == "free-format mp3":
        from audioset_demo.audio.libsndfile import FreeFormatMp3

        return FreeFormatMp3(part, source.title)
    return Track(part, source.demuxer, source.title, limits.max_duration_s)


def _mean(channels: np.ndarray, levels: Levels) -> np.ndarray:
    """(n, channels) to their mean, (n,) float32."""
    n_channels = channels.shape[1]
    with np.errstate(invalid="ignore", over="ignore"):
        if n_channels == 1:
            mean = channels[:, 0]
        elif n_channels == 2:  # exact but for the one rounding of the sum
            mean = (channels[:, 0] + channels[:, 1]) * np.float32(0.5)
        else:
            mean = channels.mean(axis=1, dtype=np.float64).astype(np.float32)
        levels.add(channels, mean)
    return mean


def _resampled(blocks: Iterator[np.ndarray], rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """Blocks (n,) float32 at another rate (Hz), none of them empty."""
    if rate == to_rate:
        yield from blocks
        return
    resampler = soxr.ResampleStream(rate, to_rate, 1, "float32", "HQ")
    for block in blocks:
        if len(resampled := resampler.resample_chunk(block)):
            yield resampled
    if len(rest := resampler.resample_chunk(np.empty(0, np.float32), last=True)):
        yield rest


def _check_header(decoder: Decoder, name: str, limits: AudioLimits) -> None:
    """What is certain before anything is decoded; lengths are mostly claims."""
    limits.check_channels(decoder.n_channels, name)
    limits.check_rate(decoder.sample_rate, name)
    if decoder.states_truth and decoder.stated_s:
        n_samples = round(decoder.stated_s * decoder.sample_rate)
        limits.check_length(n_samples, decoder.sample_rate, name)
