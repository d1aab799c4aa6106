"""`python -m train encoder`: its arguments, and the steps from labelled sounds to an encoder."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from audioset_demo.arguments import positive
from audioset_demo.errors import DataError
from train.compact_encoder.config import EncoderConfig

if TYPE_CHECKING:  # all slow to import
    import numpy as np

    from audioset_demo.encoders.compact import CompactNet
    from audioset_demo.models.card import ModelCard
    from audioset_demo.models.network import TaggingModel
    from train.compact_encoder.evaluate import Scorer
    from train.compact_encoder.held_out import HeldOut
    from train.compact_encoder.material import Material
    from train.compact_encoder.objective import Goals
    from train.compact_encoder.sounds.categories import CategoryTable
    from train.compact_encoder.sounds.recordings import Recording
    from train.compact_encoder.teacher import Teacher
    from train.data.features import FeatureSet

# The first scores the run while it trains, and finds the real neighbours of scenes.
MODELS = (
    "feature_attention",
    "feature_attention_keras",
    "single_attention",
    "single_attention_keras",
    "multi_attention",
    "average",
    "max",
    "frame_baseline",
)

DESCRIPTION = """\
Train the compact encoder on your own labelled sounds: a small network whose output frozen tagging
models take in place of VGGish's. Prints and writes how often held-out clips, of sources never
trained on, have an expected class among their top tags."""
_HELP = {
    "scenes": "windows of augmented and mixed sound to make before the training",
    "iterations": "batches to train on",
    "batch_size": "scenes in a batch",
    "learning_rate": "peak learning rate of AdamW",
    "weight_decay": "weight decay of AdamW, on matrices and kernels",
    "frozen": "convolutions, from the first, that stay as they start",
    "convolutions_rate": "share of the learning rate for the other convolutions",
    "ranking": "weight of the ranking loss, which puts the target classes above all others",
    "teacher_scores": "weight of predicting the teacher's scores",
    "alignment": "weight of the distance to real embeddings of similar sounds",
    "hold_out": "share of each category's sources that is never trained on",
    "speech": "clips of synthesised speech (needs the package espeakng-loader and the program "
    "flite); 0: none",
    "music": "pieces of music played by FluidSynth (needs the program fluidsynth, the soundfont "
    "FluidR3 and the package mido); 0: none",
    "seed": "seed of all random numbers",
    "evaluate_every": "iterations between evaluations on the held-out part",
    "save_every": "iterations between saved states, from which --resume continues",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command; nothing slow is imported."""
    hidden = argparse.SUPPRESS  # a required argument has no default to show
    parser.add_argument(
        "--audio", type=Path, required=True, metavar="DIR", default=hidden,
        help="folder with a folder of sounds for each collection and, beside it, a list of the "
        "same name (birds/ and birds.csv) with the columns file, category, licence, attribution",
    )  # fmt: skip
    parser.add_argument(
        "--teacher", required=True, metavar="YAMNET.tflite|vggish", default=hidden,
        help="YAMNet as TFLite, with yamnet_class_map.csv beside it; or `vggish`, where it is "
        "installed (audioset-demo weights get)",
    )  # fmt: skip
    parser.add_argument(
        "--features", type=Path, metavar="bal_train.h5", default=hidden,
        help="real embeddings, as the tagging models were trained on; not needed "
        "with VGGish as the teacher or with --alignment 0",
    )  # fmt: skip
    parser.add_argument(
        "--models", nargs="+", metavar="MODEL", default=list(MODELS),
        help="frozen tagging models to train through, by name or checkpoint",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, required=True, metavar="RUN", default=hidden,
        help="folder of the run",
    )  # fmt: skip
    parser.add_argument(
        "--categories", type=Path, metavar="CSV", default=hidden,
        help="table of categories and their AudioSet classes, in place of the built-in one",
    )  # fmt: skip
    parser.add_argument(
        "--guessed", nargs="+", metavar="NAME", default=[],
        help="collections whose categories are all guesses: believed half, and only where the "
        "teacher hears anything of them",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", type=positive, default=os.cpu_count() or 1, metavar="N",
        help="processes that make scenes; the scenes are the same with any number",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="continue the run in --output")
    parser.add_argument(
        "--evaluate", action="store_true", help="only score the encoder in --output"
    )
    parser.add_argument(
        "--beside", type=Path, nargs="+", metavar="RUN", default=[],
        help="score the encoders of these runs too, through the first model and those of --through",
    )  # fmt: skip
    parser.add_argument(
        "--through", nargs="+", metavar="MODEL", default=[],
        help="score through these models too, by name or checkpoint",
    )  # fmt: skip
    parser.add_argument(
        "--publish", action="store_true", help="put the trained encoder into the package"
    )
    training = parser.add_argument_group("training")
    for field in fields(EncoderConfig):
        training.add_argument(
            "--" + field.name.replace("_", "-"),
            type=type(field.default), default=field.default, metavar="N", help=_HELP[field.name],
        )  # fmt: skip


