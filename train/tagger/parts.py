"""The clips that a run trains on and those that score its checkpoints, checked before the run."""

import numpy as np

from audioset_demo.errors import DataError
from train.data.features import FeatureSet
from train.data.split import held_out, sample
from train.tagger.config import FitConfig
from train.tagger.evaluate import labels_of

NAMES_SHOWN = 5


def parts_of(config: FitConfig, features: FeatureSet) -> tuple[FeatureSet, FeatureSet]:
    """The clips that a run trains on, and those that score it.

    A run on the whole set is not scored; there, the second part only shows how far half precision
    moves the scores.

    Raises
    ------
    DataError
        If there is nothing to learn from, or nothing to score with.
    """
    validation_rows = held_out(features)
    rows = np.full(len(features), True) if config.whole else ~validation_rows
    fit_part = features.subset(
        np.flatnonzero(rows), features.name if config.whole else f"fit part of {features.name}"
    )
    validation = features.subset(
        np.flatnonzero(validation_rows), f"validation part of {features.name}"
    )
    if config.whole:
        validation = validation if len(validation) else features
    elif not len(fit_part) or not validation.n_scorable_classes():
        raise DataError(
            f"{features.name} has {len(features)} clips, of which {len(validation)} are held out "
            "for validation. No class has both a clip with its label and a clip without it among "
            "these. Give more clips, or add --whole to train on all of them without validation."
        )
    if config.clips:
        fit_part = sample(fit_part, config.clips)
    if not fit_part.n_scorable_classes():
        raise DataError(
            f"There is nothing to learn from the {fit_part.name} ({len(fit_part)} clips): no "
            "class has both a clip with its label and a clip without it. Give clips of at least "
            "two kinds."
        )
    return fit_part, validation


def never_learned(fit_part: FeatureSet) -> str:
    """A note on the classes without a clip in the fit part; empty if there are none."""
    absent = np.flatnonzero(fit_part.n_positives() == 0)
    if not len(absent):
        return ""
    labels = labels_of(fit_part)
    names = ", ".join(labels[k].name for k in absent[:NAMES_SHOWN])
    more = ", ..." if len(absent) > NAMES_SHOWN else ""
    return (
        f"{len(absent)} of {fit_part.n_classes} classes ({names}{more}) have no clip in the "
        f"{fit_part.name} and cannot be learned."
    )
