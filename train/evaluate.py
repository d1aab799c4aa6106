"""Evaluation of checkpoints on a labelled set: one alone, or several averaged."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audioset_demo.errors import CheckpointError, DataError
from audioset_demo.evaluation import Evaluation, evaluate_scores
from audioset_demo.files import write_atomically
from audioset_demo.labels import Label, audioset_labels, own_labels
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.published import PER_CLASS_FILE
from train.data import FeatureSet, load_features
from train.fit import CHECKPOINT_DIR
from train.predict import predict
from train.runs import read_metrics

EVALUATION_FILE = "evaluation.json"
RUN_FIGURES = ("half_precision_max_difference", "validation")


@dataclass(frozen=True)
class Selected:
    """A run's checkpoint that counts, and what the run has measured of it."""

    path: Path
    figures: dict


def select_checkpoint(run: Path) -> Selected:
    """The checkpoint with the highest mAP on the validation part; never chosen on another set.

    Of a run that trained on that part as well, the last one.
    """
    saved = [line for line in read_metrics(run) if "checkpoint" in line]
    if not saved:
        raise DataError(f"{run} has no checkpoint yet. Let the training go on.")
    scored = [line for line in saved if "validation" in line]
    best = max(scored, key=lambda line: line["validation"]["mAP"]) if scored else saved[-1]
    path = run / CHECKPOINT_DIR / best["checkpoint"]
    if not path.is_file():
        raise DataError(f"{run} has lost its checkpoint {path.name}. Train it again.")
    return Selected(path, {key: best[key] for key in RUN_FIGURES if key in best})


def checkpoints(run: Path) -> dict[int, Path]:
    """A run's checkpoints by iteration, first to last."""
    paths = sorted((run / CHECKPOINT_DIR).glob("iter_*.safetensors"))
    return {int(path.stem.removeprefix("iter_")): path for path in paths}


def evaluate(run_or_checkpoint: Path, data: Path, per_class: Path | None = None) -> Evaluation:
    """Score a checkpoint, or the selected one of a run; a run keeps the result.

    Parameters
    ----------
    per_class : CSV file for the figures of each class; None: not written
    """
    run = run_or_checkpoint if run_or_checkpoint.is_dir() else None
    path = select_checkpoint(run).path if run else run_or_checkpoint
    features = load_features(data)
    model, card = load_checkpoint(path)
    _check_classes(card.labels, model.settings.n_classes, features)
    result = evaluate_scores(features.y, predict(model, features, progress=True))
    if run:
        _save(run, path, features, result)
    if per_class:
        _save_per_class(per_class, features, result)
    return result


def average(run: Path, data: Path, last: int | None = None) -> list[tuple[str, Evaluation]]:
    """Evaluate each of a run's checkpoints, and the mean of their probabilities.

    Parameters
    ----------
    last : how many checkpoints, counted from the end; None: all
    """
    if last is not None and last < 1:
        raise DataError(f"--last must be at least 1, not {last}.")
    chosen = dict(list(checkpoints(run).items())[-(last or 0) :])
    if not chosen:
        raise DataError(f"{run} has no checkpoints to average.")
    features = load_features(data)
    rows, total = [], np.zeros(features.y.shape)
    for iteration, path in chosen.items():
        model, card = load_checkpoint(path)
        _check_classes(card.labels, model.settings.n_classes, features)
        scores = predict(model, features, progress=True)
        total += scores
        rows.append((f"iteration {iteration}", evaluate_scores(features.y, scores)))
    rows.append((f"mean of {len(chosen)}", evaluate_scores(features.y, total / len(chosen))))
    return rows


def labels_of(features: FeatureSet) -> tuple[Label, ...]:
    return own_labels(features.labels) if features.labels is not None else audioset_labels()


def _check_classes(labels: tuple[str, ...] | None, n_classes: int, features: FeatureSet) -> None:
    if n_classes != features.n_classes or labels != features.labels:
        raise CheckpointError(
            f"The model knows {n_classes} classes and {features.name} has {features.n_classes}, or "
            "they differ in name. Evaluate a model on data with the label set it was trained on."
        )


def _save(run: Path, checkpoint: Path, features: FeatureSet, result: Evaluation) -> None:
    record = {
        **result.to_json(),
        "set": features.name,
        "checkpoint": checkpoint.name,
        "command": f"python -m train evaluate RUN --data {features.name}.h5",
    }
    text = json.dumps(record, indent=1) + "\n"
    write_atomically(run / EVALUATION_FILE, lambda part: part.write_text(text, encoding="utf-8"))
    _save_per_class(run / PER_CLASS_FILE, features, result)


def _save_per_class(path: Path, features: FeatureSet, result: Evaluation) -> None:
    write_atomically(path, lambda part: _write_per_class(part, labels_of(features), result))


def _write_per_class(path: Path, labels: tuple[Label, ...], result: Evaluation) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("index", "mid", "name", "ap", "auc"))
        for label, ap, auc in zip(labels, result.average_precision, result.auc, strict=True):
            writer.writerow((label.index, label.mid, label.name, f"{ap:.6f}", f"{auc:.6f}"))