@dataclass(frozen=True)
class _Setup:
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


def run(arguments: argparse.Namespace) -> int:
    """Train, evaluate and, if asked to, publish.

    Raises
    ------
    AudioSetDemoError : if an argument, a file or a run is wrong.
    """
    if find_spec("scipy") is None:
        raise DataError(
            "The training of the compact encoder needs SciPy, which is not installed. Install it "
            "with `pip install 'audioset-demo[speech]'`."
        )
    from train.runs import held_run

    if arguments.evaluate:
        return _run(arguments, EncoderConfig.load(arguments.output))
    config = EncoderConfig(
        **{field.name: getattr(arguments, field.name) for field in fields(EncoderConfig)}
    )
    with held_run(arguments.output, config.to_json(), arguments.resume):
        return _run(arguments, config)


def _run(arguments: argparse.Namespace, config: EncoderConfig) -> int:
    from train.compact_encoder import evaluate, publish

    setup = _prepare(arguments, config)
    if not arguments.evaluate:
        network = _train(setup)
        publish.save_encoder(setup.run, network, {"settings": network.settings.to_json()})
    figures = {
        name: evaluate.judge(scorer, setup.held_out) for name, scorer in _scorers(setup).items()
    }
    _describe(setup, figures)
    print(evaluate.table(figures))
    if arguments.publish:
        print(publish.publish(setup.run))
    return 0


