"""Evaluation of a checkpoint on a labelled set, with the figures of each class."""

import os
from pathlib import Path

from audioset_demo.device import resolve_device
from audioset_demo.errors import CheckpointError
from audioset_demo.evaluation import Evaluation, evaluate_scores
from audioset_demo.labels import Label, audioset_labels, own_labels
from audioset_demo.models.card import ModelCard, card_path
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.published import PER_CLASS_COLUMNS, PER_CLASS_FILE
from audioset_demo.storage import check_output, write_csv, write_json
from train.data.features import FeatureSet, check_scorable, load_features
from train.runs import command_line, select_checkpoint
from train.tagger.predict import predict

EVALUATION_FILE = "evaluation.json"


def evaluate(
    run_or_checkpoint: Path,
    data: Path,
    per_class: Path | None = None,
    pooling: str | None = None,
    device: str = "auto",
) -> Evaluation:
    """Score a checkpoint, or the selected one of a run, where the result is saved too.

    Parameters
    ----------
    per_class : CSV file for the figures of each class; None: not written
    pooling : "average" or "max", for a checkpoint of the reference that does not say which it is
    device : a name of `DEVICES`

    Raises
    ------
    CheckpointError
        If the checkpoint is damaged, or was trained on other classes than the data has.
    DataError
        If the run has no checkpoint, or nothing can be scored.
    StorageError
        If `per_class` or the files of the run can't be written.
    """
    run = run_or_checkpoint if os.path.isdir(run_or_checkpoint) else None
    path = select_checkpoint(run).path if run else run_or_checkpoint
    outputs = [per_class] if per_class else []
    if run:
        outputs += [run / EVALUATION_FILE, run / PER_CLASS_FILE]
    for output in outputs:
        check_output(output, [data, path, card_path(path)])
    features = load_features(data)
    model, card = load_checkpoint(path, pooling)
    check_classes(card, features)
    check_scorable(features)
    model.to(resolve_device(device))
    result = evaluate_scores(features.y, predict(model, features, progress=True))
    if run:
        command = command_line("evaluate", "RUN", data=data)
        save_evaluation(run, path, features, result, features.name, command)
    if per_class:
        save_per_class(per_class, features, result)
    return result


def labels_of(features: FeatureSet) -> tuple[Label, ...]:
    return own_labels(features.labels) if features.labels is not None else audioset_labels()


def check_classes(card: ModelCard, features: FeatureSet) -> None:
    """Raise CheckpointError unless the model was trained on the label set of `features`."""
    if card.settings.n_classes != features.n_classes or card.labels != features.labels:
        raise CheckpointError(
            f"{card.name} was trained on {card.settings.n_classes} classes and {features.name} has "
            f"{features.n_classes}, or their names differ. Evaluate a model on data with the label "
            "set it was trained on."
        )


def clips_of_class(features: FeatureSet) -> dict[str, list[int]]:
    """How many clips carry each label, for the card of a model of one's own classes."""
    return {} if features.labels is None else {"clips_of_class": features.n_positives().tolist()}


def save_evaluation(
    run: Path,
    checkpoint: Path,
    features: FeatureSet,
    result: Evaluation,
    scored_on: str,
    command: str,
) -> None:
    """Write what was found of a checkpoint to its run, from where it is published.

    Parameters
    ----------
    scored_on : what `features` are, in words
    """
    record = {
        **result.to_json(),
        "set": scored_on,
        "checkpoint": checkpoint.name,
        "command": command,
        **clips_of_class(features),
    }
    write_json(run / EVALUATION_FILE, record)
    save_per_class(run / PER_CLASS_FILE, features, result)


def save_per_class(path: Path, features: FeatureSet, result: Evaluation) -> None:
    """Write a table of the AP and AUC of each class."""
    rows = [
        (label.index, label.mid, label.name, f"{ap:.6f}", f"{auc:.6f}")
        for label, ap, auc in zip(
            labels_of(features), result.average_precision, result.auc, strict=True
        )
    ]
    write_csv(path, PER_CLASS_COLUMNS, rows)
