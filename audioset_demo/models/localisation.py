"""Does attention point at the sound? What `python -m train locate` found of the published models.

A folder of a summary (JSON) and a table of each model (CSV): for each class, how often a signal
ranks a frame inside an event of the class above one outside, in the same clip (AUC).
"""

import csv
import json
from dataclasses import dataclass
from functools import cache

from audioset_demo.models.experiments import ASSETS

PACKAGED = ASSETS / "localisation"
SUMMARY_FILE = "summary.json"
SIGNALS = ("attention", "frame_scores", "contributions", "occlusion")
COMBINED = "combined"  # `models.combined`, of frame scores and contributions
MEASURED = (*SIGNALS, COMBINED)
SHOWN = (COMBINED, "contributions", "frame_scores", "attention")  # what every tagging has
UNIFORM = "uniform"  # the clip's score at all times
CEILING = "ceiling"  # a classifier of frames that was trained on the times
COLUMNS = (
    "index",
    "name",
    "clips",
    *(f"{name}{part}" for name in (*MEASURED, CEILING) for part in ("", "_low", "_high")),
)


@dataclass(frozen=True)
class Located:
    """How well signals find one class.

    Attributes
    ----------
    clips : how many clips with frames both inside and outside its events it is measured on
    auc : by signal and for the ceiling, the AUC within clips and its interval of 95 %
    """

    clips: int
    auc: dict[str, tuple[float, float, float]]


def table_file(model: str) -> str:
    return f"{model}.csv"


@cache
def summary() -> dict:
    """The macro figures of every model and ceiling, and the command that made them."""
    return json.loads((PACKAGED / SUMMARY_FILE).read_text(encoding="utf-8"))


def mean_auc(model: str) -> dict[str, float]:
    """By signal of a published model, the mean over classes; empty where it was not measured."""
    of_model = {row["name"]: row["signals"] for row in summary()["models"]}
    return {signal: figures["auc"] for signal, figures in of_model.get(model, {}).items()}


def best_signal(model: str) -> str:
    """The signal of `SHOWN` that finds sounds best in a published model.

    Of a model that was not measured: the combined one, which is the best of most that were.
    """
    return max(SHOWN, key=lambda signal: mean_auc(model).get(signal, 0.0))


@cache
def located_classes(model: str) -> dict[int, Located]:
    """By index of the class, how well a published model finds it; empty where it was not measured.

    Only AudioSet's classes, and of them those that have strong labels.
    """
    path = PACKAGED / table_file(model)
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {int(row["index"]): _located(row) for row in csv.DictReader(file)}


def _located(row: dict[str, str]) -> Located:
    auc = {
        name: (float(row[name]), float(row[f"{name}_low"]), float(row[f"{name}_high"]))
        for name in (*MEASURED, CEILING)
    }
    return Located(int(row["clips"]), auc)
