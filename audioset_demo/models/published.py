"""The models that ship with the package and those that its user published, found by their names.

A name is the folder of a checkpoint. A model of the package takes precedence over one of the user
with the same name; a model that cannot be read is listed separately, with the reason.
"""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import platformdirs

from audioset_demo.errors import CheckpointError
from audioset_demo.models.card import ModelCard, load_card
from audioset_demo.models.settings import POOLINGS
from audioset_demo.storage import folder_of

MODELS_DIR = Path(str(files("audioset_demo"))) / "assets" / "models"  # of the package
MODELS_VARIABLE = "AUDIOSET_DEMO_MODELS"
CHECKPOINT_FILE = "checkpoint.safetensors"
PER_CLASS_FILE = "per_class.csv"
LEARNING_CURVE_FILE = "learning_curve.csv"
DEFAULT_MODEL = "feature_attention"
FIGURES = ("mAP", "AUC", "d_prime")
MAX_TABLES = 64  # two for each model
PER_CLASS_COLUMNS = ("index", "mid", "name", "ap", "auc")
CURVE_COLUMNS = ("iteration", "loss", "validation_mAP", "validation_AUC")

Row = TypeVar("Row")


@dataclass(frozen=True)
class PublishedModel:
    """A model that the app offers, with its results."""

    name: str
    path: Path
    card: ModelCard
    bytes: int

    @property
    def is_default(self) -> bool:
        return self.name == DEFAULT_MODEL

    @property
    def title(self) -> str:
        """For display; unique among published models."""
        return self.card.title

    def average_precision(self) -> dict[int, float]:
        """Average precision of each class on the evaluation set, by class index; NaN if undefined.

        Raises
        ------
        CheckpointError
            If the table is missing or damaged.
        """
        return dict(self._rows(PER_CLASS_FILE, lambda row: (int(row["index"]), float(row["ap"]))))

    def auc(self) -> dict[int, float]:
        """AUC of each class on the evaluation set, by class index; NaN if undefined.

        Raises
        ------
        CheckpointError
            If the table is missing or damaged.
        """
        return dict(self._rows(PER_CLASS_FILE, lambda row: (int(row["index"]), float(row["auc"]))))

    def learning_curve(self) -> list[dict[str, float]]:
        """Rows of iteration and training loss; mAP and AUC on the validation part where scored.

        Raises
        ------
        CheckpointError
            If the table is missing or damaged.
        """

        def numbers(row: dict[str, str]) -> dict[str, float]:
            scored = [column for column in CURVE_COLUMNS[1:] if row.get(column)]
            return {column: float(row[column]) for column in (CURVE_COLUMNS[0], *scored)}

        return self._rows(LEARNING_CURVE_FILE, numbers)

    def _rows(self, name: str, read: Callable[[dict[str, str]], Row]) -> list[Row]:
        path = self.path.parent / name
        try:
            return [read(row) for row in _table(path, path.stat().st_mtime_ns)]
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise CheckpointError(
                f"{path} is not the table that was published with the model '{self.name}' "
                f"({error}). Publish the model again, or install the package again."
            ) from None

    def to_json(self) -> dict:
        """The row of `audioset-demo models`; a figure is None where there is none."""
        evaluated = self.card.metrics.get("eval", {})
        return {
            "name": self.name,
            "title": self.title,
            "checkpoint": str(self.path),
            "parameters": self.card.parameters,
            "bytes": self.bytes,
            "training_set": self.card.training.get("set"),
            **{figure: evaluated.get(figure) for figure in FIGURES},
            "default": self.is_default,
        }


@lru_cache(MAX_TABLES)
def _table(path: Path, changed_ns: int) -> tuple[dict[str, str], ...]:
    """The rows of a CSV file, as it was when it was changed last."""
    with open(path, encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@dataclass(frozen=True)
class DamagedModel:
    """A published model that cannot be loaded, and why."""

    name: str
    error: CheckpointError


def user_models_dir() -> Path:
    """The folder to which `python -m train publish` copies models; it need not exist."""
    data = Path(platformdirs.user_data_dir("audioset-demo"))
    return folder_of(MODELS_VARIABLE) or data / "models"


@cache
def published_models() -> tuple[PublishedModel, ...]:
    """Every published model that can be read, in the order of `POOLINGS`, then of names."""
    found = [model for model in _read_all() if isinstance(model, PublishedModel)]
    return tuple(sorted(found, key=_place))


def damaged_models() -> tuple[DamagedModel, ...]:
    """The published models that are left out of `published_models`."""
    return tuple(model for model in _read_all() if isinstance(model, DamagedModel))


def _read_all() -> tuple[PublishedModel | DamagedModel, ...]:
    found: dict[str, PublishedModel | DamagedModel] = {}
    for folder in (MODELS_DIR, user_models_dir()):
        for path in sorted(folder.glob("[!.]*")):  # hidden ones are being written
            if path.is_dir() and path.name not in found:
                found[path.name] = _read(path.name, path / CHECKPOINT_FILE)
    return tuple(found.values())


def _read(name: str, path: Path) -> PublishedModel | DamagedModel:
    try:
        if not path.is_file():
            raise CheckpointError(
                f"Its folder {path.parent} holds no file {path.name}. Publish the model again, or "
                "delete the folder."
            )
        card = replace(load_card(path), name=name)
        return PublishedModel(name, path, card, path.stat().st_size)
    except CheckpointError as error:
        return DamagedModel(name, error)
    except OSError as error:
        return DamagedModel(name, CheckpointError(f"{path} cannot be read ({error.strerror})."))


def _place(model: PublishedModel) -> tuple[int, str]:
    return POOLINGS.index(model.card.settings.pooling), model.name


def default_model() -> PublishedModel:
    """The model that is used unless another is chosen.

    Raises
    ------
    CheckpointError
        If it is not part of this installation, or damaged.
    """
    for model in published_models():
        if model.is_default:
            return model
    _raise_if_damaged(DEFAULT_MODEL)
    raise CheckpointError(
        f"The default model '{DEFAULT_MODEL}' is not installed. Install the package again, or "
        f"publish one with `python -m train publish RUN --name {DEFAULT_MODEL}`."
    )


def find_published(name: str) -> PublishedModel:
    """The published model of a name.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged.
    """
    for model in published_models():
        if model.name == name:
            return model
    _raise_if_damaged(name)
    raise CheckpointError(f"There is no published model '{name}'. Give one of: {_names()}.")


def find_checkpoint(model: str | Path) -> Path:
    """The checkpoint of a published name, of a folder that was published, or `model` itself.

    Raises
    ------
    CheckpointError
        If it is none of them, or the published model is damaged.
    """
    for published in published_models():
        if published.name == str(model):
            return published.path
    _raise_if_damaged(str(model))
    for path in (Path(model), Path(model) / CHECKPOINT_FILE):
        if _is_file(path):
            return path
    raise CheckpointError(
        f"There is no model '{model}'. Give the path of a checkpoint (.safetensors, its folder, or "
        f".tar of the reference) or one of: {_names()}."
    )


def _names() -> str:
    return ", ".join(published.name for published in published_models())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, or a folder that may not be read
        return False


def _raise_if_damaged(name: str) -> None:
    for model in damaged_models():
        if model.name == name:
            raise model.error


@cache
def full_data_figures() -> tuple[dict, ...]:
    """Published results for the full training set, each with its source."""
    path = files("audioset_demo") / "assets" / "full_data_figures.json"
    return tuple(json.loads(path.read_text(encoding="utf-8")))
