"""Fitting a calibration to the scores and labels of clips that the model has not seen.

Each class has a line of its own in log odds (Platt's map), drawn towards one line for all classes
by a normal prior: of some six clips with the label, a line alone would be noise. How far classes
may stand from the common line is chosen by the log loss on clips left out of the fit, and so is
whether a class with enough clips has isotonic steps besides.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import inf

import numpy as np
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from audioset_demo.models.calibration import PRECISIONS, THRESHOLDS, Steps
from audioset_demo.models.calibration_file import rounded

# Standard deviations over classes: of the logarithm of the slope, of the log odds at the pivot.
SLOPE_SPREADS = (0.0, 0.1, 0.2, 0.4)
SHIFT_SPREADS = (0.0, 0.125, 0.25, 0.5)
FOLDS = 5
LEAST_FOR_STEPS = 50  # clips with the label
SMALLEST = 1e-12  # probability in a log loss
UPDATES, LARGEST_UPDATE, CLOSE_ENOUGH = 50, 1.0, 1e-6


@dataclass(frozen=True)
class Lines:
    """Of K classes, from log odds z of scores: `exp(log_slopes) * (z - pivot) + shifts`, (K,)."""

    log_slopes: np.ndarray
    shifts: np.ndarray
    pivot: float

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Log odds (N, K) of probabilities."""
        return np.exp(self.log_slopes) * (z - self.pivot) + self.shifts


@dataclass(frozen=True)
class Spreads:
    """How far classes stand from the common line, as standard deviations; 0: not at all."""

    slope: float
    shift: float


@dataclass(frozen=True)
class Fit:
    """The maps of K classes, as in `Calibration`, and how they were chosen.

    `loss` is the mean log loss on clips left out of the fit, by the spreads.
    """

    slopes: np.ndarray
    intercepts: np.ndarray
    steps: dict[int, Steps]
    spreads: Spreads
    loss: dict[Spreads, float]


def fit_maps(z: np.ndarray, y: np.ndarray) -> Fit:
    """The maps from log odds (N, K) of scores and labels (N, K) bool, of which one is true."""
    folds = [Fold.of(z, y, out) for out in _parts(len(z))]
    choices = [Spreads(*pair) for pair in product(SLOPE_SPREADS, SHIFT_SPREADS)]
    loss = {spreads: float(_left_out(z, y, folds, spreads).mean()) for spreads in choices}
    spreads = min(choices, key=loss.__getitem__)
    lines = fit_lines(z, y, fit_common(z, y), spreads)
    slopes = rounded(np.exp(lines.log_slopes))
    return Fit(
        slopes=slopes,
        intercepts=rounded(lines.shifts - slopes * lines.pivot),
        steps=_steps_that_help(z, y, folds, spreads),
        spreads=spreads,
        loss=loss,
    )


