"""How well a signal of the frames finds a sound: within a clip, and over all clips.

Shapes: N clips of at most T frames, S segments, C classes, P pairs of a clip and a class, M scores.
"""

import warnings
from dataclasses import dataclass

import numpy as np

MAX_FPR = 0.1
LEAST_CLIPS = 50  # of a class that counts in a macro mean
BOOTSTRAPS = 1000
# Frames begin every 0.96 s: in hundredths, so that borders which meet are equal.
FRAME, SEGMENT = 96, 100


def within_clip_auc(signal: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Share of pairs of a frame inside and one outside that are in the right order; a tie is half.

    Parameters
    ----------
    signal : (N, T, C) float
    inside, outside : (N, T, C) bool, frames in events of a class, and the clip's other frames

    Returns
    -------
    (N, C) float64, NaN where a clip has no frame inside or none outside.
    """
    found = np.full(inside.shape[::2], np.nan)
    clips, classes = np.nonzero(inside.any(axis=1) & outside.any(axis=1))
    values, within = signal[clips, :, classes], inside[clips, :, classes]
    pairs = within[:, :, None] & outside[clips, :, classes][:, None, :]
    above = values[:, :, None] > values[:, None, :]
    equal = values[:, :, None] == values[:, None, :]
    ordered = (pairs & above).sum(axis=(1, 2)) + (pairs & equal).sum(axis=(1, 2)) / 2
    found[clips, classes] = ordered / pairs.sum(axis=(1, 2))
    return found


def class_means(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Means over clips of each class, of (N, C) with NaN where a clip does not count.

    Parameters
    ----------
    weights : (B, N), how often each clip counts; None: once

    Returns
    -------
    (C,), or (B, C) with weights; NaN without clips.
    """
    known = ~np.isnan(values)
    weights = np.ones(len(values)) if weights is None else weights
    with np.errstate(invalid="ignore"):
        return (weights @ np.where(known, values, 0)) / (weights @ known)


def draws(n_clips: int, times: int = BOOTSTRAPS) -> np.ndarray:
    """Bootstrap over clips, the same for all that is compared: how often each counts, (B, N)."""
    rng = np.random.default_rng(0)
    return rng.multinomial(n_clips, np.full(n_clips, 1 / n_clips), times).astype(np.float32)


def interval(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle 95 % of bootstrapped figures (B, ...), each (...); NaN where all are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a class without clips
        low, high = np.nanpercentile(means, (2.5, 97.5), axis=0)
    return low, high


def segment_scores(signal: np.ndarray) -> np.ndarray:
    """Of each segment of 1 s, the maximum of the frames that overlap it.

    Parameters
    ----------
    signal : (N, T, C) float, NaN after a clip's last frame

    Returns
    -------
    (N, S, C), NaN where no frame overlaps; the last segment ends with the last frame or after it.
    """
    n_frames = signal.shape[1]
    n_segments = -(-n_frames * FRAME // SEGMENT)
    found = np.empty((len(signal), n_segments, signal.shape[2]), signal.dtype)
    for s in range(n_segments):
        first, last = s * SEGMENT // FRAME, -(-(s + 1) * SEGMENT // FRAME)
        found[:, s] = np.fmax.reduce(signal[:, first:last], axis=1)
    return found


@dataclass(frozen=True)
class Curve:
    """Counts at each threshold, the highest first: what scores at least as high is taken.

    Attributes
    ----------
    thresholds : (M,) distinct scores
    hits, false_alarms : (M,) counts
    positives, negatives : counts of all
    """

    thresholds: np.ndarray
    hits: np.ndarray
    false_alarms: np.ndarray
    positives: int
    negatives: int

    @classmethod
    def of(cls, scores: np.ndarray, positive: np.ndarray) -> "Curve":
        """From scores (M,) float and truths (M,) bool."""
        order = np.argsort(-scores)
        scores, hits = scores[order], np.cumsum(positive[order])
        ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
        taken, hits = ends + 1, hits[ends]
        n_positive = int(positive.sum())
        return cls(scores[ends], hits, taken - hits, n_positive, len(positive) - n_positive)

    def partial_auc(self, max_fpr: float = MAX_FPR) -> float:
        """Mean true-positive rate where the false-positive rate is up to `max_fpr`.

        1 at best, `max_fpr / 2` by chance; NaN where one of the two kinds is missing.
        """
        if not self.positives or not self.negatives:
            return float("nan")
        fpr = np.append(0, self.false_alarms / self.negatives)
        tpr = np.append(0, self.hits / self.positives)
        inner = fpr <= max_fpr
        x = np.append(fpr[inner], max_fpr)
        y = np.append(tpr[inner], np.interp(max_fpr, fpr, tpr))
        return float(np.trapezoid(y, x) / max_fpr)

    def best_threshold(self) -> float:
        """The threshold of the highest F1, infinite where nothing is positive."""
        if not self.positives:
            return float("inf")
        f1 = 2 * self.hits / (self.positives + self.hits + self.false_alarms)
        return float(self.thresholds[f1.argmax()])


@dataclass(frozen=True)
class SegmentFigures:
    """Figures of each class over segments: (C,) each, NaN where undefined."""

    partial_auc: np.ndarray
    f1: np.ndarray


def segment_figures(scores: np.ndarray, truth: np.ndarray, half: np.ndarray) -> SegmentFigures:
    """Partial AUC, the mean of both halves, and F1 with thresholds from the other half.

    Parameters
    ----------
    scores : (N, S, C), NaN where a clip has no such segment
    truth : (N, S, C) bool
    half : (N,) bool, to which half of the clips each belongs
    """
    found = [_of_class(scores[..., c], truth[..., c], half) for c in range(scores.shape[2])]
    partial, f1 = np.array(found).T
    return SegmentFigures(partial, f1)


def _of_class(scores: np.ndarray, truth: np.ndarray, half: np.ndarray) -> tuple[float, float]:
    halves = []
    for rows in (half, ~half):
        real = ~np.isnan(scores[rows])
        halves.append((scores[rows][real], truth[rows][real]))
    curves = [Curve.of(*each) for each in halves]
    hits = taken = positives = 0
    for (values, positive), other in zip(halves, curves[::-1], strict=True):
        chosen = values >= other.best_threshold()
        hits += int((chosen & positive).sum())
        taken += int(chosen.sum())
        positives += int(positive.sum())
    f1 = 2 * hits / (taken + positives) if positives else float("nan")
    return float(np.mean([curve.partial_auc() for curve in curves])), f1
