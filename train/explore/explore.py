"""Scoring published models for the evidence that the app shows of each class."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from audioset_demo.device import resolve_device
from audioset_demo.errors import CheckpointError, DataError
from audioset_demo.evidence.clips import ScoredClips, eval_clips
from audioset_demo.evidence.of_model import EVIDENCE_FILE, Evidence
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.published import PublishedModel, find_published, published_models
from audioset_demo.storage import check_output, write_atomically
from train.data.features import FeatureSet, load_features
from train.explore.classes import evidence_of
from train.explore.ranking import clip_weights
from train.tagger.predict import predict

REPLICATES = 300


def explore(data: Path, names: Sequence[str] = (), device: str = "auto") -> list[Path]:
    """Write the evidence of published models beside their checkpoints.

    Parameters
    ----------
    data : features of AudioSet's evaluation set
    names : published names; none: all models of AudioSet's classes
    device : a name of `DEVICES`

    Returns
    -------
    The files written.

    Raises
    ------
    CheckpointError
        If there is no such model, or it has other classes than AudioSet's.
    DataError
        If `data` is not the evaluation set.
    StorageError
        If a file can't be written.
    """
    models = [_published(name) for name in names] or [
        model for model in published_models() if model.card.labels is None
    ]
    outputs = [model.path.parent / EVIDENCE_FILE for model in models]
    for output in outputs:
        check_output(output, [data])
    clips, features = eval_clips(), load_features(data)
    _check_same(features, clips)
    weights = clip_weights(len(clips), REPLICATES)
    for model, output in zip(models, outputs, strict=True):
        network, _ = load_checkpoint(model.path)
        scores = predict(network.to(resolve_device(device)), features, progress=True)
        save_evidence(output, evidence_of(scores, clips, weights, model.title))
    return outputs


def save_evidence(path: Path, evidence: Evidence) -> None:
    """Write evidence to a file."""
    write_atomically(path, lambda part: _write(part, evidence))


def _write(path: Path, evidence: Evidence) -> None:
    arrays: dict[str, Any] = {each.name: getattr(evidence, each.name) for each in fields(evidence)}
    np.savez_compressed(path, **arrays)


def _published(name: str) -> PublishedModel:
    model = find_published(name)
    if model.card.labels is not None:
        raise CheckpointError(
            f"'{name}' has classes of its own, of which AudioSet's evaluation set has no clips. "
            "Give a model of AudioSet's classes."
        )
    return model


def _check_same(features: FeatureSet, clips: ScoredClips) -> None:
    same = (
        len(features) == len(clips)
        and features.n_classes == len(clips.complete)
        and (features.video_ids == clips.video_ids).all()
        and (features.y == clips.has_label).all()
    )
    if not same:
        raise DataError(
            f"{features.name} holds {len(features):,} clips, which are not the {len(clips):,} of "
            "AudioSet's evaluation set in their order. Give the eval.h5 that `python -m train "
            "pack` makes."
        )
