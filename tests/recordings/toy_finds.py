"""Finds for tests, without a model: some scores of some classes in some recordings."""

from datetime import datetime

import numpy as np

from audioset_demo.labels import Label
from audioset_demo.recordings.finds import Finds, Recording


def recordings(n: int, start: datetime | None = None) -> tuple[Recording, ...]:
    return tuple(Recording(f"/r/{k}.wav", 1, 1, 60.0, start, None) for k in range(n))


def finds_of(scores, of_label=None, of_recording=None, starts_s=None, given=None) -> Finds:
    """Finds of a second each."""
    n = len(scores)
    of_label = np.zeros(n, int) if of_label is None else np.array(of_label)
    of_recording = np.zeros(n, int) if of_recording is None else np.array(of_recording)
    starts_s = np.arange(n, dtype=float) if starts_s is None else np.array(starts_s, float)
    labels = tuple(Label(k, f"class {k}", f"/m/{k}") for k in range(max([*of_label, 0]) + 1))
    return Finds(
        given or recordings(max([*of_recording, 0]) + 1), labels, of_recording, of_label, starts_s,
        starts_s + 1, np.array(scores, float), "event", "a model", "an encoder", 0,
    )  # fmt: skip
