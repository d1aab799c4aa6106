"""What a score means: from scores to probabilities, and from which score a class counts.

Each class has a strictly rising map from
its score to a probability, so that no ranking of clips changes. A probability holds where classes
are as frequent as in the clips that the calibration was made from: its prior. `move_prior` moves it
to another one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from audioset_demo.errors import CheckpointError
from audioset_demo.labels import Label
from audioset_demo.odds import expit, logit

# Half a step of float32 below the smallest score above 0, and above the largest below 1.
LEAST, MOST = 2.0**-150, 1 - 2.0**-25
# The share of the line in a map of isotonic steps: it rises where they are flat.
LINE_SHARE = 0.05
PRECISIONS = tuple(tenths / 10 for tenths in range(1, 10))
THRESHOLDS = ("f1", *(f"precision:{precision}" for precision in PRECISIONS))
AUDIOSET_CLIPS = 2_063_949  # for training, balanced and unbalanced


@dataclass(frozen=True)
class Prior:
    """How frequent the K classes are taken to be: shares (K,) between 0 and 1, and whose."""

    of: str
    shares: np.ndarray


@dataclass(frozen=True)
class Steps:
    """Isotonic steps: probabilities (J,), never falling, at log odds (J,) of the score, rising."""

    log_odds: np.ndarray
    probabilities: np.ndarray

    def blended(self, log_odds: np.ndarray, line: np.ndarray) -> np.ndarray:
        """The steps with a share of the probabilities `line` of a line that rises everywhere."""
        steps = np.interp(log_odds, self.log_odds, self.probabilities)
        return LINE_SHARE * line + (1 - LINE_SHARE) * steps


@dataclass(frozen=True)
class Calibration:
    """The maps and the thresholds of K classes.

    The log odds of a probability are `slopes` times those of the score plus `intercepts`; classes
    in `steps` have isotonic steps besides.

    Attributes
    ----------
    prior : with which the probabilities hold
    slopes, intercepts : (K,), slopes above 0
    steps : of classes that had enough clips, by their index
    thresholds : by each name of `THRESHOLDS`, the score (K,) from which each class counts: that of
        the best F1, or the lowest of at least that precision. Infinite where the class never
        reaches the precision.
    set : the clips that it was fitted on
    command : what made it
    metrics : what was measured with it on other clips
    """

    prior: Prior
    slopes: np.ndarray
    intercepts: np.ndarray
    steps: Mapping[int, Steps]
    thresholds: Mapping[str, np.ndarray]
    set: str
    command: str
    metrics: dict = field(default_factory=dict)

    def probabilities(self, scores: np.ndarray, classes: Sequence[int] | None = None) -> np.ndarray:
        """Probabilities (..., n) float64 of scores (..., n) of `classes`; None: of all K."""
        chosen = list(range(len(self.slopes)) if classes is None else classes)
        z = log_odds(scores)
        found = expit(z * self.slopes[chosen] + self.intercepts[chosen])
        for place, k in enumerate(chosen):
            if k in self.steps:
                found[..., place] = self.steps[k].blended(z[..., place], found[..., place])
        return found


def log_odds(scores: np.ndarray) -> np.ndarray:
    """log(s / (1 - s)) in float64: finite, and different for any two different float32 scores."""
    return logit(np.clip(np.asarray(scores, np.float64), LEAST, MOST))


def move_prior(probabilities: np.ndarray, prior: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Probabilities (..., K) that hold with the shares `prior` (K,) of the classes, moved to `to`.

    By Bayes' rule their log odds change by as much as those of the shares, if a class sounds alike
    wherever it is.
    """
    return expit(logit(probabilities) + (logit(to) - logit(prior)))


def audioset_prior(labels: Sequence[Label]) -> Prior:
    """The shares of AudioSet's 2,063,949 clips for training that carry each label.

    Raises
    ------
    CheckpointError
        If the classes are not AudioSet's.
    """
    if not all(label.mid for label in labels):
        raise CheckpointError(
            "The prior 'audioset' is of AudioSet's classes, and the model has classes of its own. "
            "Give --prior fitted, or a share such as 0.1."
        )
    counts = np.array([label.n_train for label in labels])
    return Prior("all of AudioSet's clips for training", counts / AUDIOSET_CLIPS)


def same_prior(share: float, n_classes: int) -> Prior:
    """One share, above 0 and below 1, for every class."""
    return Prior(
        f"a place with each class in {share:.4g} of its clips", np.full(n_classes, float(share))
    )


def require_calibration(calibration: Calibration | None, model: str) -> Calibration:
    """The calibration of a model.

    Raises
    ------
    CheckpointError
        If it has none.
    """
    if calibration is None:
        raise CheckpointError(
            f"The model '{model}' has no calibration, and so neither probabilities nor "
            "thresholds of its classes. Make one with `python -m train calibrate`, or give "
            "--model another one."
        )
    return calibration
