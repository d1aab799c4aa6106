"""The JSON card of a checkpoint: what it is, what it was trained on, how well it did.

It stands in a file beside the checkpoint, or, where a model is one file, in that one's header.
"""

import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

from audioset_demo.errors import CheckpointError
from audioset_demo.labels import Label, audioset_labels, own_labels
from audioset_demo.models.fields import check_fields, check_values, shown
from audioset_demo.models.settings import TITLES, ModelSettings
from audioset_demo.storage import json_text, parse_json, write_json

CARD_FORMAT = 1
HEADER_KEY = "card"  # in the metadata of a safetensors file
MAX_BYTES = 32 * 2**20  # of a card; one with the names of 100,000 classes has 3 MB
INPUT_CONVENTION = "(uint8 - 128) / 128"
# What a training on AudioSet's balanced set alone, or a part of it, is called.
BALANCED_ONLY = re.compile(r"(fit part of |[\d,]+ clips of )*bal_train( \([\d,]+ clips\))?")
# Added to the title of a model that was not trained by our PyTorch code.
BACKEND_NOTES = {"keras": " (Keras)", "reference": " (checkpoint of the reference)"}
# Types of what is read from `training` and from each set in `metrics`; all of it is optional.
TRAINING = {
    "set": str,
    "backend": str,
    "command": str,
    "config": dict,
    "iteration": int | None,
    "clips_of_class": list,
}
FIGURES = {
    "mAP": float,
    "AUC": float,
    "d_prime": float,
    "mAP_spread": float,
    "AUC_spread": float,
    "clips": int,
    "runs": int,
    "set": str,
    "command": str,
    "clips_of_class": list,
}
METRICS = {"eval": dict, "validation": dict, "half_precision_max_difference": float}


