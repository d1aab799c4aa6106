"""What scoring the evaluation set has shown of a model, class by class; stored beside it."""

import io
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np

from audioset_demo.embeddings.arrays import npz_arrays
from audioset_demo.errors import CheckpointError, FeaturesError
from audioset_demo.models.published import PublishedModel

EVIDENCE_FILE = "evidence.npz"
# Histograms of scores are even in the logit: most scores of a class are near 0.
LOGIT_EDGES = np.linspace(-9.0, 5.0, 21)
REMEDY = "Write it again with `python -m train explore --data AUDIOSET/eval.h5`."
MOST_CHANGE = 0.01  # of an AP, between the machine that evaluated a model and the one that explored


@dataclass(frozen=True)
class Evidence:
    """Figures of K classes on one set of clips.

    Attributes
    ----------
    ap, low, high : (K,) float32, average precision and its 95 % interval: bootstrap over clips
    auc : (K,) float32
    replicates : (B, K) int8, the bootstrap of AP: `ap + scale * replicates`. Replicates of the same
        row are of the same clips in every model, so that models can be compared in pairs
    scale : (K,) float32
    thresholds : (K, P) float16, scores of some clips with the label, falling; NaN where there are
        fewer than P
    found, false : (K, P) uint16, clips with and without the label that score at least that
    curve_error : (K,) float32, how far the lines through those are, at most, from the precision or
        the false-positive rate of all thresholds
    histogram : (K, 2, 20) uint16, clips without and with the label, by `LOGIT_EDGES`
    confused, n_confused : (K, 8) uint16, classes that false alarms carry more often than other
        clips do, most first, and how many carry each; false alarms are the clips without the label
        among as many highest-scored clips as have it
    n_false : (K,) uint16, false alarms
    unlabelled, unlabelled_scores : (K, 12) uint16 and float16, the highest-scored clips without
        the label
    missed, missed_scores : (K, 12), the lowest-scored clips with it
    vindicated : (K, 3) uint8, of the 50 highest-scored clips without the label: those in which the
        strong labels have the class, those in which they lack it, and those they do not cover
    """

    ap: np.ndarray
    low: np.ndarray
    high: np.ndarray
    auc: np.ndarray
    replicates: np.ndarray
    scale: np.ndarray
    thresholds: np.ndarray
    found: np.ndarray
    false: np.ndarray
    curve_error: np.ndarray
    histogram: np.ndarray
    confused: np.ndarray
    n_confused: np.ndarray
    n_false: np.ndarray
    unlabelled: np.ndarray
    unlabelled_scores: np.ndarray
    missed: np.ndarray
    missed_scores: np.ndarray
    vindicated: np.ndarray

    @property
    def n_positive(self) -> np.ndarray:
        """Clips (K,) with the label."""
        return self.histogram[:, 1].sum(axis=1, dtype=np.int64)

    @property
    def n_negative(self) -> np.ndarray:
        """Clips (K,) without it."""
        return self.histogram[:, 0].sum(axis=1, dtype=np.int64)

    def bootstrap(self) -> np.ndarray:
        """AP (B, K) of the replicates, whose mean is the AP itself."""
        return self.ap + self.scale * self.replicates

    def curve(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Thresholds of class `k`, falling, and the clips with and without the label from there."""
        known = np.isfinite(self.thresholds[k])
        return (
            self.thresholds[k, known].astype(np.float64),
            self.found[k, known].astype(np.int64),
            self.false[k, known].astype(np.int64),
        )


ARRAYS = tuple(field.name for field in fields(Evidence))


def evidence(model: PublishedModel) -> Evidence | None:
    """The evidence of a published model; None where there is none.

    Raises
    ------
    CheckpointError : it is damaged, or of another training than the model's figures.
    """
    path = model.path.parent / EVIDENCE_FILE
    if not path.is_file():
        return None
    found = _read(path, path.stat().st_mtime_ns)
    known = model.average_precision()
    measured = np.array([known.get(k, np.nan) for k in range(len(found.ap))])
    if not np.nanmax(np.abs(measured - found.ap), initial=0.0) < MOST_CHANGE:
        raise CheckpointError(
            f"{path} is not of the training of '{model.name}' that is published now. {REMEDY}"
        )
    return found


@lru_cache(maxsize=32)
def _read(path: Path, written_ns: int) -> Evidence:
    """The file as it was at a time: of another one, the cache has no entry."""
    return read_evidence(path)


def read_evidence(path: Path) -> Evidence:
    """The evidence in a file.

    Raises
    ------
    CheckpointError : the file is damaged.
    """
    try:
        arrays, _ = npz_arrays(io.BytesIO(path.read_bytes()), str(path), ARRAYS, remedy=REMEDY)
    except (OSError, FeaturesError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}). {REMEDY}") from None
    classes = {array.shape[-1 if name == "replicates" else 0] for name, array in arrays.items()
               if array.ndim}  # fmt: skip
    if set(arrays) != set(ARRAYS) or len(classes) != 1 or not all(
        np.issubdtype(array.dtype, np.number) for array in arrays.values()
    ):  # fmt: skip
        raise CheckpointError(f"{path} is not what `python -m train explore` wrote. {REMEDY}")
    return Evidence(**arrays)
