"""`python -m train encoder`: its arguments, and the steps from labelled sounds to an encoder."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from train.encoder.config import EncoderConfig

DESCRIPTION = (
    "Train the compact encoder on your own labelled sounds: a small network whose output frozen "
    "tagging models read as if it were VGGish's. Prints and writes how often held-out clips, of "
    "sources never trained on, have an expected class among their top tags."
)
_HELP = {
    "scenes": "windows of augmented and mixed sound to draw, once, for the training",
    "iterations": "batches to train on",
    "batch_size": "scenes in one",
    "learning_rate": "of AdamW at its highest",
    "weight_decay": "of AdamW, on matrices and kernels",
    "ranking": "weight of the loss that puts wanted classes above all others",
    "teacher_embedding": "weight of guessing the teacher's embedding",
    "alignment": "weight of staying close to real embeddings that sound alike",
    "hold_out": "share of each category's sources that is never trained on",
    "seed": "of everything random",
    "evaluate_every": "iterations between figures on the held-out part",
    "save_every": "iterations between states that --resume goes on from",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command; nothing slow is imported."""
    hidden = argparse.SUPPRESS  # a required argument has no default to show
    parser.add_argument(
        "--audio", type=Path, required=True, metavar="DIR", default=hidden,
        help="folder with, for each collection, a folder of sounds and beside it a list of the "
        "same name (birds/ and birds.csv) with the columns file, category, licence, attribution",
    )  # fmt: skip
    parser.add_argument(
        "--teacher", type=Path, required=True, metavar="YAMNET.tflite", default=hidden,
        help="YAMNet as TFLite, with yamnet_class_map.csv beside it",
    )  # fmt: skip
    parser.add_argument(
        "--features", type=Path, required=True, metavar="bal_train.h5", default=hidden,
        help="real embeddings, as the tagging models were trained on",
    )  # fmt: skip
    parser.add_argument(
        "--models", type=Path, required=True, nargs="+", metavar="CHECKPOINT", default=hidden,
        help="tagging models to train through; they stay as they are",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, required=True, metavar="RUN", default=hidden,
        help="folder of this run",
    )  # fmt: skip
    parser.add_argument(
        "--categories", type=Path, metavar="CSV", default=hidden,
        help="table of categories and their AudioSet classes, in place of the built-in one",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on with the run in --output")
    parser.add_argument(
        "--evaluate", action="store_true", help="no training: only score the encoder in --output"
    )
    parser.add_argument(
        "--publish", action="store_true", help="in the end, put the encoder into the package"
    )
    training = parser.add_argument_group("training")
    for field in fields(EncoderConfig):
        training.add_argument(
            "--" + field.name.replace("_", "-"),
            type=type(field.default), default=field.default, metavar="N", help=_HELP[field.name],
        )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Train, evaluate and, if asked to, publish.

    Raises
    ------
    AudioSetDemoError : wherever an argument, a file or a run is not as it must be.
    """
    from audioset_demo.encoders.compact import load_compact
    from audioset_demo.labels import audioset_labels
    from audioset_demo.models.checkpoint import load_checkpoint
    from train.encoder import evaluate, publish
    from train.encoder.categories import DEFAULT_TABLE, CategoryTable
    from train.encoder.fit import trained_through
    from train.encoder.recordings import read_recordings
    from train.encoder.teacher import Yamnet, class_columns
    from train.runs import open_run

    given = {field.name: getattr(arguments, field.name) for field in fields(EncoderConfig)}
    config = EncoderConfig.load(arguments.output) if arguments.evaluate else EncoderConfig(**given)
    labels = audioset_labels()
    table = CategoryTable(labels, getattr(arguments, "categories", DEFAULT_TABLE))
    recordings = read_recordings(arguments.audio, table, config.hold_out)
    teacher = Yamnet(arguments.teacher)
    columns = class_columns(teacher.mids, labels)
    models = {str(path): load_checkpoint(path) for path in arguments.models}
    held_out = evaluate.read_held_out(recordings)

    if not arguments.evaluate:
        open_run(arguments.output, config.to_json(), arguments.resume)
        network = _train(config, arguments, recordings, table, teacher, columns, models, held_out)
        publish.save_encoder(arguments.output, network, {"settings": network.settings.to_json()})
    network, _ = load_compact(arguments.output)  # as stored, in half precision
    figures = {
        card.name: evaluate.hit_rates(held_out, evaluate.encoder_scores(network, model, held_out))
        for model, card in models.values()
    }
    figures["teacher (YAMNet)"] = evaluate.hit_rates(
        held_out, evaluate.teacher_scores(teacher, columns, held_out)
    )
    publish.save_encoder(
        arguments.output,
        network,
        publish.card(config, network, recordings, trained_through(arguments.output), figures),
    )
    publish.save_sounds(arguments.output, recordings)
    print(evaluate.table(figures))
    if arguments.publish:
        print(publish.publish(arguments.output))
    return 0


def _train(config, arguments, recordings, table, teacher, columns, models, held_out):
    """The trained encoder, in evaluation mode.

    What it is given: as named in `run`; `models` maps paths to (model, card).
    """
    from audioset_demo.encoders.compact import CompactSettings
    from train.data import load_features
    from train.encoder import evaluate, fit, scenes
    from train.encoder.material import Material
    from train.encoder.neighbours import RealFrames, find_neighbours
    from train.encoder.objective import Objective, Weights
    from train.encoder.publish import describe

    learned_from = [item for item in recordings if not item.held_out]
    kinds = scenes.kinds_of(learned_from, table)
    maker = scenes.SceneMaker(learned_from, kinds, teacher)
    shards = scenes.make_shards(maker, arguments.output / "scenes", config.scenes, config.seed)
    material = Material(shards, kinds.targets, columns, kinds.silence)
    networks = [model for model, _ in models.values()]
    real = neighbours = None
    if config.alignment > 0:
        real = RealFrames(load_features(arguments.features), networks[0], config.seed)
        neighbours = find_neighbours(material, real, arguments.output / "neighbours.npy")
    weights = Weights(config.ranking, config.teacher_embedding, config.alignment)
    objective = Objective(networks, material.known, weights, real, neighbours)

    def figures(network) -> dict:
        rates = evaluate.hit_rates(
            held_out, evaluate.encoder_scores(network, networks[0], held_out)
        )
        return {key: value for key, value in rates.items() if key != "categories"}

    run = fit.Run(config, material, CompactSettings())
    through = [describe(card) for _, card in models.values()]
    fit.fit(run, material, objective, arguments.output, figures, through)
    return run.averaged()
