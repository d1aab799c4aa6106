"""How well probabilities hold on labelled clips: Brier score, log loss, calibration error."""

from dataclasses import dataclass

import numpy as np

from train.tagger.calibrate_fit import log_loss

BINS = 15
RESAMPLINGS = 1000
AT_A_TIME = 100
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Figure:
    """A value, and its 95 % interval by bootstrap over clips."""

    value: float
    low: float
    high: float


def reliability(probabilities: np.ndarray, y: np.ndarray) -> dict[str, Figure]:
    """Figures of probabilities (N, K) of labels (N, K) bool.

    "brier" and "log_loss" are means over pairs of clip and class. "ece" is the expected calibration
    error over those pairs, "ece_top" that of each clip's most probable class: the mean, over 15
    bins that hold equally many, of |mean probability - share of labels|.
    """
    clips = np.arange(len(y))
    top = probabilities.argmax(axis=1)
    return {
        "brier": _mean(((probabilities - y) ** 2).mean(axis=1)),
        "log_loss": _mean(log_loss(probabilities, y).mean(axis=1)),
        "ece": _calibration_error(probabilities, y),
        "ece_top": _calibration_error(probabilities[clips, top][:, None], y[clips, top][:, None]),
    }


def _mean(of_clips: np.ndarray) -> Figure:
    means = np.concatenate([draws @ of_clips / len(of_clips) for draws in _draws(len(of_clips))])
    return Figure(float(of_clips.mean()), *_interval(means))


def _calibration_error(probabilities: np.ndarray, y: np.ndarray) -> Figure:
    n_clips, n_classes = y.shape
    edges = np.quantile(probabilities, np.arange(1, BINS) / BINS)
    bins = np.searchsorted(edges, probabilities, side="right")
    places = (bins + BINS * np.arange(n_clips)[:, None]).ravel()
    surplus = np.bincount(places, (probabilities - y).ravel(), n_clips * BINS)
    surplus = surplus.reshape(n_clips, BINS)  # of probability over labels, by clip and bin
    n_pairs = n_clips * n_classes
    errors = np.concatenate(
        [np.abs(draws @ surplus).sum(axis=1) / n_pairs for draws in _draws(n_clips)]
    )
    return Figure(float(np.abs(surplus.sum(axis=0)).sum() / n_pairs), *_interval(errors))


def _draws(n_clips: int):
    """How often each clip is drawn, (100, N) at a time: the same for whatever is measured."""
    rng = np.random.default_rng(0)
    for _ in range(0, RESAMPLINGS, AT_A_TIME):
        drawn = rng.integers(0, n_clips, (AT_A_TIME, n_clips))
        yield np.stack([np.bincount(row, minlength=n_clips) for row in drawn]).astype(np.float64)


def _interval(values: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, INTERVAL)
    return float(low), float(high)


@dataclass(frozen=True)
class Decisions:
    """Means over classes of F1, precision and recall where a class counts from its threshold.

    `silent` classes count in no clip: they have no precision, and 0 as F1 and recall.
    """

    f1: float
    precision: float
    recall: float
    silent: int


def decisions(scores: np.ndarray, y: np.ndarray, thresholds: np.ndarray | float) -> Decisions:
    """Decisions on scores (N, K) float32 and labels (N, K) bool by thresholds, (K,) or one."""
    counted = scores >= np.asarray(thresholds, np.float32)
    right, n, labelled = (counted & y).sum(0), counted.sum(0), y.sum(0)
    known = labelled > 0
    spoken = n > 0
    return Decisions(
        f1=float((2 * right[known] / (n + labelled)[known]).mean()),
        precision=float((right[spoken] / n[spoken]).mean()) if spoken.any() else 0.0,
        recall=float((right[known] / labelled[known]).mean()),
        silent=int((~spoken).sum()),
    )
