"""What the levels of a sound's channels say: samples beyond the scale, channels that cancel."""

from __future__ import annotations

import numpy as np

_LOUD = 2.0  # 6 dB above full scale: no mixing or encoding overshoots by so much
# 20 dB below the channels. Even 64 channels that have nothing in common stay above.
_CANCELLED = 0.1
_SILENT = 1e-4  # RMS, -80 dB: below this there is nothing that could cancel


class Levels:
    """Peak and power of channels and of their mean, gathered block by block."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._power = 0.0  # sum over samples of the mean square over channels
        self._mean_power = 0.0
        self._n = 0

    def add(self, channels: np.ndarray, mean: np.ndarray) -> None:
        """Take a block, (n, channels) float32, and its mean, (n,)."""
        self._n += len(mean)
        if channels.shape[1] > 1:
            flat = channels.ravel(order="K")
            self._power += float(np.dot(flat, flat)) / channels.shape[1]
            self._mean_power += float(np.dot(mean, mean))
        self._peak = max(self._peak, float(channels.max()), -float(channels.min()))

    def notes(self) -> tuple[str, ...]:
        """Remarks for the user."""
        notes = []
        if self._peak > _LOUD:
            notes.append(
                f"Samples reach {self._peak:,.2f}, where 1 is full scale. Scale the sound to "
                "[-1, 1] and tag it again: its tags may be wrong."
            )
        is_heard = self._power > _SILENT**2 * self._n
        if is_heard and self._mean_power < _CANCELLED**2 * self._power:
            notes.append(
                "The channels are in opposite phase and cancel in their mean, which is what is "
                "tagged. Export one channel as mono and tag that."
            )
        return tuple(notes)
