"""The models that ship with the package, and how a name or a path becomes one of them."""

import csv
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from audioset_demo.errors import CheckpointError
from audioset_demo.models.card import ModelCard, load_card
from audioset_demo.models.settings import POOLINGS

MODELS_DIR = Path(str(files("audioset_demo"))) / "assets" / "models"
CHECKPOINT_FILE = "checkpoint.safetensors"
PER_CLASS_FILE = "per_class.csv"
LEARNING_CURVE_FILE = "learning_curve.csv"
DEFAULT_MODEL = "feature_attention"


@dataclass(frozen=True)
class PublishedModel:
    """A model that the app offers, with what was measured of it."""

    name: str
    path: Path
    card: ModelCard

    @property
    def is_default(self) -> bool:
        return self.name == DEFAULT_MODEL

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size

    def average_precision(self) -> dict[int, float]:
        """Average precision of each class on the evaluation set, by class index."""
        with open(self.path.parent / PER_CLASS_FILE, encoding="utf-8", newline="") as file:
            return {int(row["index"]): float(row["ap"]) for row in csv.DictReader(file)}

    def learning_curve(self) -> list[dict[str, float]]:
        """Rows of iteration and training loss; mAP and AUC on the validation part where scored."""
        with open(self.path.parent / LEARNING_CURVE_FILE, encoding="utf-8", newline="") as file:
            return [
                {key: float(value) for key, value in row.items() if value}
                for row in csv.DictReader(file)
            ]

    def to_json(self) -> dict:
        """The row of `audioset-demo models`."""
        evaluated = self.card.metrics["eval"]
        return {
            "name": self.name,
            "checkpoint": str(self.path),
            "parameters": self.card.parameters,
            "bytes": self.bytes,
            "training_set": self.card.training["set"],
            "mAP": evaluated["mAP"],
            "AUC": evaluated["AUC"],
            "d_prime": evaluated["d_prime"],
            "default": self.is_default,
        }


@cache
def published_models() -> tuple[PublishedModel, ...]:
    """Every published model, in the order of `POOLINGS`, then of names."""
    found = [
        PublishedModel(path.parent.name, path, load_card(path))
        for path in MODELS_DIR.glob(f"*/{CHECKPOINT_FILE}")
    ]
    return tuple(sorted(found, key=_place))


def _place(model: PublishedModel) -> tuple[int, str]:
    return POOLINGS.index(model.card.settings.pooling), model.name


def default_model() -> PublishedModel:
    """The model that speaks unless another is chosen.

    Raises
    ------
    CheckpointError
        If it is not part of this installation.
    """
    for model in published_models():
        if model.is_default:
            return model
    raise CheckpointError(
        f"The default model '{DEFAULT_MODEL}' is not installed. "
        "Publish one: python -m train publish"
    )


def find_checkpoint(model: str | Path) -> Path:
    """The checkpoint of a published name, or `model` itself where that is a file.

    Raises
    ------
    CheckpointError
        If it is neither.
    """
    for published in published_models():
        if published.name == str(model):
            return published.path
    if Path(model).is_file():
        return Path(model)
    names = ", ".join(published.name for published in published_models())
    raise CheckpointError(
        f"There is no model '{model}'. Give the path of a checkpoint (.safetensors, or .tar of the "
        f"reference) or one of: {names}."
    )


@cache
def full_data_figures() -> tuple[dict, ...]:
    """Figures that others published for the full training set, each with its source."""
    path = files("audioset_demo") / "assets" / "full_data_figures.json"
    return tuple(json.loads(path.read_text(encoding="utf-8")))
