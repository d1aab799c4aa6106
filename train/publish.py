"""Publishing: from a run to what the app reads."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

from audioset_demo.errors import DataError
from audioset_demo.files import write_atomically
from audioset_demo.models.card import ModelCard, load_card, save_card
from audioset_demo.models.published import (
    CHECKPOINT_FILE,
    LEARNING_CURVE_FILE,
    MODELS_DIR,
    PER_CLASS_FILE,
)
from train.evaluate import EVALUATION_FILE, Selected, select_checkpoint
from train.runs import read_metrics

CURVE_COLUMNS = ("iteration", "loss", "validation_mAP", "validation_AUC")


def publish(
    run: Path,
    name: str | None = None,
    validated_by: Path | None = None,
    models_dir: Path = MODELS_DIR,
) -> Path:
    """Copy a run's selected checkpoint, its card, per-class table and learning curve to the app.

    Parameters
    ----------
    name : what the app calls it; None: the name of the model
    validated_by : for a run on the whole set, one with the same settings on the fit part: its
        figures on the validation part are published as such
    models_dir : folder of the published models

    Returns
    -------
    The folder of the published model.

    Raises
    ------
    DataError
        If the run has not been evaluated, or was at another of its checkpoints, or if
        `validated_by` has other settings.
    """
    selected = select_checkpoint(run)
    evaluation = _evaluation_of(run, selected)
    card = load_card(selected.path)
    published = models_dir / (name or card.name)
    published.mkdir(parents=True, exist_ok=True)
    checkpoint = published / CHECKPOINT_FILE
    write_atomically(checkpoint, lambda part: shutil.copyfile(selected.path, part))
    metrics = {"eval": evaluation, **selected.figures}
    lines = read_metrics(run)
    if validated_by:
        _check_twin(card, load_card(select_checkpoint(validated_by).path))
        validation = select_checkpoint(validated_by).figures["validation"]
        metrics["validation"] = {**validation, "of": "a run with these settings on the fit part"}
        lines += [line for line in read_metrics(validated_by) if "validation" in line]
    save_card(checkpoint, replace(card, name=published.name, metrics=metrics))
    write_atomically(
        published / PER_CLASS_FILE,
        lambda part: shutil.copyfile(run / PER_CLASS_FILE, part),
    )
    write_atomically(published / LEARNING_CURVE_FILE, lambda part: _write_curve(part, lines))
    return published


def _evaluation_of(run: Path, selected: Selected) -> dict:
    try:
        evaluation = json.loads((run / EVALUATION_FILE).read_text(encoding="utf-8"))
    except OSError:
        raise DataError(
            f"{run} has not been evaluated. First run "
            f"`python -m train evaluate {run} --data FILE.h5`."
        ) from None
    if evaluation["checkpoint"] != selected.path.name:
        raise DataError(
            f"{run} was evaluated at {evaluation['checkpoint']}, but {selected.path.name} has "
            "since become the best on the validation part. Evaluate the run again."
        )
    return evaluation


def _check_twin(card: ModelCard, twin: ModelCard) -> None:
    """Both must have been trained alike, but for the part that was held out."""
    free = {"whole": None, "evaluate_every": None}
    config, other = card.training["config"] | free, twin.training["config"] | free
    differing = [key for key in config if config[key] != other.get(key)]
    if differing or twin.training["config"]["whole"]:
        raise DataError(
            "--validated-by must be a run with the same settings on the fit part; "
            f"it differs in {', '.join(differing) or 'nothing, and saw the whole set'}."
        )


def _write_curve(path: Path, lines: list[dict]) -> None:
    rows: dict[int, dict] = {}
    for line in lines:
        row = rows.setdefault(line["iteration"], {"iteration": line["iteration"]})
        if "loss" in line:
            row["loss"] = f"{line['loss']:.6f}"
        if "validation" in line:
            row["validation_mAP"] = f"{line['validation']['mAP']:.6f}"
            row["validation_AUC"] = f"{line['validation']['AUC']:.6f}"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, CURVE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[iteration] for iteration in sorted(rows))
