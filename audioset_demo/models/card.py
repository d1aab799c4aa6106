"""The JSON card beside a checkpoint: what it is, what it was trained on, how well it did."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from audioset_demo.errors import CheckpointError
from audioset_demo.models.settings import TITLES, ModelSettings
from audioset_demo.storage import write_atomically

CARD_FORMAT = 1
INPUT_CONVENTION = "(uint8 - 128) / 128"
# What a title adds for a model that another than our PyTorch code trained.
BACKEND_NOTES = {"keras": " (Keras)", "reference": " (checkpoint of the reference)"}


@dataclass(frozen=True)
class ModelCard:
    """What a checkpoint is, what it was trained on, and how well it did.

    `labels` is None for the 527 AudioSet classes, else the names of the classes in order.
    `training` and `metrics` hold plain JSON: the set, the command and configuration that made the
    checkpoint, and each figure with the set and the command that gave it.
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
        note = BACKEND_NOTES.get(self.training.get("backend"), "")
        return TITLES[self.settings.pooling] + note

    def to_json(self) -> dict:
        return {"format": CARD_FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, card: dict) -> "ModelCard":
        fields = {key: value for key, value in card.items() if key != "format"}
        fields["settings"] = ModelSettings(**fields["settings"])
        if fields.get("labels") is not None:
            fields["labels"] = tuple(fields["labels"])
        return cls(**fields)


def card_path(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(".json")


def save_card(checkpoint: Path, card: ModelCard) -> None:
    text = json.dumps(card.to_json(), indent=1) + "\n"
    write_atomically(card_path(checkpoint), lambda part: part.write_text(text, encoding="utf-8"))


def load_card(checkpoint: str | os.PathLike) -> ModelCard:
    """Read the card beside a checkpoint.

    Raises
    ------
    CheckpointError
        If the card is missing or is not one.
    """
    path = card_path(Path(checkpoint))
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"No card {path.name} beside the checkpoint {checkpoint}. A checkpoint is two files: "
            "copy the .json along with the .safetensors."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"The card {path} is not JSON ({error}). Copy it again from where it was published."
        ) from None
    try:
        return ModelCard.from_json(card)
    except (TypeError, KeyError) as error:
        raise CheckpointError(
            f"The card {path} does not describe a tagging model ({error}). It may come from "
            "another version; train or publish the model again."
        ) from None
