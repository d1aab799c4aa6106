"""Evaluation of clip scores: per-class average precision, AUC, and d'.

Macro over classes, as in the papers: AP is step-wise, d' is taken from the mean AUC. A class
with no positive (or no negative) clip has neither figure: it is left out of the means, and counted.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from audioset_demo.errors import DataError


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
    """Separation of two unit normals that an area under the ROC curve corresponds to."""
    return float(np.sqrt(2) * norm.ppf(auc))


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
            f"Labels are {targets.shape} and scores {scores.shape}: the model and the data must "
            "have the same clips and classes."
        )
    if not np.isfinite(scores).all():
        raise DataError(
            f"{int((~np.isfinite(scores)).sum())} scores are not finite: the model has diverged. "
            "Use an earlier checkpoint or a lower learning rate."
        )
    n_clips, n_classes = targets.shape
    precision = np.full(n_classes, np.nan)
    auc = np.full(n_classes, np.nan)
    positives = targets.sum(axis=0)
    for k in np.flatnonzero((positives > 0) & (positives < n_clips)):
        precision[k] = average_precision_score(targets[:, k], scores[:, k])
        auc[k] = roc_auc_score(targets[:, k], scores[:, k])
    if np.isnan(precision).all():
        raise DataError(
            f"None of the {n_classes} classes has both positive and negative clips among "
            f"{n_clips}: there is nothing to evaluate."
        )
    return Evaluation(precision, auc, n_clips)
