"""How far a recording's category is believed: a guess that the teacher does not hear is dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from audioset_demo.encoders.logmel import EXAMPLE_SAMPLES
from audioset_demo.labels import Label
from train.compact_encoder.sounds.categories import relatives
from train.compact_encoder.sounds.recordings import Recording, at_least_one_window

# Least score, in any window, of the category's classes or their relatives.
HEARD = 0.03
MAX_WINDOWS = 12


def without_denied(
    recordings: list[Recording],
    teacher: Callable,
    columns: np.ndarray,
    labels: tuple[Label, ...],
) -> list[Recording]:
    """The recordings, where no guessed category is left that the teacher hears nothing of.

    Parameters
    ----------
    teacher : called with (15600,) samples.
    columns : (K,) the teacher's column for each class, -1 where it has none.
    """
    near = relatives(labels)

    def denied(recording: Recording) -> bool:
        if recording.category is None or recording.certainty == 1:
            return False
        family = {other for index in recording.category.expected for other in near[index]}
        heard = columns[sorted(family)]
        heard = heard[heard >= 0]
        return heard.size > 0 and _loudest_scores(recording, teacher)[heard].max() < HEARD

    progress = tqdm(recordings, desc="checking guessed categories", unit="file")
    return [replace(item, category=None) if denied(item) else item for item in progress]


def _loudest_scores(recording: Recording, teacher: Callable) -> np.ndarray:
    """(C,) the highest score of each of the teacher's classes over windows of the recording."""
    samples = at_least_one_window(recording.samples())
    last = len(samples) - EXAMPLE_SAMPLES
    n_windows = min(MAX_WINDOWS, 1 + last // EXAMPLE_SAMPLES)
    starts = np.linspace(0, last, n_windows).astype(int)
    return np.max([teacher(samples[s : s + EXAMPLE_SAMPLES]).scores for s in starts], axis=0)
