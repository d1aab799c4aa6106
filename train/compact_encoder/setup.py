"""The inputs of a training of the compact encoder, read and checked before it starts."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from audioset_demo.encoders.compact import (
    CARD_FILE,
    SOUNDS_FILE,
    WEIGHTS_FILE,
    CompactNet,
    load_compact,
)
from audioset_demo.errors import DataError
from audioset_demo.labels import audioset_labels
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.published import find_checkpoint
from audioset_demo.storage import check_output
from train.compact_encoder import publish
from train.compact_encoder.config import EncoderConfig
from train.compact_encoder.held_out import HeldOut, check_held_out, read_held_out
from train.compact_encoder.sounds.categories import DEFAULT_TABLE, CategoryTable
from train.compact_encoder.sounds.music import check_fluidsynth, pieces
from train.compact_encoder.sounds.recordings import Recording, read_recordings
from train.compact_encoder.sounds.speech import check_synthesisers, readings
from train.compact_encoder.teacher import Teacher, class_columns, open_teacher
from train.data.features import FeatureSet, load_features
from train.runs import open_run


@dataclass(frozen=True)
class Setup:
    """The inputs of a run. `models` holds pairs of model and card by title, the main one first;
    `more_models` those that it does not train through; `beside` the encoders of other runs with
    their configurations; `columns` (K,) the teacher's column for each class, -1 where it has none.
    """

    run: Path
    config: EncoderConfig
    table: CategoryTable
    recordings: list[Recording]
    held_out: HeldOut
    teacher: Teacher
    open_teacher: Callable[[], Teacher]  # for processes that need their own
    jobs: int
    guessed: list[str]
    columns: np.ndarray
    models: dict[str, tuple[TaggingModel, ModelCard]]
    features: FeatureSet | None
    more_models: dict[str, tuple[TaggingModel, ModelCard]]
    beside: dict[Path, tuple[CompactNet, EncoderConfig]]


def prepare(arguments: argparse.Namespace, config: EncoderConfig) -> Setup:
    """All that the run needs, read and checked before anything is written."""
    run = arguments.output
    if arguments.evaluate:
        load_compact(run)
        for file in (CARD_FILE, WEIGHTS_FILE, SOUNDS_FILE):
            check_output(run / file)
    if arguments.publish:
        check_output(publish.ASSETS / WEIGHTS_FILE)
    if config.speech:
        check_synthesisers()
    if config.music:
        check_fluidsynth()
    labels = audioset_labels()
    table = CategoryTable(labels, getattr(arguments, "categories", DEFAULT_TABLE))
    models, more_models = _load_models(arguments.models), _load_models(arguments.through)
    beside = {other: (load_compact(other)[0], EncoderConfig.load(other))
              for other in arguments.beside}  # fmt: skip
    new_teacher = partial(open_teacher, arguments.teacher, labels, next(iter(models.values()))[0])
    teacher = new_teacher()
    features = _features(arguments, config, teacher)
    recordings = read_recordings(arguments.audio, table, config.hold_out, arguments.guessed)
    check_held_out(recordings)
    if not arguments.evaluate:
        open_run(run, config.to_json())
    if config.speech:
        recordings += readings(run / "speech", config.speech, table, config.seed)
    if config.music:
        recordings += pieces(run / "music", config.music, table, config.seed)
    return Setup(
        run=run,
        config=config,
        table=table,
        recordings=recordings,
        held_out=read_held_out(recordings, labels, features),
        teacher=teacher,
        open_teacher=new_teacher,
        jobs=arguments.jobs,
        guessed=arguments.guessed,
        columns=class_columns(teacher.mids, labels),
        models=models,
        features=features,
        more_models=more_models,
        beside=beside,
    )


def _features(
    arguments: argparse.Namespace, config: EncoderConfig, teacher: Teacher
) -> FeatureSet | None:
    """The real embeddings, where they are given or needed."""
    if "features" in arguments:
        features = load_features(arguments.features)
        if features.labels is not None:
            raise DataError(
                f"{arguments.features} names {features.n_classes} classes of its own, and the "
                "encoder is trained with AudioSet's. Give --features bal_train.h5."
            )
        return features
    if config.alignment > 0 and not teacher.gives_frames and not arguments.evaluate:
        raise DataError(
            "The alignment needs real embeddings. Give --features bal_train.h5, or --alignment 0."
        )
    return None


def _load_models(names: list[str]) -> dict[str, tuple[TaggingModel, ModelCard]]:
    """Tagging models and their cards, by title, from names or checkpoints.

    Raises
    ------
    DataError : if a model has other classes than AudioSet's.
    """
    loaded: dict[str, tuple[TaggingModel, ModelCard]] = {}
    for name in names:
        model, card = load_checkpoint(find_checkpoint(name))
        if card.labels is not None:
            raise DataError(
                f"The model {name} has {len(card.labels)} classes of its own, and the encoder is "
                "trained with AudioSet's. Give models of AudioSet's classes."
            )
        namesakes = sum(card.title == other.title for _, other in loaded.values())
        title = f"{card.title} ({namesakes + 1})" if namesakes else card.title
        loaded[title] = model, card
    return loaded
