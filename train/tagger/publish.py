"""Publishing: from a run to a model of the app."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from filecmp import cmp
from pathlib import Path
from statistics import mean
from typing import Any

from audioset_demo.errors import CheckpointError, DataError
from audioset_demo.models.calibration_file import (
    CALIBRATION_FILE,
    calibration_path,
    load_calibration,
)
from audioset_demo.models.card import FIGURES, ModelCard, card_path, load_card, save_card
from audioset_demo.models.fields import check_values
from audioset_demo.models.published import (
    CHECKPOINT_FILE,
    CURVE_COLUMNS,
    LEARNING_CURVE_FILE,
    MODELS_DIR,
    PER_CLASS_FILE,
    user_models_dir,
)
from audioset_demo.storage import check_output, new_folder, parse_json, write_csv
from train.data.features import FeatureSet
from train.runs import Selected, read_metrics, select_checkpoint
from train.tagger.compare import spread
from train.tagger.config import TEACHERS, FitConfig
from train.tagger.evaluate import EVALUATION_FILE

# Settings in which a run on the whole set may differ from the runs that validate it.
FREE = ("whole", "evaluate_every", "seed", *TEACHERS)
FILES = (
    CHECKPOINT_FILE, card_path(Path(CHECKPOINT_FILE)).name, PER_CLASS_FILE, LEARNING_CURVE_FILE,
    CALIBRATION_FILE,
)  # fmt: skip
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def publish(
    run: Path,
    name: str | None = None,
    validated_by: Sequence[Path] = (),
    models_dir: Path | None = None,
) -> Path:
    """Copy a run's selected checkpoint and its card, figures and calibration to the app.

    Its figures are the per-class table and the learning curve. A published model that is published
    again with the same weights keeps its calibration.

    Parameters
    ----------
    name : its name in the app and for `--model`; None: the name of the run's folder
    validated_by : for a run on the whole set, runs with the same settings on the fit part, of one
        seed or several; published are the mean and spread of their figures on the validation part,
        and the learning curve of the first
    models_dir : folder of the published models; None: the user's own

    Returns
    -------
    The folder of the published model.

    Raises
    ------
    DataError
        If the run has not been evaluated, or another of its checkpoints was, if `validated_by` has
        other settings, or if the name cannot be that of a folder or is taken.
    StorageError
        If the folder can't be written. A model that is published there already stays as it was.
    """
    selected = select_checkpoint(run)
    evaluation = _evaluation_of(run, selected)
    card = load_card(selected.path)
    published = _folder(models_dir, name or run.resolve().name)
    _check_free(published, card)
    metrics = {"eval": evaluation, **selected.figures}
    lines = read_metrics(run)
    if validated_by:
        for twin in validated_by:
            check_twin(card, load_card(select_checkpoint(twin).path), twin)
        metrics["validation"] = _validation(validated_by)
        lines += [line for line in read_metrics(validated_by[0]) if "validation" in line]
    calibration = _calibration_of(selected.path, card, published / CHECKPOINT_FILE)
    check_output(published.parent / CHECKPOINT_FILE, make_folder=True)
    with new_folder(published) as part:
        shutil.copyfile(selected.path, part / CHECKPOINT_FILE)
        save_card(part / CHECKPOINT_FILE, replace(card, name=published.name, metrics=metrics))
        shutil.copyfile(run / PER_CLASS_FILE, part / PER_CLASS_FILE)
        write_csv(part / LEARNING_CURVE_FILE, CURVE_COLUMNS, _curve(lines))
        if calibration:
            shutil.copyfile(calibration, part / CALIBRATION_FILE)
        if published.exists():  # what else it holds stays
            others = shutil.ignore_patterns(*FILES)
            shutil.copytree(published, part, symlinks=True, ignore=others, dirs_exist_ok=True)
    return published


def _folder(models_dir: Path | None, name: str) -> Path:
    """The folder of a published model; its name must be safe for a folder and not taken."""
    if not NAME.fullmatch(name):
        raise DataError(
            f"A model cannot be published as '{name}'. Give a --name of letters, digits, - and _ "
            "that begins with a letter or digit, at most 64 of them."
        )
    if models_dir is None and (MODELS_DIR / name).exists():
        raise DataError(
            f"'{name}' is a model of the package. Give another --name; `audioset-demo models` "
            "lists those that are taken."
        )
    return (models_dir or user_models_dir()) / name


def _check_free(folder: Path, card: ModelCard) -> None:
    """A name may be published again from the same training, not from another."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file, and a model is a folder. Give another --name.")
    if not (folder / CHECKPOINT_FILE).exists():
        return
    try:
        present = load_card(folder / CHECKPOINT_FILE)
    except CheckpointError:  # damaged: publishing again replaces it
        return
    trainings = [(model.labels, model.training.get("config")) for model in (present, card)]
    if trainings[0] != trainings[1]:
        raise DataError(
            f"'{folder.name}' is already published, from another training. Give another --name, "
            f"or delete {folder}."
        )


