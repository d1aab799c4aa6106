"""From answers to figures: precision at each threshold, and a probability for each score.

Both are of one class, in the recordings at hand. What was listened to need not be a fair draw: each
answer stands for the finds whose scores are nearest in rank. Where many finds hang on few answers,
the interval is wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audioset_demo.evidence.statistics import wilson
from audioset_demo.models.calibration import log_odds
from audioset_demo.odds import expit

LEAST_SLOPE = 1e-3  # a calibration keeps the order of scores
# With few answers the scores are taken at their word: a normal prior around slope 1, intercept 0.
SLOPE_SPREAD, INTERCEPT_SPREAD = 1.0, 3.0
STEPS = 100  # of Newton's method, which needs about ten


@dataclass(frozen=True)
class PrecisionCurve:
    """The precision of one class at M thresholds, the scores of its finds, falling.

    Attributes
    ----------
    thresholds : (M,) scores; from each on, finds count.
    n_finds : (M,) that count.
    precision : (M,) share of them that is right, by estimate.
    low, high : (M,) its 95 % interval: Wilson's, of as many answers as the uneven ones are worth.
    """

    thresholds: np.ndarray
    n_finds: np.ndarray
    precision: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def place_for(self, wanted: float, surely: bool = False) -> int | None:
        """The place of the lowest threshold with the wanted precision; None: there is none.

        Parameters
        ----------
        surely : the lower end of the interval must reach it.
        """
        enough = np.flatnonzero((self.low if surely else self.precision) >= wanted)
        return int(enough[-1]) if len(enough) else None


def precision_curve(scores: np.ndarray, answers: np.ndarray) -> PrecisionCurve | None:
    """Precision at each threshold; None where there is no answer.

    Parameters
    ----------
    scores : (n,) of all finds of a class.
    answers : (n,) 1 where a person says that it is right, 0 where wrong, NaN where not known.
    """
    falling = np.argsort(-scores, kind="stable")
    scores, answers = scores[falling], answers[falling]
    heard = np.flatnonzero(np.isfinite(answers))
    if not len(heard):
        return None
    # The finds from borders[j] on, up to borders[j + 1], are nearest to the j-th answer.
    borders = np.append(0, np.append((heard[:-1] + heard[1:]) // 2 + 1, len(scores)))
    stands = np.repeat(np.arange(len(heard)), np.diff(borders))
    n = np.arange(1, len(scores) + 1)
    precision = np.cumsum(answers[heard][stands]) / n
    # Kish's effective number of answers, with those that stand for a part only up to a threshold.
    whole = np.append(0, np.cumsum(np.diff(borders) ** 2))
    worth = n**2 / (whole[stands] + (n - borders[stands]) ** 2)
    low, high = wilson(precision * worth, worth)
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True))  # of each score
    return PrecisionCurve(*(values[last] for values in (scores, n, precision, low, high)))


@dataclass(frozen=True)
class Line:
    """A calibration of one class: the log odds of a find are `slope * log odds + intercept`."""

    slope: float
    intercept: float

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """The probability (n,) that a find of such a score (n,) is right."""
        return expit(self.slope * log_odds(scores) + self.intercept)


def fit_line(scores: np.ndarray, answers: np.ndarray) -> Line:
    """The most probable line (Platt's map) by answers; without any, that of slope 1.

    It does not matter which scores were listened to most: whether a find is right depends on its
    score alone.

    Parameters
    ----------
    scores, answers : (n,) as of `precision_curve`.
    """
    known = np.isfinite(answers)
    z, right = log_odds(scores[known]), answers[known]
    free = _newton(np.stack([z, np.ones_like(z)]), right, np.zeros_like(z),
                   np.array([1.0, 0.0]), np.array([SLOPE_SPREAD, INTERCEPT_SPREAD]))  # fmt: skip
    if free[0] >= LEAST_SLOPE:
        return Line(float(free[0]), float(free[1]))
    flat = _newton(np.ones((1, len(z))), right, LEAST_SLOPE * z,
                   np.zeros(1), np.array([INTERCEPT_SPREAD]))  # fmt: skip
    return Line(LEAST_SLOPE, float(flat[0]))


def _newton(
    x: np.ndarray, right: np.ndarray, offset: np.ndarray, middle: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Logistic regression (d,) on x (d, n) with a normal prior, by Newton's method, damped."""

    def loss(w: np.ndarray) -> float:
        z = w @ x + offset
        return float(
            (np.logaddexp(0, z) - right * z).sum() + (((w - middle) / spread) ** 2).sum() / 2
        )

    w = middle
    for _ in range(STEPS):
        p = expit(w @ x + offset)
        slope = x @ (p - right) + (w - middle) / spread**2
        step = np.linalg.solve((x * (p * (1 - p))) @ x.T + np.diag(spread**-2.0), slope)
        while loss(w - step) > loss(w) and np.abs(step).max() > 1e-12:
            step = step / 2
        w = w - step
        if np.abs(step).max() < 1e-10:
            break
    return w
