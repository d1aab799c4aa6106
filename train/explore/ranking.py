"""Clips ranked by the score of one class: thresholds, curves, and AP of weighted clips."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Ranking:
    """Clips by falling score.

    Attributes
    ----------
    clips : (N,) which clip is at each place
    scores : (N,) falling
    positive : (N,) bool, whether it has the label
    """

    clips: np.ndarray
    scores: np.ndarray
    positive: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, positive: np.ndarray) -> "Ranking":
        """The ranking of clips from their scores (N,) and labels (N,) bool."""
        clips = np.argsort(-scores, kind="stable")
        return cls(clips, scores[clips], positive[clips])

    @cached_property
    def ends(self) -> np.ndarray:
        """Where each score of a clip with the label ends: (M,) places, rising.

        Clips of equal score are retrieved together.
        """
        return np.unique(np.searchsorted(-self.scores, -self.scores[self.positive], "right"))

    @property
    def thresholds(self) -> np.ndarray:
        """The scores (M,) of clips with the label, each once, falling."""
        return self.scores[self.ends - 1]

    @property
    def found(self) -> np.ndarray:
        """Clips (M,) with the label that score at least each threshold."""
        return np.cumsum(self.positive)[self.ends - 1]

    @property
    def false(self) -> np.ndarray:
        """Clips (M,) without the label that score at least each threshold."""
        return self.ends - self.found

    def weighted_average_precision(self, weights: np.ndarray) -> np.ndarray:
        """AP (B,) where clips count `weights` (N, B) times each; NaN where none has the label."""
        places = np.flatnonzero(self.positive)
        starts = np.append(0, self.ends[:-1])
        drawn = weights[self.clips[: self.ends[-1]]]
        retrieved = np.add.reduceat(drawn, starts, axis=0, dtype=np.int32).cumsum(axis=0)
        first = np.searchsorted(places, starts)
        hits = np.add.reduceat(drawn[places], first, axis=0, dtype=np.int32)
        precision = hits.cumsum(axis=0) / np.maximum(retrieved, 1)
        with np.errstate(invalid="ignore"):
            return (hits * precision).sum(axis=0) / hits.sum(axis=0)


def clip_weights(n_clips: int, replicates: int, seed: int = 0) -> np.ndarray:
    """How often each clip is drawn in each bootstrap replicate: (N, B) uint8."""
    rng = np.random.default_rng(seed)
    weights = np.empty((n_clips, replicates), np.uint8)
    for b in range(replicates):
        weights[:, b] = np.bincount(rng.integers(n_clips, size=n_clips), minlength=n_clips)
    return weights


def corners(found: np.ndarray, false: np.ndarray, n_negative: int, most: int) -> np.ndarray:
    """The thresholds to keep of a curve's (M,), at most `most` of them: those that bend it most.

    Each next one is where the lines through those kept so far are farthest from the precision, or
    from the false-positive rate, that it has.
    """
    curves = _curves(found, false, n_negative)
    kept = np.array([0, len(found) - 1])
    while len(kept) < min(most, len(found)):
        kept = np.sort(np.append(kept, _distance(found, curves, kept).argmax()))
    return np.unique(kept)


def curve_error(found: np.ndarray, false: np.ndarray, n_negative: int, kept: np.ndarray) -> float:
    """How far the lines through the kept thresholds are, at most, from a curve.

    Of precision or false-positive rate, at the same recall.
    """
    return float(_distance(found, _curves(found, false, n_negative), kept).max())


def _curves(found: np.ndarray, false: np.ndarray, n_negative: int) -> np.ndarray:
    return np.stack([found / (found + false), false / n_negative])


def _distance(found: np.ndarray, curves: np.ndarray, kept: np.ndarray) -> np.ndarray:
    lines = np.stack([np.interp(found, found[kept], curve[kept]) for curve in curves])
    distance = np.abs(curves - lines).max(axis=0)
    distance[kept] = -1.0
    return distance if len(kept) < len(found) else np.maximum(distance, 0.0)