def _calibration_of(checkpoint: Path, card: ModelCard, published: Path) -> Path | None:
    """The calibration of a checkpoint, beside it or beside the same weights where published."""
    if load_calibration(checkpoint, card.settings.n_classes) is not None:
        return calibration_path(checkpoint)
    kept = calibration_path(published)
    is_same = kept.is_file() and published.is_file() and cmp(checkpoint, published, shallow=False)
    return kept if is_same else None


def _evaluation_of(run: Path, selected: Selected) -> dict:
    try:
        evaluation: Any = parse_json((run / EVALUATION_FILE).read_text(encoding="utf-8"))
        known = {name: value for name, value in evaluation.items() if value is not None}
        check_values({"checkpoint": None} | known, {"checkpoint": str, **FIGURES})
    except (OSError, ValueError, AttributeError, RecursionError, CheckpointError):
        evaluation = None
    if evaluation is None or not (run / PER_CLASS_FILE).is_file():
        raise DataError(
            f"{run} has not been evaluated. First run "
            f"`python -m train evaluate {run} --data FILE.h5`."
        )
    if evaluation["checkpoint"] != selected.path.name:
        raise DataError(
            f"{run} was evaluated at {evaluation['checkpoint']}, but {selected.path.name} has "
            "since become the best on the validation part. Evaluate the run again."
        )
    return evaluation


def _validation(twins: Sequence[Path]) -> dict:
    figures = [select_checkpoint(twin).figures["validation"] for twin in twins]
    auc = [figure["AUC"] for figure in figures]
    return {
        "of": "runs with these settings on the fit part",
        "runs": len(figures),
        "mAP": mean([figure["mAP"] for figure in figures]),
        "mAP_spread": spread([figure["mAP"] for figure in figures]),
        "AUC": mean(auc),
        "AUC_spread": spread(auc),
        "set": figures[0]["set"],
        "clips": figures[0]["clips"],
    }


def check_twin(card: ModelCard, twin_card: ModelCard, twin: Path) -> None:
    """Raise a DataError unless a run may stand for another on the validation part.

    It has the same settings and was not trained on the whole set.
    """
    config, other = (one.training.get("config") for one in (card, twin_card))
    if not config or not other:
        raise DataError(
            f"{twin} cannot validate this model, because a card does not say how it was trained. "
            "Give runs of `python -m train fit`."
        )
    # A card does not name the settings that came after it.
    config, other = (FitConfig().to_json() | one for one in (config, other))
    differing = [key for key in config if key not in FREE and config[key] != other.get(key)]
    differing += [key for key in TEACHERS if bool(config[key]) != bool(other[key])]
    if differing or other.get("whole"):
        reason = (
            f"differs in {', '.join(differing)}" if differing else "was trained on the whole set"
        )
        raise DataError(
            f"{twin} cannot validate this model, because it {reason}. Give runs with the same "
            "settings that held the validation part out."
        )


def check_unseen(source: Path, card: ModelCard, fit_part: FeatureSet) -> None:
    """Raise a DataError unless a checkpoint was trained on the fit part, and on nothing else."""
    expected = f"{fit_part.name} ({len(fit_part):,} clips)"
    trained_on = card.training.get("set", "an unnamed set")
    if trained_on != expected:
        raise DataError(
            f"{source} was trained on {trained_on}, and this needs a run that was trained on the "
            f"{expected}. Train one with the same settings without --whole, and name the model "
            "with --for."
        )


def _curve(lines: list[dict]) -> list[list[str]]:
    """The rows of the learning curve, by iteration."""
    rows: dict[int, dict] = {}
    for line in lines:
        row = rows.setdefault(line["iteration"], {"iteration": line["iteration"]})
        if line.get("loss") is not None:  # a step that diverged has none
            row["loss"] = f"{line['loss']:.6f}"
        if "validation" in line:
            row["validation_mAP"] = f"{line['validation']['mAP']:.6f}"
            row["validation_AUC"] = f"{line['validation']['AUC']:.6f}"
    return [[rows[at].get(column, "") for column in CURVE_COLUMNS] for at in sorted(rows)]
