"""A file, or a part of it: what one clip of a set is cut from."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from audioset_demo.audio.decoding import Sound
from audioset_demo.audio.waveform import Waveform
from audioset_demo.encoders.logmel import EXAMPLE_FRAMES, EXAMPLE_SAMPLES, HOP_SAMPLES, SAMPLE_RATE

# A frame is heard in a little more than the 0.96 s that it stands for. A part is read as far beyond
# its offset, so that one of n times 0.96 s gives n frames.
BEYOND_S = (EXAMPLE_SAMPLES - EXAMPLE_FRAMES * HOP_SAMPLES) / SAMPLE_RATE
ROUNDING_S = 0.1  # by which an offset may lie beyond the end of the file
_DECIMALS = 6  # of seconds
_NAME = re.compile(r"(.+)#t=(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?", re.DOTALL)


@dataclass(frozen=True)
class Excerpt:
    """A file from `onset_s` to `offset_s` (seconds; None: to its end).

    Its name is the file's; that of a part ends as the fragment of an address of media does:
    rec.wav#t=1.5,3.
    """

    file: str
    onset_s: float = 0.0
    offset_s: float | None = None

    @property
    def is_whole(self) -> bool:
        return self.onset_s == 0 and self.offset_s is None

    @property
    def name(self) -> str:
        if self.is_whole:
            return self.file
        ends = [self.onset_s] if self.offset_s is None else [self.onset_s, self.offset_s]
        return f"{self.file}#t={','.join(map(_in_digits, ends))}"

    @classmethod
    def named(cls, name: str) -> Excerpt:
        """The one of that name."""
        found = _NAME.fullmatch(name)
        if not found:
            return cls(name)
        file, onset, offset = found.groups()
        return cls(file, float(onset), None if offset is None else float(offset))

    def times_s(self, duration_s: float) -> tuple[float, float]:
        """Where it begins and ends in its file, of which `duration_s` were read from its onset."""
        end_s = self.onset_s + duration_s
        return self.onset_s, end_s if self.offset_s is None else min(end_s, self.offset_s)

    def __str__(self) -> str:
        end = "the end" if self.offset_s is None else f"{_in_digits(self.offset_s)} s"
        return f"{self.file} from {_in_digits(self.onset_s)} s to {end}"


def cut(sound: Sound, excerpts: Sequence[Excerpt]) -> Iterator[tuple[Excerpt, Waveform]]:
    """Parts of a sound, which is read once and no further than needed, each when it is complete.

    One that lies beyond the end is left out.

    Raises
    ------
    AudioError
        If the sound cannot be decoded.
    """
    waiting = deque(sorted(excerpts, key=lambda excerpt: excerpt.onset_s))
    begun: list[_Cut] = []
    n = 0
    for block in sound.blocks():
        end = n + len(block)
        while waiting and round(waiting[0].onset_s * sound.sample_rate) < end:
            begun.append(_Cut(waiting.popleft(), sound))
        for part in begun:
            part.add(block, n)
        n = end
        yield from (part.result() for part in begun if part.stop <= n)
        begun = [part for part in begun if part.stop > n]
        if not begun and not waiting:
            return
    yield from (part.result() for part in begun if part.may_end_at(n))


class _Cut:
    """The samples of an excerpt, added block by block."""

    def __init__(self, excerpt: Excerpt, sound: Sound):
        self._excerpt, self._sound = excerpt, sound
        self._start = round(excerpt.onset_s * sound.sample_rate)
        self._pieces: list[np.ndarray] = []
        self.stop = np.inf
        if excerpt.offset_s is not None:
            self.stop = round((excerpt.offset_s + BEYOND_S) * sound.sample_rate)

    def add(self, block: np.ndarray, first: int) -> None:
        """A block whose first sample has the number `first`."""
        start = max(self._start - first, 0)
        stop = int(min(self.stop - first, len(block)))
        self._pieces.append(block[start:stop].copy())

    def may_end_at(self, n: int) -> bool:
        """Whether all of it is there, but for rounding, where the sound has `n` samples."""
        offset_s = self._excerpt.offset_s
        return offset_s is None or offset_s <= n / self._sound.sample_rate + ROUNDING_S

    def result(self) -> tuple[Excerpt, Waveform]:
        samples = np.concatenate(self._pieces)
        return self._excerpt, Waveform(samples, self._sound.sample_rate, self._excerpt.name)


def _in_digits(seconds: float) -> str:
    return f"{seconds:.{_DECIMALS}f}".rstrip("0").rstrip(".")
