"""The command line of `python -m train encoder`."""

import argparse
import os
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

from audioset_demo.arguments import positive
from audioset_demo.errors import DataError
from train.compact_encoder.config import EncoderConfig
from train.runs import flag, held_run

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
HELP = "train the compact encoder"
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
    parser.description = DESCRIPTION
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
            flag(field.name),
            type=type(field.default), default=field.default, metavar="N", help=_HELP[field.name],
        )  # fmt: skip


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
    if arguments.evaluate:
        return _run(arguments, EncoderConfig.load(arguments.output))
    config = EncoderConfig(
        **{field.name: getattr(arguments, field.name) for field in fields(EncoderConfig)}
    )
    with held_run(arguments.output, config.to_json(), arguments.resume):
        return _run(arguments, config)


def _run(arguments: argparse.Namespace, config: EncoderConfig) -> int:
    from train.compact_encoder import evaluate, publish, steps
    from train.compact_encoder.setup import prepare

    setup = prepare(arguments, config)
    if not arguments.evaluate:
        network = steps.train(setup)
        publish.save_encoder(setup.run, network, {"settings": network.settings.to_json()})
    figures = {
        name: evaluate.judge(scorer, setup.held_out)
        for name, scorer in steps.scorers(setup).items()
    }
    steps.describe(setup, figures)
    print(evaluate.table(figures))
    if arguments.publish:
        print(publish.publish(setup.run))
    return 0