@dataclass(frozen=True)
class Fold:
    """Which clips (N,) bool are left out, and the common line of the others."""

    out: np.ndarray
    common: Lines

    @classmethod
    def of(cls, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> "Fold":
        return cls(out, fit_common(z[~out], y[~out]))


def _parts(n: int) -> Iterator[np.ndarray]:
    part = np.random.default_rng(0).permutation(n) % FOLDS
    return (part == k for k in range(FOLDS))


def _left_out(z: np.ndarray, y: np.ndarray, folds: list[Fold], spreads: Spreads) -> np.ndarray:
    """The log loss (N, K) of each clip by the lines of the fold that leaves it out."""
    loss = np.empty(z.shape)
    for fold in folds:
        lines = fit_lines(z[~fold.out], y[~fold.out], fold.common, spreads)
        loss[fold.out] = log_loss(expit(lines(z[fold.out])), y[fold.out])
    return loss


def log_loss(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Minus the logarithm of the probability of what is the case."""
    return -np.log(np.maximum(np.where(y, probabilities, 1 - probabilities), SMALLEST))


def fit_common(z: np.ndarray, y: np.ndarray) -> Lines:
    """One line for all classes."""
    pivot = float(z[y].mean()) if y.any() else 0.0
    start = Lines(np.zeros(1), np.zeros(1), pivot)
    # The weak prior keeps the line finite where it could separate the labels.
    one = _fitted(z.reshape(-1, 1), y.reshape(-1, 1), start, np.array([1.0, 0.01]))
    n_classes = z.shape[1]
    return Lines(one.log_slopes.repeat(n_classes), one.shifts.repeat(n_classes), pivot)


def fit_lines(z: np.ndarray, y: np.ndarray, common: Lines, spreads: Spreads) -> Lines:
    """The most probable line of each class, where `common` is the mean of the prior."""
    with np.errstate(divide="ignore"):
        precision = 1.0 / np.square([spreads.slope, spreads.shift])
    return _fitted(z, y, common, precision)


def _fitted(z: np.ndarray, y: np.ndarray, start: Lines, precision: np.ndarray) -> Lines:
    """Fisher scoring from `start`, the mean of the prior.

    `precision` (2,) is one over the prior's variance of log slopes and of shifts; infinite: they
    stay.
    """
    free = np.isfinite(precision)
    weight = np.where(free, precision, 0.0)[:, None]
    moves = np.zeros((2, z.shape[1]))
    lines = start
    for _ in range(UPDATES):
        odds = lines(z)
        p = expit(odds)
        by_slope = odds - lines.shifts  # derivative of the log odds by the logarithm of the slope
        miss, spread = y - p, p * (1 - p)
        gradient = np.stack([(miss * by_slope).sum(0), miss.sum(0)]) - weight * moves
        slope, shift = (spread * by_slope**2).sum(0) + weight[0], spread.sum(0) + weight[1]
        both = (spread * by_slope).sum(0) if free.all() else np.zeros(z.shape[1])
        update = np.stack(
            [shift * gradient[0] - both * gradient[1], slope * gradient[1] - both * gradient[0]]
        ) / (slope * shift - both**2)
        update = np.where(free[:, None], update, 0.0).clip(-LARGEST_UPDATE, LARGEST_UPDATE)
        moves += update
        lines = Lines(start.log_slopes + moves[0], start.shifts + moves[1], start.pivot)
        if np.abs(update).max() < CLOSE_ENOUGH:
            break
    return lines


def _steps_that_help(
    z: np.ndarray, y: np.ndarray, folds: list[Fold], spreads: Spreads
) -> dict[int, Steps]:
    """The steps of the classes that have enough clips, where they lower the log loss."""
    enough = np.flatnonzero(y.sum(0) >= LEAST_FOR_STEPS)
    if not len(enough):
        return {}
    z, y = z[:, enough], y[:, enough]
    gain = np.zeros(len(enough))
    for fold in folds:
        common = Lines(
            fold.common.log_slopes[enough], fold.common.shifts[enough], fold.common.pivot
        )
        lines = fit_lines(z[~fold.out], y[~fold.out], common, spreads)
        line = expit(lines(z[fold.out]))
        for k in range(len(enough)):
            steps = fit_steps(z[~fold.out, k], y[~fold.out, k])
            blended, truth = steps.blended(z[fold.out, k], line[:, k]), y[fold.out, k]
            gain[k] += (log_loss(line[:, k], truth) - log_loss(blended, truth)).sum()
    return {int(enough[k]): fit_steps(z[:, k], y[:, k]) for k in np.flatnonzero(gain > 0)}


def fit_steps(z: np.ndarray, y: np.ndarray) -> Steps:
    """Isotonic steps from log odds (N,) of scores of one class and its labels (N,) bool."""
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(z, y)
    at, first = np.unique(rounded(fitted.X_thresholds_), return_index=True)
    return Steps(at, np.maximum.accumulate(rounded(fitted.y_thresholds_)[first]))


def fit_thresholds(scores: np.ndarray, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """The score (K,) from which each class counts, by the names of `THRESHOLDS`.

    F1 and precision are those that the probabilities expect of the clips: with some six clips of a
    class, those counted from its labels are mostly chance.

    Parameters
    ----------
    scores : (N, K) float32
    probabilities : (N, K) of the same clips
    """
    n_classes = scores.shape[1]
    found = {name: np.full(n_classes, inf) for name in THRESHOLDS}
    n = np.arange(1, len(scores) + 1)
    for k in range(n_classes):
        order = np.argsort(-scores[:, k], kind="stable")
        ranked = scores[order, k]
        following = np.append(ranked[1:], np.float32(0))
        expected = np.cumsum(probabilities[order, k])  # clips with the label among the first n
        ends = ranked > following  # clips of equal score count together
        f1 = np.where(ends, 2 * expected / (n + expected[-1]), 0.0)
        precision = np.where(ends, expected / n, 0.0)
        if ends.any():
            found["f1"][k] = between(following[f1.argmax()], ranked[f1.argmax()])
        for least in PRECISIONS:
            reached = np.flatnonzero(precision >= least)
            if len(reached):
                last = reached[-1]
                found[f"precision:{least}"][k] = between(following[last], ranked[last])
    return found


def between(low: np.float32, high: np.float32) -> float:
    """A number above `low`, not above `high`, near their middle, with as few digits as can be."""
    middle = (float(low) + float(high)) / 2
    for digits in range(1, 18):
        shortest = float(f"{middle:.{digits}g}")
        if low < np.float32(shortest) <= high:
            return shortest
    return float(high)
