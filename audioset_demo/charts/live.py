"""The timeline of a sound that is still coming: the player's pictures of its last minute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audioset_demo.charts.overview import DrawnSound
from audioset_demo.charts.player import tags_timeline
from audioset_demo.encoders.live import LiveSound
from audioset_demo.encoders.logmel import HOP_SAMPLES, N_MELS
from audioset_demo.tagging import Tagging

COLUMN_ROWS = 12  # log-mel rows of a column, 0.12 s: it divides every hop, so columns stay the same
MAX_CLASSES = 8
LEAST_SCORE = 0.1  # below this, nothing is said to be heard


def live_timeline(sound: LiveSound, minute: Tagging) -> dict:
    """The last minute for the player's pictures (`player.tags_timeline`).

    Parameters
    ----------
    minute : the tags of `sound.embeddings`, which may have come before its last samples.
    """
    minute = replace(minute, duration_s=len(sound.samples) / (100 * HOP_SAMPLES))
    return tags_timeline(minute, heard_classes(minute), draw(sound))


def heard_classes(minute: Tagging) -> list[int]:
    """Indices of up to eight classes with the highest frame scores, at least one, by name.

    In this order, rows keep their places while scores rise and fall.
    """
    highest = minute.frame_scores.max(axis=0)
    first, *others = np.argsort(-highest, kind="stable")[:MAX_CLASSES].tolist()
    heard = [first, *(k for k in others if highest[k] >= LEAST_SCORE)]
    return sorted(heard, key=lambda k: minute.labels[k].name)


def draw(sound: LiveSound) -> DrawnSound:
    """Waveform and spectrogram of the last minute, at least one column long."""
    n = len(sound.log_mel) // COLUMN_ROWS
    levels = sound.samples[: n * COLUMN_ROWS * HOP_SAMPLES].reshape(n, -1) / np.float32(32768)
    return DrawnSound(
        low=levels.min(axis=1),
        high=levels.max(axis=1),
        log_mel=sound.log_mel[: n * COLUMN_ROWS].reshape(n, COLUMN_ROWS, N_MELS).max(axis=1),
        duration_s=n * COLUMN_ROWS / 100,
        notes=(),
    )
