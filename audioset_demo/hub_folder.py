"""A tagging model as a folder that `huggingface_hub` can upload; nothing is uploaded here."""

import shutil
from pathlib import Path

from audioset_demo.errors import StorageError
from audioset_demo.hub_card import hub_card
from audioset_demo.models.calibration_file import CALIBRATION_FILE
from audioset_demo.models.card import ModelCard, labels_of, save_card
from audioset_demo.models.checkpoint import load_checkpoint, save_checkpoint
from audioset_demo.models.published import CHECKPOINT_FILE, MODELS_DIR, PER_CLASS_FILE
from audioset_demo.models.reference import is_reference
from audioset_demo.storage import new_folder, write_csv

README = "README.md"
LICENCE = "apache-2.0"  # of the package, in the Hub's words
LABELS_FILE = "labels.csv"
FILES = {
    CHECKPOINT_FILE: "the weights; `checkpoint.json` holds its settings, training and figures",
    LABELS_FILE: "the classes, in the order of the scores",
    CALIBRATION_FILE: "turns scores into probabilities, and holds thresholds of each class",
    PER_CLASS_FILE: "average precision and AUC of each class",
}


def write_hub_folder(folder: Path, checkpoint: Path, pooling: str | None = None) -> ModelCard:
    """Write a checkpoint, its card, labels, calibration and figures, and a README for the Hub.

    Parameters
    ----------
    folder : a new or an empty one
    checkpoint, pooling : as in `load_checkpoint`

    Raises
    ------
    CheckpointError
        If the checkpoint cannot be loaded.
    StorageError
        If the folder holds something, or cannot be written.
    """
    require_empty(folder)
    model, card = load_checkpoint(checkpoint, pooling)
    labels = labels_of(card)
    with new_folder(folder) as part:
        if is_reference(checkpoint):
            save_checkpoint(part / CHECKPOINT_FILE, model, card)
        else:  # byte for byte: the calibration holds its SHA-256
            shutil.copyfile(checkpoint, part / CHECKPOINT_FILE)
            save_card(part / CHECKPOINT_FILE, card)
        rows = ((label.index, label.mid, label.name) for label in labels)
        write_csv(part / LABELS_FILE, ("index", "mid", "label"), rows)
        for name in (CALIBRATION_FILE, PER_CLASS_FILE):
            if checkpoint.with_name(name).is_file():
                shutil.copyfile(checkpoint.with_name(name), part / name)
        files = {name: what for name, what in FILES.items() if (part / name).is_file()}
        text = hub_card(card, files, LICENCE if is_of_package(checkpoint) else None)
        (part / README).write_text(text, encoding="utf-8")
    return card


def require_empty(folder: Path) -> None:
    """Raise `StorageError` if there is something at `folder` that would be replaced."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StorageError(
            f"{folder} is there already, and not an empty folder. Give the name of a new one."
        )


def is_of_package(checkpoint: Path) -> bool:
    """Whether a checkpoint is one of the package, whose licence is known."""
    return MODELS_DIR.resolve() in checkpoint.resolve().parents
