"""What the pictures of a sound need, collected while it is read once: small at any length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audioset_demo.audio.decoding import Sound
from audioset_demo.audio.waveform import Waveform
from audioset_demo.embeddings.frames import Progress
from audioset_demo.encoders.logmel import N_MELS
from audioset_demo.encoders.streaming import listen

COLUMNS = 5_000  # of waveform and spectrogram, at least: enough to look closely at ten minutes


@dataclass(frozen=True)
class DrawnSound:
    """A sound, ready to be drawn.

    Attributes
    ----------
    low, high : (n,) the least and greatest sample of n equal parts
    log_mel : (m, 64) over the whole duration; None below one spectrogram frame (25 ms)
    duration_s : in seconds
    notes : remarks for the user on how it was read
    """

    low: np.ndarray
    high: np.ndarray
    log_mel: np.ndarray | None
    duration_s: float
    notes: tuple[str, ...]


class Overview:
    """Collects what the pictures of a sound need while it is read; a `streaming.Listener`."""

    def __init__(self, sound: Waveform | Sound):
        self._sound = sound
        self._wave, self._spectrogram = Maxima(2, COLUMNS), Maxima(N_MELS, COLUMNS)
        self._n_samples = 0

    def add_samples(self, samples: np.ndarray) -> None:
        self._wave.add(np.stack([-samples, samples], axis=1))
        self._n_samples += len(samples)

    def add_log_mel(self, rows: np.ndarray) -> None:
        self._spectrogram.add(rows)

    def drawn(self) -> DrawnSound:
        """What was collected, once the sound was read to its end."""
        extremes, mel = self._wave.rows(), self._spectrogram.rows()
        return DrawnSound(
            low=-extremes[:, 0],
            high=extremes[:, 1],
            log_mel=mel if len(mel) else None,
            duration_s=self._n_samples / self._sound.sample_rate,
            notes=self._sound.notes,
        )


def draw(sound: Waveform | Sound, progress: Progress | None = None) -> DrawnSound:
    """Read a sound to its end for its pictures alone.

    Parameters
    ----------
    progress : called with the seconds read and the seconds in all, or None where the file does not
        state its length; an exception that it raises ends the work

    Raises
    ------
    AudioError : the sound cannot be decoded.
    """
    overview = Overview(sound)
    listen(sound, [overview], progress)
    return overview.drawn()


class Maxima:
    """The maximum over equal groups of rows, which grow so that at most twice `n` are ever held.

    The maximum keeps short events visible that a mean would wash out.
    """

    def __init__(self, width: int, n: int):
        self._n = n
        self._joined = 1  # rows that one held row stands for
        self._held = np.empty((0, width), np.float32)
        self._waiting = np.empty((0, width), np.float32)  # less than one held row

    def add(self, rows: np.ndarray) -> None:
        """Take more rows, (m, width)."""
        waiting = np.concatenate([self._waiting, rows])
        whole = len(waiting) // self._joined * self._joined
        self._held = np.concatenate([self._held, _pooled(waiting[:whole], self._joined)])
        self._waiting = waiting[whole:]
        while len(self._held) > 2 * self._n:
            pairs = len(self._held) // 2 * 2
            # A row without a partner waits for one; its maximum is the same however often it is.
            odd = np.repeat(self._held[pairs:], self._joined, axis=0)
            self._waiting = np.concatenate([odd, self._waiting])
            self._held = _pooled(self._held[:pairs], 2)
            self._joined *= 2

    def rows(self) -> np.ndarray:
        """The groups' maxima, in order of time; up to `n` rows are those that were added."""
        rest = self._waiting.max(axis=0, keepdims=True) if len(self._waiting) else self._waiting
        return np.concatenate([self._held, rest])


def _pooled(rows: np.ndarray, k: int) -> np.ndarray:
    return rows.reshape(-1, k, rows.shape[1]).max(axis=1)
