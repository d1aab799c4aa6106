"""Teachers: trained models whose averaged scores are mixed into the targets."""

import os
from pathlib import Path

import numpy as np
import torch

from audioset_demo.errors import DataError
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.network import TaggingModel
from train.data.features import FeatureSet
from train.runs import select_checkpoint
from train.tagger import processes
from train.tagger.predict import predict


def load_teachers(teachers: tuple[str, ...], features: FeatureSet) -> list[TaggingModel]:
    """The models of the teachers.

    Parameters
    ----------
    teachers : runs (the selected checkpoint of each) or checkpoints

    Raises
    ------
    DataError
        If a teacher was trained on other classes than `features` has.
    """
    models = []
    for teacher in map(Path, teachers):
        model, card = load_checkpoint(
            select_checkpoint(teacher).path if os.path.isdir(teacher) else teacher
        )
        if model.settings.n_classes != features.n_classes or card.labels != features.labels:
            raise DataError(
                f"--teacher {teacher} was trained on {model.settings.n_classes} classes and "
                f"{features.name} has {features.n_classes}, or their names differ. Give a "
                "teacher that was trained on the same label set."
            )
        models.append(model)
    return models


def teacher_scores(teachers: list[TaggingModel], features: FeatureSet) -> np.ndarray | None:
    """The mean of the teachers' probabilities, (N, K) float16; None where there are none."""
    if not teachers:
        return None
    total = np.zeros((len(features), features.n_classes), np.float32)
    share = processes.share_of(len(features))
    part = features.subset(np.arange(share.start, share.stop), features.name)
    for teacher in teachers:
        total[share] += predict(teacher, part, progress=processes.is_first())
    processes.add_up(torch.from_numpy(total))
    return (total / len(teachers)).astype(np.float16)
