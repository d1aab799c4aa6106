"""How sure a figure is: intervals of shares and correlations, and differences beyond chance."""

from dataclasses import dataclass
from math import nan
from statistics import NormalDist

import numpy as np

from audioset_demo.evaluation import ranks
from audioset_demo.evidence.of_model import Evidence

Z = NormalDist().inv_cdf(0.975)
RESAMPLES = 999
FALSE_DISCOVERIES = 0.05  # at most this share of what is called beyond chance is by chance


def wilson(n_true: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's 95 % interval of the share `n_true / n`; NaN where n is 0."""
    n = np.where(np.asarray(n) > 0, n, np.nan)
    share = n_true / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return centre - half, centre + half


@dataclass(frozen=True)
class Correlation:
    """A correlation coefficient over classes, and its 95 % interval: bootstrap over classes."""

    value: float
    low: float
    high: float
    n: int


def correlations(x: np.ndarray, y: np.ndarray) -> dict[str, Correlation]:
    """Pearson's and Spearman's correlation of two (K,) arrays over the classes that have both.

    Empty where fewer than three classes do, or one of the two is the same for all.
    """
    kept = np.isfinite(x) & np.isfinite(y)
    x, y = x[kept], y[kept]
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return {}
    draws = np.random.default_rng(0).integers(len(x), size=(RESAMPLES, len(x)))
    found = {}
    for name, of in (("Pearson", np.asarray), ("Spearman", ranks)):
        drawn = _pearson(*(np.array([of(part[draw]) for draw in draws]) for part in (x, y)))
        low, high = np.nanpercentile(drawn, (2.5, 97.5))  # a draw can be of one class alone
        found[name] = Correlation(float(_pearson(of(x), of(y))), float(low), float(high), len(x))
    return found


def _pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x = x - x.mean(axis=-1, keepdims=True)
    y = y - y.mean(axis=-1, keepdims=True)
    spread = np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
    return np.divide((x * y).sum(axis=-1), spread, where=spread > 0, out=np.full_like(spread, nan))


@dataclass(frozen=True)
class Difference:
    """The AP of one model minus that of another, by a paired bootstrap over clips.

    Attributes
    ----------
    ap, low, high : (K,) with 95 % intervals
    beyond_chance : (K,) bool, by the method of Benjamini and Hochberg over all classes
    mean, mean_low, mean_high : of mAP
    """

    ap: np.ndarray
    low: np.ndarray
    high: np.ndarray
    beyond_chance: np.ndarray
    mean: float
    mean_low: float
    mean_high: float


def difference(one: Evidence, other: Evidence) -> Difference | None:
    """How two models differ; None where their replicates are not of the same clips."""
    if one.replicates.shape != other.replicates.shape or (one.n_positive != other.n_positive).any():
        return None
    ap = one.ap - other.ap
    drawn = one.bootstrap() - other.bootstrap()
    spread = drawn.std(axis=0, ddof=1)
    low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
    mean_low, mean_high = np.percentile(drawn.mean(axis=1), (2.5, 97.5))
    ratio = np.divide(np.abs(ap), spread, out=np.zeros_like(spread), where=spread > 0)
    beyond = _discoveries(np.array([2 * NormalDist().cdf(-each) for each in ratio]))
    return Difference(ap, low, high, beyond, float(ap.mean()), float(mean_low), float(mean_high))


def _discoveries(p_values: np.ndarray) -> np.ndarray:
    """(K,) bool by Benjamini and Hochberg: at most `FALSE_DISCOVERIES` of them are by chance."""
    order = np.argsort(p_values)
    limits = FALSE_DISCOVERIES * np.arange(1, len(p_values) + 1) / len(p_values)
    below = np.flatnonzero(p_values[order] <= limits)
    found = np.zeros(len(p_values), bool)
    found[order[: below[-1] + 1 if len(below) else 0]] = True
    return found
