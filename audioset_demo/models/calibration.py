"""What a score means: from scores to probabilities, and from which score a class counts.

A calibration is a small JSON file beside a checkpoint. Each class has a strictly rising map from
its score to a probability, so that no ranking of clips changes. A probability holds where classes
are as frequent as in the clips that the calibration was made from: its prior. `move_prior` moves it
to another one.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from audioset_demo.errors import CheckpointError
from audioset_demo.labels import Label
from audioset_demo.models.fields import check_values, shown
from audioset_demo.odds import expit, logit
from audioset_demo.storage import parse_json, write_json

CALIBRATION_FILE = "calibration.json"  # beside the checkpoint that it is of
FORMAT = 1
MAX_BYTES = 32 * 2**20
# Half a step of float32 below the smallest score above 0, and above the largest below 1.
LEAST, MOST = 2.0**-150, 1 - 2.0**-25
# The share of the line in a map of isotonic steps: it rises where they are flat.
LINE_SHARE = 0.05
LARGEST_SLOPE, LARGEST_INTERCEPT = 100.0, 1000.0
PRECISIONS = tuple(tenths / 10 for tenths in range(1, 10))
THRESHOLDS = ("f1", *(f"precision:{precision}" for precision in PRECISIONS))
AUDIOSET_CLIPS = 2_063_949  # for training, balanced and unbalanced
FIELDS = {
    "format": int,
    "checkpoint_sha256": str,
    "set": str,
    "command": str,
    "metrics": dict,
    "prior_of": str,
    "prior": list,
    "slopes": list,
    "intercepts": list,
    "isotonic": dict,
    "thresholds": dict,
}


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


def rounded(values: np.ndarray) -> np.ndarray:
    """Values with the six digits that the file holds."""
    return np.array([float(f"{value:.6g}") for value in values])


# --- the file ------------------------------------------------------------------------------------


def calibration_path(checkpoint: Path) -> Path:
    return checkpoint.with_name(CALIBRATION_FILE)


def save_calibration(checkpoint: Path, calibration: Calibration) -> None:
    """Write a calibration beside its checkpoint, of which it holds the hash."""
    write_json(
        calibration_path(checkpoint),
        {
            "format": FORMAT,
            "checkpoint_sha256": _sha256(checkpoint),
            "set": calibration.set,
            "command": calibration.command,
            "metrics": calibration.metrics,
            "prior_of": calibration.prior.of,
            "prior": calibration.prior.shares.tolist(),
            "slopes": calibration.slopes.tolist(),
            "intercepts": calibration.intercepts.tolist(),
            "isotonic": {
                str(k): {
                    "log_odds": steps.log_odds.tolist(),
                    "probabilities": steps.probabilities.tolist(),
                }
                for k, steps in calibration.steps.items()
            },
            # JSON has no infinity: it is written as null.
            "thresholds": {name: of.tolist() for name, of in calibration.thresholds.items()},
        },
    )


def load_calibration(checkpoint: Path, n_classes: int) -> Calibration | None:
    """The calibration beside a checkpoint of `n_classes` classes; None where there is none.

    Raises
    ------
    CheckpointError
        If it is damaged, or of another checkpoint.
    """
    path = calibration_path(checkpoint)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"It has more than {MAX_BYTES / 1e6:,.0f} MB.")
        record = parse_json(path.read_text(encoding="utf-8"))
        calibration = _from_json(record, n_classes)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, OverflowError, CheckpointError) as error:
        raise CheckpointError(
            f"{path} is not a calibration that can be read. {error} Copy it again, or run "
            "`python -m train calibrate` again."
        ) from None
    if record["checkpoint_sha256"] != _sha256(checkpoint):
        raise CheckpointError(
            f"{path} is not of {checkpoint.name} beside it, but of another checkpoint. Run "
            "`python -m train calibrate` for this one, or delete the file."
        )
    return calibration


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_json(record: Any, n_classes: int) -> Calibration:
    if not isinstance(record, dict):
        raise CheckpointError(f"It is {shown(record)}, and must be a table of names and values.")
    check_values(dict.fromkeys(FIELDS) | record, FIELDS)
    if record["format"] != FORMAT:
        raise CheckpointError(
            f"It has format {shown(record['format'])}, and this version reads {FORMAT}."
        )
    check_values(
        dict.fromkeys(THRESHOLDS) | record["thresholds"],
        dict.fromkeys(THRESHOLDS, list),
        "thresholds.",
    )

    def of_classes(name: str, least: float, most: float) -> np.ndarray:
        return _numbers(record[name], name, n_classes, least, most)

    return Calibration(
        prior=Prior(record["prior_of"], of_classes("prior", 1e-12, 1 - 1e-12)),
        slopes=of_classes("slopes", 1e-6, LARGEST_SLOPE),
        intercepts=of_classes("intercepts", -LARGEST_INTERCEPT, LARGEST_INTERCEPT),
        steps={_class(k, n_classes): _steps(steps, k) for k, steps in record["isotonic"].items()},
        thresholds={
            name: _numbers(
                [math.inf if value is None else value for value in record["thresholds"][name]],
                name,
                n_classes,
                0.0,
                math.inf,
            )
            for name in THRESHOLDS
        },
        set=record["set"],
        command=record["command"],
        metrics=record["metrics"],
    )


def _class(text: str, n_classes: int) -> int:
    if not (text.isdecimal() and int(text) < n_classes):
        raise CheckpointError(f"isotonic names the class {shown(text)}, of {n_classes} classes.")
    return int(text)


def _steps(steps: Any, k: str) -> Steps:
    names = ("log_odds", "probabilities")
    if not isinstance(steps, dict) or not all(isinstance(steps.get(n), list) for n in names):
        raise CheckpointError(
            f"isotonic.{k} is {shown(steps)}, and must hold {' and '.join(names)}."
        )
    n = len(steps["log_odds"])
    made = Steps(
        _numbers(steps["log_odds"], f"isotonic.{k}.log_odds", n, -1e3, 1e3),
        _numbers(steps["probabilities"], f"isotonic.{k}.probabilities", n, 0.0, 1.0),
    )
    if n == 0 or (np.diff(made.log_odds) <= 0).any() or (np.diff(made.probabilities) < 0).any():
        raise CheckpointError(f"isotonic.{k} must have steps that rise.")
    return made


def _numbers(values: list, name: str, n: int, least: float, most: float) -> np.ndarray:
    """The n numbers of a list, each from `least` to `most`."""
    if len(values) != n:
        raise CheckpointError(f"{name} has {len(values)} values, and must have {n}.")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CheckpointError(f"{name} holds {shown(value)}, and must hold numbers.")
        if not least <= value <= most:
            raise CheckpointError(
                f"{name} holds {shown(value)}, and its numbers go from {least:g} to {most:g}."
            )
    return np.array(values, np.float64)
