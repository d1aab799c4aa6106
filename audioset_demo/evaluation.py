"""Evaluation of clip scores: per-class average precision, AUC, and d'.

Macro averages over classes, as in the papers: AP is step-wise, d' is computed from the mean AUC. A
class with no positive (or no negative) clip is left out of the means and counted.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from audioset_demo.errors import DataError

# Classes made contiguous in memory at a time: few enough to stay in the processor's cache.
BLOCK = 16


@dataclass(frozen=True)
class Evaluation:
    """Per-class figures (K,), NaN where undefined, and their means."""

    average_precision: np.ndarray
    auc: np.ndarray
    n_clips: int

    @property
    def mean_average_precision(self) -> float:
        return float(np.nanmean(self.average_precision))

    @property
    def mean_auc(self) -> float:
        return float(np.nanmean(self.auc))

    @property
    def d_prime(self) -> float:
        return d_prime(self.mean_auc)

    @property
    def n_left_out(self) -> int:
        return int(np.isnan(self.average_precision).sum())

    def to_json(self) -> dict:
        return {
            "mAP": self.mean_average_precision,
            "AUC": self.mean_auc,
            "d_prime": self.d_prime,
            "clips": self.n_clips,
            "classes": len(self.average_precision) - self.n_left_out,
            "classes_left_out": self.n_left_out,
        }


def d_prime(auc: float) -> float:
    """d' of an AUC: the distance between two unit normals that are separated that well."""
    if auc in (0.0, 1.0):
        return float(np.copysign(np.inf, auc - 0.5))
    return float(np.sqrt(2) * NormalDist().inv_cdf(auc))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Spearman's rank correlation of two (n,) arrays; None where one of them is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each value; equal ones share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def evaluate_scores(targets: np.ndarray, scores: np.ndarray) -> Evaluation:
    """Score predictions against labels.

    Parameters
    ----------
    targets : (N, K) bool
    scores : (N, K) float, higher means more likely

    Raises
    ------
    DataError
        If the shapes differ, a score is not finite, or no class can be evaluated.
    """
    if targets.shape != scores.shape:
        raise DataError(
            f"The labels have the shape {targets.shape} and the scores {scores.shape}. Use a model "
            "and data with the same clips and classes."
        )
    if not np.isfinite(scores).all():
        raise DataError(
            f"{int((~np.isfinite(scores)).sum())} scores are not finite, because the model has "
            "diverged. Use an earlier checkpoint or a lower learning rate."
        )
    n_clips, n_classes = targets.shape
    precision = np.full(n_classes, np.nan)
    auc = np.full(n_classes, np.nan)
    for start in range(0, n_classes, BLOCK):
        block_targets = np.ascontiguousarray(targets[:, start : start + BLOCK].T)
        block_scores = np.ascontiguousarray(scores[:, start : start + BLOCK].T)
        for k, (is_positive, column) in enumerate(zip(block_targets, block_scores, strict=True)):
            positive = column[is_positive]
            if 0 < len(positive) < n_clips:
                precision[start + k], auc[start + k] = _precision_and_auc(positive, column)
    if np.isnan(precision).all():
        raise DataError(
            f"None of the {n_classes} classes has both positive and negative clips among the "
            f"{n_clips} clips. Evaluate on a set that has both for at least one class."
        )
    return Evaluation(precision, auc, n_clips)


def _precision_and_auc(positive: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """Average precision and AUC of one class; clips with equal scores are retrieved together.

    Both need only the ranks of the few positives among all clips: one sort without indices (which
    numpy vectorises) and a search for each positive.

    Parameters
    ----------
    positive : (P,) scores of the positive clips
    scores : (N,) scores of all clips, the positive ones among them
    """
    positive, ordered = np.sort(positive), np.sort(scores)
    n_positive, n = len(positive), len(ordered)
    below = np.searchsorted(ordered, positive, "left")
    positive_below = np.searchsorted(positive, positive, "left")
    up_to = np.searchsorted(ordered, positive, "right")
    positive_up_to = np.searchsorted(positive, positive, "right")
    precision = (n_positive - positive_below) / (n - below)
    # Negative clips that score below a positive one; a tie counts half.
    beaten = (below - positive_below) + (up_to - positive_up_to)
    return precision.mean(), beaten.sum() / 2 / (n_positive * (n - n_positive))
