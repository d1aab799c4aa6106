"""A calibration as a small JSON file beside its checkpoint."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from audioset_demo.errors import CheckpointError
from audioset_demo.models.calibration import THRESHOLDS, Calibration, Prior, Steps
from audioset_demo.models.fields import check_values, shown
from audioset_demo.storage import parse_json, sha256_of, write_json

CALIBRATION_FILE = "calibration.json"  # beside the checkpoint that it is of
FORMAT = 1
MAX_BYTES = 32 * 2**20
LARGEST_SLOPE, LARGEST_INTERCEPT = 100.0, 1000.0
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


def calibration_path(checkpoint: Path) -> Path:
    return checkpoint.with_name(CALIBRATION_FILE)


def rounded(values: np.ndarray) -> np.ndarray:
    """Values with the six digits that the file holds."""
    return np.array([float(f"{value:.6g}") for value in values])


def save_calibration(checkpoint: Path, calibration: Calibration) -> None:
    """Write a calibration beside its checkpoint, of which it holds the hash."""
    write_json(
        calibration_path(checkpoint),
        {
            "format": FORMAT,
            "checkpoint_sha256": sha256_of(checkpoint),
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
    if record["checkpoint_sha256"] != sha256_of(checkpoint):
        raise CheckpointError(
            f"{path} is not of {checkpoint.name} beside it, but of another checkpoint. Run "
            "`python -m train calibrate` for this one, or delete the file."
        )
    return calibration


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
