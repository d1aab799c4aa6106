"""Calibration of a model on clips that it has not seen, and how well it holds on others.

A model that was trained on all clips has seen those of the validation part. Its calibration is
fitted to a run with the same settings that held them out.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from audioset_demo.device import resolve_device
from audioset_demo.evaluation import evaluate_scores
from audioset_demo.events import THRESHOLD
from audioset_demo.models.calibration import (
    Calibration,
    Prior,
    log_odds,
    move_prior,
)
from audioset_demo.models.calibration_file import calibration_path, rounded, save_calibration
from audioset_demo.models.card import load_card
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.published import find_checkpoint
from audioset_demo.storage import check_output
from train.data.features import FeatureSet, check_scorable, load_features, training_files
from train.data.split import split
from train.runs import command_line, select_checkpoint
from train.tagger.calibrate_figures import Decisions, Figure, decisions, reliability
from train.tagger.calibrate_fit import Fit, fit_maps, fit_thresholds
from train.tagger.evaluate import check_classes
from train.tagger.predict import predict
from train.tagger.publish import check_twin, check_unseen

MEASURED = ("f1", "precision:0.3", "precision:0.5", "precision:0.7", "precision:0.9")
UNCHANGED = 1e-12  # the largest change of an AP or AUC: what sums of another order make


@dataclass(frozen=True)
class Report:
    """What was fitted, and what was measured of it.

    Attributes
    ----------
    path : the file that was written
    reliability : figures by what they are of: "score", "probability", and the probability moved to
        the shares of the classes in the clips that were scored
    decisions : by the threshold; "counted" thresholds are those of F1 and precision counted from
        the labels of the clips of the fit
    """

    path: Path
    fit: Fit
    reliability: dict[str, dict[str, Figure]]
    decisions: dict[str, Decisions]


def calibrate(
    source: Path,
    data: Sequence[Path],
    of: str | None = None,
    scored: Path | None = None,
    device: str = "auto",
) -> Report:
    """Fit a calibration to the validation part of the data, and write it beside its checkpoint.

    Parameters
    ----------
    source : a run, or a checkpoint, that held the validation part out
    data : what it was trained on, as in `fit`
    of : the model that the calibration is of, with the same settings: a published name, a run or a
        checkpoint; None: that of `source`
    scored : labelled features on which to measure how well the probabilities hold; None: none
    device : a name of `DEVICES`

    Raises
    ------
    CheckpointError
        If a checkpoint is missing or damaged, or has other classes than the data.
    DataError
        If `source` has seen the validation part, or differs from the model in its settings, or
        nothing can be fitted or scored.
    StorageError
        If the calibration can't be written.
    """
    where = resolve_device(device)
    checkpoint = _checkpoint(source)
    target = checkpoint if of is None else _checkpoint(Path(of))
    check_output(calibration_path(target), [checkpoint])
    features = load_features(training_files(*data))
    fit_part, validation = split(features)
    card, model_card = load_card(checkpoint), load_card(target)
    check_unseen(source, card, fit_part)
    if of is not None:
        check_twin(model_card, card, source)
    others = None if scored is None else load_features(scored)
    for labelled in (validation, *([] if others is None else [others])):
        check_classes(model_card, labelled)
        check_scorable(labelled)
    scores = _scores(checkpoint, validation, where)
    fit = fit_maps(log_odds(scores), validation.y)
    calibration = Calibration(
        prior=Prior(features.name, rounded(_shares(features))),
        slopes=fit.slopes,
        intercepts=fit.intercepts,
        steps=fit.steps,
        thresholds={},
        set=f"{validation.name} ({len(validation):,} clips)",
        command=_command(of, scored),
    )
    expected = calibration.probabilities(scores)
    calibration = replace(calibration, thresholds=fit_thresholds(scores, expected))
    report = Report(calibration_path(target), fit, {}, {})
    if others is not None:
        counted = fit_thresholds(scores, validation.y)
        report = _measured(report, calibration, target, counted, others, where)
        calibration = replace(calibration, metrics=_metrics(report, others))
    save_calibration(target, calibration)
    return report


def _checkpoint(source: Path) -> Path:
    return select_checkpoint(source).path if os.path.isdir(source) else find_checkpoint(source)


def _command(of: str | None, scored: Path | None) -> str:
    model = {"for": None if of is None else Path(of)}
    return command_line("calibrate", "RUN", data="DATA", scored=scored, **model)


def _shares(features: FeatureSet) -> np.ndarray:
    """The share (K,) of the clips that carry each label; half a clip where none does."""
    return (features.n_positives() + 0.5) / (len(features) + 1)


def _scores(checkpoint: Path, features: FeatureSet, device: torch.device) -> np.ndarray:
    model, _ = load_checkpoint(checkpoint)
    return predict(model.to(device), features, progress=True)


def _measured(
    report: Report,
    calibration: Calibration,
    target: Path,
    counted: dict[str, np.ndarray],
    features: FeatureSet,
    device: torch.device,
) -> Report:
    """The report with figures on labelled clips, of which no class's AP or AUC changes."""
    scores, y = _scores(target, features, device), features.y
    rows = {"score": reliability(scores.astype(np.float64), y)}
    probabilities = calibration.probabilities(scores)
    _check_ranking(scores, probabilities, y)
    rows["probability"] = reliability(probabilities, y)
    moved = move_prior(probabilities, calibration.prior.shares, _shares(features))
    rows[f"probability, prior of {features.name}"] = reliability(moved, y)
    decided = {str(score): decisions(scores, y, score) for score in (THRESHOLD, THRESHOLD / 2)}
    for name in MEASURED:
        decided[name] = decisions(scores, y, calibration.thresholds[name])
        decided[f"{name}, counted"] = decisions(scores, y, counted[name])
    return replace(report, reliability=rows, decisions=decided)


def _check_ranking(scores: np.ndarray, probabilities: np.ndarray, y: np.ndarray) -> None:
    before, after = evaluate_scores(y, scores), evaluate_scores(y, probabilities)
    for of_scores, of_probabilities in (
        (before.average_precision, after.average_precision),
        (before.auc, after.auc),
    ):
        assert np.nanmax(np.abs(of_scores - of_probabilities)) <= UNCHANGED


def _metrics(report: Report, features: FeatureSet) -> dict:
    return {
        "set": features.name,
        "clips": len(features),
        "spreads": asdict(report.fit.spreads),
        "isotonic_classes": len(report.fit.steps),
        "reliability": {
            name: {figure: asdict(values) for figure, values in row.items()}
            for name, row in report.reliability.items()
        },
        "decisions": {name: asdict(values) for name, values in report.decisions.items()},
    }