@dataclass(frozen=True)
class ModelCard:
    """What a checkpoint is, what it was trained on, and how well it does.

    `labels` is None for the 527 AudioSet classes, else the names of the classes in order.
    `training` and `metrics` hold plain JSON: the set, the command and configuration that made the
    checkpoint, and each figure with its set and command. A figure that has no finite value, such as
    d' where the AUC is 1, is left out. Of one's own classes, `clips_of_class` of the training and
    of the set `eval` counts the clips of each.
    """

    name: str
    settings: ModelSettings
    parameters: int
    labels: tuple[str, ...] | None = None
    input: str = INPUT_CONVENTION
    encoder: str = "released AudioSet features (VGGish)"
    training: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The kind of model, and its name if it is not named after its kind."""
        pooling, backend = self.settings.pooling, self.training.get("backend", "")
        kind = TITLES[pooling] + BACKEND_NOTES.get(backend, "")
        if backend == "reference" or self.name in (pooling, f"{pooling}_{backend}"):
            return kind
        return f"{kind}: {self.name}"

    @property
    def training_set(self) -> str:
        """What it was trained on.

        A model of AudioSet's classes that saw the balanced set alone is marked: its figures stand
        beside those of others for the whole training set.
        """
        named = self.training.get("set", "an unnamed set")
        is_marked = self.labels is None and BALANCED_ONLY.fullmatch(named)
        return f"{named}, balanced-only" if is_marked else named

    @property
    def in_short(self) -> str:
        """Its name, training set and iteration."""
        facts = (self.name, self.training.get("set"), self.training.get("iteration"))
        return ", ".join(
            f"iteration {fact}" if isinstance(fact, int) else fact for fact in facts if fact
        )

    def to_json(self) -> dict:
        return {"format": CARD_FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, card: object) -> "ModelCard":
        """The card that `to_json` wrote.

        Raises
        ------
        CheckpointError
            If it is not one: the message names the value, and not the file.
        """
        if not isinstance(card, dict):
            raise CheckpointError(f"It is {shown(card)}, and must be a table of names and values.")
        _check_format(card.get("format"))
        check_values(card, {"settings": dict, "labels": list | None, "metrics": dict})
        try:
            fields = {key: value for key, value in card.items() if key != "format"}
            fields["settings"] = ModelSettings(**card["settings"])
            if card.get("labels") is not None:
                fields["labels"] = tuple(card["labels"])
            fields["metrics"] = _known_figures(card.get("metrics", {}))
            made = cls(**fields)
        except (TypeError, KeyError) as error:  # a field is missing or unknown
            raise CheckpointError(f"Its fields are not those of a card ({error}).") from None
        check_fields(made)
        check_values(made.training, TRAINING, "training.")
        check_values(made.metrics, METRICS, "metrics.")
        for part in ("eval", "validation"):
            check_values(made.metrics.get(part, {}), FIGURES, f"metrics.{part}.")
        _check_labels(made)
        return made


def card_path(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(".json")


def save_card(checkpoint: Path, card: ModelCard) -> None:
    write_json(card_path(checkpoint), card.to_json())


def load_card(checkpoint: str | os.PathLike) -> ModelCard:
    """Read the card of a checkpoint: the one beside it, else the one in its header.

    Raises
    ------
    CheckpointError
        If the card is missing, is not one, or comes from a newer version.
    """
    path = card_path(Path(checkpoint))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES / 1e6:,.0f} MB")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        with suppress(OSError), open(checkpoint, "rb") as file:
            if card := card_within(file, str(checkpoint)):
                return card
        raise CheckpointError(
            f"No card {path.name} was found beside the checkpoint {checkpoint}. A checkpoint is "
            "two files: copy the .json along with the .safetensors."
        ) from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    return _parsed(text, str(path))


def card_header(card: ModelCard) -> dict[str, str]:
    """The metadata of a safetensors file that holds its own card."""
    return {HEADER_KEY: json_text(card.to_json())}


def card_within(file: BinaryIO, name: str) -> ModelCard | None:
    """The card in the header of a safetensors file; None where there is none.

    Raises
    ------
    CheckpointError
        If it is not one, or comes from a newer version.
    """
    n_bytes = int.from_bytes(file.read(8), "little")  # of the header, which is JSON
    try:
        header = parse_json(file.read(n_bytes).decode()) if n_bytes <= MAX_BYTES else {}
        text = header["__metadata__"][HEADER_KEY]
    except (ValueError, KeyError, TypeError):
        return None
    return _parsed(text, name)


def _parsed(text: str, place: str) -> ModelCard:
    try:
        card = parse_json(text)
    except (TypeError, ValueError) as error:
        raise _unreadable(place, error) from None
    try:
        return ModelCard.from_json(card)
    except CheckpointError as error:
        raise CheckpointError(
            f"The card {place} does not describe a tagging model. {error} Copy it again, or "
            "publish the model again."
        ) from None


def _unreadable(place: str | Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"The card {place} is not JSON that can be read ({error}). Copy it again from where it "
        "was published."
    )


def _check_format(format: object) -> None:
    if type(format) is not int or format < 1:
        raise CheckpointError(f"format is {shown(format)}, and must be a whole number from 1.")
    if format > CARD_FORMAT:
        raise CheckpointError(
            f"It has format {shown(format)}, made by a newer version; this one reads up to "
            f"{CARD_FORMAT}. Run `pip install --upgrade audioset-demo`."
        )


def _known_figures(metrics: dict) -> dict:
    """Metrics without the figures that are null."""
    return {
        key: {name: figure for name, figure in value.items() if figure is not None}
        if isinstance(value, dict)
        else value
        for key, value in metrics.items()
    }


def _check_labels(card: ModelCard) -> None:
    """Each class must have a name that no other class has."""
    n_classes = card.settings.n_classes
    if card.labels is None:
        return
    if len(card.labels) != n_classes:
        raise CheckpointError(f"n_classes is {n_classes}, but there are {len(card.labels)} labels.")
    seen: set[str] = set()
    for label in card.labels:
        if not label.strip() or label in seen:
            raise CheckpointError(f"The label {shown(label)} is empty or occurs twice.")
        seen.add(label)
    for counts in _clips_of_class(card):
        if counts and (len(counts) != n_classes or not all(type(n) is int for n in counts)):
            raise CheckpointError(
                f"clips_of_class is {shown(counts)}, and must be {n_classes} whole numbers."
            )


def _clips_of_class(card: ModelCard) -> tuple[list, list]:
    """The clips of each class in training and in evaluation; empty where not known."""
    sources = (card.training, card.metrics.get("eval", {}))
    trained, scored = (source.get("clips_of_class", []) for source in sources)
    return trained, scored


def labels_of(card: ModelCard) -> tuple[Label, ...]:
    """The classes of a model, in its order.

    Raises
    ------
    CheckpointError
        If the model has another number of classes.
    """
    labels = audioset_labels()
    if card.labels is not None:
        labels = own_labels(card.labels, *_clips_of_class(card))
    if len(labels) != card.settings.n_classes:
        raise CheckpointError(
            f"The model '{card.name}' has {card.settings.n_classes} classes but {len(labels)} "
            "labels. Name each class in its card."
        )
    return labels
