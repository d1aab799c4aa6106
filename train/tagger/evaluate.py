"""Evaluation of a checkpoint on a labelled set, with the figures of each class."""

import csv
from pathlib import Path

from audioset_demo.errors import CheckpointError
from audioset_demo.evaluation import Evaluation, evaluate_scores
from audioset_demo.labels import Label, audioset_labels, own_labels
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.published import PER_CLASS_FILE
from audioset_demo.storage import write_atomically, write_json
from train.data.features import FeatureSet, load_features
from train.runs import select_checkpoint
from train.tagger.predict import predict

EVALUATION_FILE = "evaluation.json"


def evaluate(
    run_or_checkpoint: Path,
    data: Path,
    per_class: Path | None = None,
    pooling: str | None = None,
) -> Evaluation:
    """Score a checkpoint, or the selected one of a run; a run keeps the result.

    Parameters
    ----------
    per_class : CSV file for the figures of each class; None: not written
    pooling : "average" or "max", for a checkpoint of the reference that does not say which it is
    """
    run = run_or_checkpoint if run_or_checkpoint.is_dir() else None
    path = select_checkpoint(run).path if run else run_or_checkpoint
    features = load_features(data)
    model, card = load_checkpoint(path, pooling)
    check_classes(card, features)
    result = evaluate_scores(features.y, predict(model, features, progress=True))
    if run:
        _save(run, path, features, result)
    if per_class:
        _save_per_class(per_class, features, result)
    return result


def labels_of(features: FeatureSet) -> tuple[Label, ...]:
    return own_labels(features.labels) if features.labels is not None else audioset_labels()


def check_classes(card: ModelCard, features: FeatureSet) -> None:
    """Raise CheckpointError unless the model was trained on the label set of `features`."""
    if card.settings.n_classes != features.n_classes or card.labels != features.labels:
        raise CheckpointError(
            f"{card.name} knows {card.settings.n_classes} classes and {features.name} has "
            f"{features.n_classes}, or they differ in name. Evaluate a model on data with the "
            "label set it was trained on."
        )


def _save(run: Path, checkpoint: Path, features: FeatureSet, result: Evaluation) -> None:
    record = {
        **result.to_json(),
        "set": features.name,
        "checkpoint": checkpoint.name,
        "command": f"python -m train evaluate RUN --data {features.name}.h5",
    }
    write_json(run / EVALUATION_FILE, record)
    _save_per_class(run / PER_CLASS_FILE, features, result)


def _save_per_class(path: Path, features: FeatureSet, result: Evaluation) -> None:
    write_atomically(path, lambda part: _write_per_class(part, labels_of(features), result))


def _write_per_class(path: Path, labels: tuple[Label, ...], result: Evaluation) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("index", "mid", "name", "ap", "auc"))
        for label, ap, auc in zip(labels, result.average_precision, result.auc, strict=True):
            writer.writerow((label.index, label.mid, label.name, f"{ap:.6f}", f"{auc:.6f}"))
