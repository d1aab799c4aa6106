"""Cross-validation: how good a model of few clips is, without giving any of them up.

Each recording is held out once, and scored by a run that was trained on the others. The model that
is then trained on all clips is published with these figures. In the folder of the output:

    fold_1, fold_2, ...   the runs, one for each fold, in which the fold is held out
    whole                 the run on all clips, for `python -m train publish`
    folds.csv             the fold of each clip
    folds.json            the figures of each fold, their means and spreads
    clips.csv             what each clip was taken for when it was held out
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from audioset_demo.device import resolve_device
from audioset_demo.errors import DataError
from audioset_demo.evaluation import Evaluation, evaluate_scores
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.storage import check_output, csv_text, write_csv, write_json, write_text
from train.data.features import FeatureSet, check_scorable
from train.data.folds import named_folds
from train.runs import command_line, select_checkpoint
from train.tagger.compare import spread
from train.tagger.config import FitConfig
from train.tagger.evaluate import labels_of, save_evaluation
from train.tagger.fit import fit
from train.tagger.predict import predict

WHOLE = "whole"
SUMMARISED = ("mAP", "AUC", "accuracy")
FOLDS_FILE, FIGURES_FILE, CLIPS_FILE = "folds.csv", "folds.json", "clips.csv"


@dataclass(frozen=True)
class Figures:
    """What was found of the clips of a fold, or of all.

    Attributes
    ----------
    accuracy : share of clips whose highest score is that of their class; None where some clip has
        no class or several
    """

    name: str
    evaluation: Evaluation
    accuracy: float | None

    @classmethod
    def of(cls, name: str, clips: FeatureSet, scores: np.ndarray) -> "Figures":
        targets = clips.y
        accuracy = None
        if (targets.sum(axis=1) == 1).all():
            accuracy = float((scores.argmax(axis=1) == targets.argmax(axis=1)).mean())
        return cls(name, evaluate_scores(targets, scores), accuracy)

    def to_json(self) -> dict:
        return {"fold": self.name, **self.evaluation.to_json(), "accuracy": self.accuracy}


@dataclass(frozen=True)
class CrossValidation:
    """The figures of each fold, and of all clips together, each scored when it was held out."""

    folds: list[Figures]
    pooled: Figures

    def summary(self) -> dict[str, dict[str, float | None]]:
        """Mean over the folds, and standard deviation of a sample, of each figure that all have."""
        rows = [figures.to_json() for figures in [*self.folds, self.pooled]]
        known = [name for name in SUMMARISED if all(row[name] is not None for row in rows)]
        values = {name: [row[name] for row in rows[:-1]] for name in known}
        return {name: {"mean": mean(each), "spread": spread(each)} for name, each in values.items()}


def check_new(output: Path) -> None:
    """Raise a DataError if `output` holds runs, before sounds are encoded for others."""
    if (output / FOLDS_FILE).exists():
        raise DataError(
            f"{output} already holds runs. Add --resume to continue them, or give another --output."
        )


def cross_validate(
    config: FitConfig,
    features: FeatureSet,
    output: Path,
    n_folds: int = 5,
    resume: bool = False,
    device: str = "auto",
) -> CrossValidation:
    """Train a run without each fold and one on all clips.

    Parameters
    ----------
    config : of a run on the whole set, whose last checkpoint counts: the fold chooses nothing
    n_folds : where the file gives no folds
    resume : continue where an earlier call was stopped

    Raises
    ------
    DataError
        If the clips cannot be divided, `output` holds runs on another division, or as of `fit`.
    """
    names = [label.name for label in labels_of(features)]
    folds = named_folds(features, n_folds, names)
    every = sorted(set(folds.tolist()), key=_place)
    held = {fold: features.subset(np.flatnonzero(folds == fold), f"fold {fold}") for fold in every}
    for clips in held.values():
        check_scorable(clips)
    _record_folds(output, features, folds)
    scores = np.empty((len(features), features.n_classes), np.float32)
    for number, (fold, clips) in enumerate(held.items(), 1):
        print(f"Without fold {fold}:", flush=True)
        rows = np.flatnonzero(folds != fold)
        others = features.subset(rows, f"{features.name} without fold {fold}")
        run = output / f"fold_{number}"
        fit(config, others, run, resume, device=device)
        model, _ = load_checkpoint(select_checkpoint(run).path)
        scores[folds == fold] = predict(model.to(resolve_device(device)), clips)
    print("All clips:", flush=True)
    fit(config, features, output / WHOLE, resume, device=device)
    found = CrossValidation(
        [Figures.of(fold, clips, scores[folds == fold]) for fold, clips in held.items()],
        Figures.of("all", features, scores),
    )
    _save(output, features, folds, scores, found, config)
    return found


def _place(fold: str) -> tuple[float, str]:
    """Numbers in their order, then other names."""
    return (float(fold) if fold.isdecimal() else np.inf), fold


def _record_folds(output: Path, features: FeatureSet, folds: np.ndarray) -> None:
    """Write which clip is in which fold; runs there must be on the same division."""
    path = output / FOLDS_FILE
    check_output(path, make_folder=True)
    columns = zip(_texts(features.video_ids), _texts(features.groups), folds, strict=True)
    table = csv_text(("clip", "recording", "fold"), columns)
    if path.exists() and path.read_text(encoding="utf-8") != table:
        raise DataError(
            f"{output} holds runs on other clips or folds. Give the same ones to continue it, or "
            "another --output."
        )
    write_text(path, table)


def _save(
    output: Path,
    features: FeatureSet,
    folds: np.ndarray,
    scores: np.ndarray,
    found: CrossValidation,
    config: FitConfig,
) -> None:
    command = _command(config, len(found.folds))
    write_json(
        output / FIGURES_FILE,
        {
            "folds": [each.to_json() for each in found.folds],
            "all": found.pooled.to_json(),
            "summary": found.summary(),
            "command": command,
        },
    )
    names = [label.name for label in labels_of(features)]
    best = scores.argmax(axis=1)
    rows = [
        (clip, fold, " | ".join(names[k] for k in np.flatnonzero(has)), names[k], f"{row[k]:.4f}")
        for clip, fold, has, k, row in zip(
            _texts(features.video_ids), folds, features.y, best, scores, strict=True
        )
    ]
    write_csv(output / CLIPS_FILE, ("clip", "fold", "labels", "highest", "score"), rows)
    run = output / WHOLE
    scored_on = f"{features.name}, each clip by a model of the other {len(found.folds) - 1} folds"
    checkpoint = select_checkpoint(run).path
    save_evaluation(run, checkpoint, features, found.pooled.evaluation, scored_on, command)


def _command(config: FitConfig, n_folds: int) -> str:
    base = FitConfig(model=config.model, whole=True, evaluate_every=config.evaluate_every)
    places = ("--data", "DATA", "--output", "RUNS", "--model", config.model, "--folds", n_folds)
    return command_line("folds", *places, *config.changes(base))


def _texts(values: np.ndarray) -> list[str]:
    return [value.decode("utf-8", "replace") for value in values]
