"""How the AP of each class grew as a model was trained; stored beside the model."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from audioset_demo.errors import CheckpointError
from audioset_demo.models.published import PublishedModel

OVER_TRAINING_FILE = "over_training.csv"
INDEX, COUNT = "index", "clips"


@dataclass(frozen=True)
class OverTraining:
    """AP on clips that were held out of the training.

    Attributes
    ----------
    iterations : (C,) int, of the checkpoints
    ap : (K, C) float, NaN for a class without clips
    n_clips : (K,) int, the clips with each label among those that were scored
    """

    iterations: np.ndarray
    ap: np.ndarray
    n_clips: np.ndarray


def over_training(model: PublishedModel) -> OverTraining | None:
    """The AP of a published model's classes over its training; None where it was not measured.

    Raises
    ------
    CheckpointError : the table is damaged.
    """
    path = model.path.parent / OVER_TRAINING_FILE
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else None


@lru_cache(maxsize=32)
def _read(path: Path, written_ns: int) -> OverTraining:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file))
        if header[:2] != [INDEX, COUNT] or [int(row[0]) for row in rows] != list(range(len(rows))):
            raise ValueError("it has other columns or classes")
        iterations = np.array([int(name) for name in header[2:]])
        ap = np.array([[float(value or "nan") for value in row[2:]] for row in rows])
        n_clips = np.array([int(row[1]) for row in rows])
        return OverTraining(iterations, ap.reshape(len(rows), len(iterations)), n_clips)
    except (OSError, ValueError, csv.Error) as error:
        raise CheckpointError(
            f"{path} is not what `python -m train over-training` wrote ({error}). Run "
            "that command again."
        ) from None
