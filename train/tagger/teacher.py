"""Teachers: trained models whose scores of clips, or of their frames, are learnt."""

import os
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from audioset_demo.errors import DataError
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.combined import LEAST_SCORE, smoothed
from audioset_demo.models.network import TaggingModel
from audioset_demo.storage import full_disk_named
from train.data.features import FeatureSet
from train.runs import flag, select_checkpoint
from train.tagger import processes
from train.tagger.predict import BATCH_SIZE, predict


def load_teachers(
    setting: str, teachers: tuple[str, ...], features: FeatureSet
) -> list[TaggingModel]:
    """The models of the teachers.

    Parameters
    ----------
    setting : of the configuration, which names them
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
                f"{flag(setting)} {teacher} was trained on {model.settings.n_classes} classes and "
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


def teacher_frame_scores(
    teachers: list[TaggingModel], features: FeatureSet, folder: Path
) -> np.ndarray | None:
    """The teachers' probabilities of single frames, (N, T, K) float16; None where there are none.

    The mean of their logits, smoothed over time; 0 where a clip has no frame. It is kept in a file
    without a name in `folder`, which ends with the process: 10.5 kB a clip of AudioSet.

    Raises
    ------
    StorageError : if the disk is full
    """
    if not teachers:
        return None
    starts = range(0, len(features), BATCH_SIZE)
    shown = tqdm(starts, unit="batch", desc="frames", disable=not processes.is_first())
    with full_disk_named(folder), TemporaryFile(dir=folder) as file:
        for start in shown:
            clips, mask, _ = features.batch(
                np.arange(start, min(start + BATCH_SIZE, len(features)))
            )
            logits = np.full((*mask.shape, features.n_classes), np.nan, np.float32)
            logits[mask.numpy()] = _mean_logits(teachers, clips[mask])
            scores = torch.from_numpy(smoothed(logits)).sigmoid().nan_to_num(0).half()
            file.write(scores.numpy().tobytes())
        file.flush()
        shape = (len(features), *logits.shape[1:])
        return np.memmap(file, np.float16, "r", shape=shape)


@torch.inference_mode()
def _mean_logits(teachers: list[TaggingModel], frames: Tensor) -> np.ndarray:
    """(M, K), the mean of the teachers' logits of frames (M, D)."""
    device = next(teachers[0].parameters()).device
    logits = [teacher.frame_scores(frames.to(device)).logit(LEAST_SCORE) for teacher in teachers]
    return torch.stack(logits).mean(dim=0).cpu().numpy()