def _prepare(arguments: argparse.Namespace, config: EncoderConfig) -> _Setup:
    """All that the run needs, read and checked before anything is written."""
    from audioset_demo.encoders.compact import CARD_FILE, SOUNDS_FILE, WEIGHTS_FILE, load_compact
    from audioset_demo.labels import audioset_labels
    from audioset_demo.storage import check_output
    from train.compact_encoder.held_out import check_held_out, read_held_out
    from train.compact_encoder.publish import ASSETS
    from train.compact_encoder.sounds.categories import DEFAULT_TABLE, CategoryTable
    from train.compact_encoder.sounds.music import check_fluidsynth, pieces
    from train.compact_encoder.sounds.recordings import read_recordings
    from train.compact_encoder.sounds.speech import check_synthesisers, readings
    from train.compact_encoder.teacher import class_columns, open_teacher
    from train.runs import open_run

    run = arguments.output
    if arguments.evaluate:
        load_compact(run)
        for file in (CARD_FILE, WEIGHTS_FILE, SOUNDS_FILE):
            check_output(run / file)
    if arguments.publish:
        check_output(ASSETS / WEIGHTS_FILE)
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
    return _Setup(
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
    from train.data.features import load_features

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
    from audioset_demo.models.checkpoint import load_checkpoint
    from audioset_demo.models.published import find_checkpoint

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


def _train(setup: _Setup) -> CompactNet:
    """The trained encoder, in evaluation mode."""
    import torch

    from audioset_demo.encoders.compact import CompactSettings
    from train.compact_encoder import evaluate, fit
    from train.compact_encoder.material import Material
    from train.compact_encoder.objective import Objective, Weights
    from train.compact_encoder.sounds import scenes
    from train.compact_encoder.sounds.certainty import without_denied
    from train.compact_encoder.teacher import nearest_known

    config = setup.config
    trained_on = without_denied(
        [item for item in setup.recordings if not item.held_out],
        setup.teacher, setup.columns, setup.table.labels,
    )  # fmt: skip
    kinds = scenes.kinds_of(trained_on, setup.table)
    make = partial(scenes.scene_maker, trained_on, kinds, setup.open_teacher)
    shards = scenes.make_shards(
        make, kinds, setup.run / "scenes", config.scenes, config.seed, setup.jobs
    )
    material = Material(shards, kinds.targets, setup.columns, kinds.silence)
    networks = [model for model, _ in setup.models.values()]
    goals = _goals(setup, material) if config.alignment > 0 else None
    weights = Weights(config.ranking, config.teacher_scores, config.alignment)
    parents = torch.from_numpy(nearest_known(setup.columns, setup.table.labels))
    objective = Objective(networks, parents, weights, goals)

    def figures(network: CompactNet) -> dict:
        scorer = evaluate.EncoderScorer(network, networks[0])
        return {
            name: {key: value for key, value in rates.items() if key.startswith("top")}
            for name, clips in setup.held_out.sets.items()
            for rates in [evaluate.hit_rates(scorer, clips)]
        }

    training = fit.Run(config, material, CompactSettings(), setup.teacher.start)
    through = [card.in_short for _, card in setup.models.values()]
    fit.fit(training, material, objective, setup.run, figures, through)
    return training.averaged()


def _goals(setup: _Setup, material: Material) -> Goals:
    """The frames that the encoder is aligned with: the teacher's, or similar real ones."""
    import torch

    from train.compact_encoder.objective import as_models_read
    from train.compact_encoder.real_frames import Neighbours, RealFrames, find_neighbours

    if setup.teacher.gives_frames:
        return lambda scenes: as_models_read(torch.from_numpy(material.frames(scenes)))[:, None]
    assert setup.features is not None  # else `_features` refused the run
    model, _ = next(iter(setup.models.values()))
    real = RealFrames(setup.features, model, setup.config.seed)
    return Neighbours(real, find_neighbours(material, real, setup.run / "neighbours.npy"))


def _scorers(setup: _Setup) -> dict[str, Scorer]:
    """The encoder through all models; those of the runs `beside` through the first and through
    `more_models`, which this run did not train through; the teacher.
    """
    from audioset_demo.encoders.compact import load_compact
    from train.compact_encoder.evaluate import EncoderScorer, teacher_scorer
    from train.runs import changed_flags

    network, _ = load_compact(setup.run)  # as stored, in half precision
    models = setup.models | setup.more_models
    scorers = {title: EncoderScorer(network, model) for title, (model, _) in models.items()}
    first = dict([next(iter(models.items()))])
    for other, (encoder, config) in setup.beside.items():
        changes = " ".join(changed_flags(config, setup.config)) or other.name
        for title, (model, _) in (first | setup.more_models).items():
            scorers[f"{title}; {changes}"] = EncoderScorer(encoder, model)
    return scorers | {
        f"teacher: {setup.teacher.title}": teacher_scorer(setup.teacher, setup.columns)
    }


def _describe(setup: _Setup, figures: dict[str, dict]) -> None:
    """Write the card with the figures, and the list of sounds."""
    from audioset_demo.encoders.compact import load_compact
    from train.compact_encoder import publish
    from train.compact_encoder.fit import trained_through

    network, _ = load_compact(setup.run)
    through = trained_through(setup.run)
    models = {title: card for title, (_, card) in (setup.models | setup.more_models).items()}
    card = publish.card(
        setup.config, network, setup.recordings, setup.teacher, through, figures, models,
        setup.guessed,
    )  # fmt: skip
    publish.save_encoder(setup.run, network, card)
    publish.save_sounds(setup.run, setup.recordings)
