"""A long sound as finely as a page may look at it: its pictures of a part, made from what is kept.

`overview` holds a picture of the whole, whose columns are seconds long after hours of sound. Kept
here are 10 ms of spectrogram a row and 2.5 ms of wave, in 29 MB an hour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from audioset_demo.encoders.logmel import HOP_SAMPLES, LOG_OFFSET, N_MELS, SAMPLE_RATE

ROWS_PER_S = SAMPLE_RATE / HOP_SAMPLES
WAVE_S = 0.0025  # of the sound in a row of the wave
MAX_COLUMNS = 2_000  # of a picture: two for each pixel of the player
_LOWEST = math.log(LOG_OFFSET)  # of log-mel
_LEVELS = 25.0  # of log-mel for 1: a step is 0.04, and 255 of them reach beyond full scale


@dataclass(frozen=True)
class DetailedSound:
    """The rows of a sound.

    Attributes
    ----------
    wave : (n, 2) float16, the least and greatest sample of n parts of `wave_s` seconds
    levels : (m, 64) uint8, the log-mel spectrogram in steps
    """

    wave: np.ndarray
    wave_s: float
    levels: np.ndarray


@dataclass(frozen=True)
class Part:
    """A part of a sound, ready to be drawn.

    Attributes
    ----------
    wave : (n, 2), the least and greatest sample of n equal parts
    wave_from_s, wave_to_s : where they begin and end
    log_mel : (m, 64) equal parts
    first_row, last_row : where they begin and end, in rows of the whole sound
    """

    wave: np.ndarray
    wave_from_s: float
    wave_to_s: float
    log_mel: np.ndarray
    first_row: int
    last_row: int


class Detail:
    """Collects the rows while a sound is read; a `streaming.Listener`."""

    def __init__(self, sample_rate: int):
        self._n = max(1, round(WAVE_S * sample_rate))
        self._wave_s = self._n / sample_rate
        self._waiting = np.empty(0, np.float32)
        self._wave: list[np.ndarray] = []
        self._levels: list[np.ndarray] = []

    def add_samples(self, samples: np.ndarray) -> None:
        waiting = np.concatenate([self._waiting, samples])
        whole = len(waiting) // self._n * self._n
        self._wave.append(_extremes(waiting[:whole].reshape(-1, self._n)))
        self._waiting = waiting[whole:]

    def add_log_mel(self, rows: np.ndarray) -> None:
        steps = np.rint((rows - _LOWEST) * _LEVELS)
        self._levels.append(steps.clip(0, 255).astype(np.uint8))

    def sound(self) -> DetailedSound:
        """What was collected, once the sound was read to its end."""
        rest = [_extremes(self._waiting[None])] if len(self._waiting) else []
        levels = np.concatenate([np.empty((0, N_MELS), np.uint8), *self._levels])
        return DetailedSound(np.concatenate([*self._wave, *rest]), self._wave_s, levels)


def part_of(sound: DetailedSound, start_s: float, end_s: float) -> Part:
    """The rows that the seconds from `start_s` to `end_s` touch, joined to few columns."""
    first, last, n_wave = _grouped(start_s / sound.wave_s, end_s / sound.wave_s, len(sound.wave))
    low, high = sound.wave[first:last].T
    wave = np.stack([_joined(low, n_wave, np.minimum), _joined(high, n_wave, np.maximum)], axis=1)
    first_row, last_row, n_rows = _grouped(
        start_s * ROWS_PER_S, end_s * ROWS_PER_S, len(sound.levels)
    )
    levels = _joined(sound.levels[first_row:last_row], n_rows, np.maximum)
    return Part(
        wave=wave.astype(np.float32),
        wave_from_s=first * sound.wave_s,
        wave_to_s=last * sound.wave_s,
        log_mel=levels / np.float32(_LEVELS) + np.float32(_LOWEST),
        first_row=first_row,
        last_row=last_row,
    )


def _extremes(rows: np.ndarray) -> np.ndarray:
    return np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1).astype(np.float16)


def _grouped(start: float, end: float, n: int) -> tuple[int, int, int]:
    """First and last of the rows that a part touches, in whole groups; and the rows of a group.

    The last group may reach beyond the `n` rows.
    """
    first = min(max(0, math.floor(start)), max(0, n - 1))
    n_touched = max(1, min(math.ceil(end), n) - first)
    in_group = 1 + (n_touched - 1) // MAX_COLUMNS
    return first, first + in_group * math.ceil(n_touched / in_group), in_group


def _joined(rows: np.ndarray, k: int, join: np.ufunc) -> np.ndarray:
    """Each `k` rows as one; the last one may be of fewer."""
    if not len(rows):
        return rows
    return join.reduceat(rows, np.arange(0, len(rows), k), axis=0)
