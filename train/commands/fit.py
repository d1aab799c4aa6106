"""The command line of `python -m train fit`."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audioset_demo.models.settings import ATTENTION_ACTIVATIONS, POOLINGS
from train.commands.arguments import add_device
from train.runs import flag
from train.tagger.config import BACKENDS, LOSS_NAMES, SAMPLINGS, SCHEDULES, FitConfig

if TYPE_CHECKING:  # slow to import
    from train.data.features import FeatureSet

HELP = "train a tagging model on HDF5 features"
DESCRIPTION = """\
Train a tagging model on HDF5 features.

A tenth of the recordings, chosen by a hash of their names, is held out with all of their clips for
validation; each checkpoint is scored on it. The configuration, the metrics and the checkpoints are
written to the folder RUN; a run that was stopped or killed continues with --resume. The defaults
train the kind of model that the app uses by default.

`torchrun --nproc-per-node N -m train fit ...` trains the same weights with N processes, each of
which takes its share of every batch of --batch-size clips."""

SETTINGS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "model": {
        "model": ("kind of model", {"choices": POOLINGS}),
        "hidden_units": ("units of each hidden layer", {}),
        "hidden_layers": ("number of hidden layers", {}),
        "dropout": ("share of hidden units dropped in training", {}),
        "attention_activation": (
            "activation before attention is normalised over time",
            {"choices": ATTENTION_ACTIVATIONS},
        ),
        "shared_head": ("for multi_attention: one head for both levels", {}),
        "no_input_norm": ("leave out BatchNorm on the input", {}),
        "hidden_bias": ("use biases in the hidden layers", {}),
        "norm_epsilon": ("added to the variance in BatchNorm", {"metavar": "E"}),
        "norm_momentum": (
            "share of a batch in BatchNorm's running statistics",
            {"metavar": "SHARE"},
        ),
    },
    "data": {
        "batch_size": ("clips in a batch", {}),
        "sampling": (
            "draw classes equally often, classes in proportion to the square root of their number "
            "of clips, or all clips equally often",
            {"choices": SAMPLINGS},
        ),
        "clips": (
            "train on a fixed sample of N clips; 0: all",
            {"metavar": "N"},
        ),
        "frames": ("train on N random frames of each clip; 0: all", {"metavar": "N"}),
        "mixup": (
            "mixup with shares from Beta(ALPHA, ALPHA); 0: none",
            {"metavar": "ALPHA"},
        ),
        "noise": ("standard deviation of noise on the input", {"metavar": "SIGMA"}),
        "mask_missing": (
            "do not train on the absent labels of a labelled class's ancestors in the ontology, "
            "which are likely missing",
            {},
        ),
        "teacher": (
            "runs or checkpoints whose mean scores are mixed into the labels",
            {"nargs": "+", "metavar": "RUN"},
        ),
        "teacher_weight": ("share of the teachers' scores in the targets", {"metavar": "SHARE"}),
        "frame_teacher": (
            "runs or checkpoints whose scores of single frames, smoothed over time, are learnt "
            "beside the clips' labels, for a model that finds sounds in time",
            {"nargs": "+", "metavar": "RUN"},
        ),
        "frame_weight": (
            "weight of the loss of the frames; that of the clips has 1",
            {"metavar": "WEIGHT"},
        ),
        "whole": (
            "train on the validation part too, after the settings have been chosen without it; "
            "the last checkpoint is published",
            {},
        ),
    },
    "training": {
        "backend": ("framework that trains", {"choices": BACKENDS}),
        "iterations": ("batches to train on", {}),
        "learning_rate": ("initial learning rate of Adam", {}),
        "schedule": (
            "cosine decay of the learning rate to zero, or none, as in the reference",
            {"choices": SCHEDULES},
        ),
        "weight_decay": ("decoupled weight decay of matrices", {}),
        "loss": (
            "binary cross-entropy, or a loss that counts easy examples less",
            {"choices": LOSS_NAMES},
        ),
        "ema": ("decay of an exponential moving average of the weights; 0: none", {}),
        "precision": (
            "precision of matrix products; fp32 is faster on a processor without bf16",
            {"choices": ("bf16", "fp32")},
        ),
        "seed": ("seed of all random numbers", {}),
        "evaluate_every": (
            "iterations between checkpoints, each scored on the validation part",
            {"metavar": "N"},
        ),
    },
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        nargs="+",
        metavar="PATH",
        default=argparse.SUPPRESS,
        help="HDF5 files, or a folder with bal_train.h5, unbal_train.h5 or both; all are trained "
        "on together",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="RUN",
        default=argparse.SUPPRESS,
        help="folder of the run",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in --output, or start it if there is none",
    )
    parser.add_argument(
        "--tensorboard",
        action="store_true",
        help="also write the metrics for TensorBoard, to RUN/tensorboard",
    )
    add_device(parser)
    add_settings(parser)


def add_settings(parser: argparse.ArgumentParser, without: Collection[str] = ()) -> None:
    """The settings of a run, but for some."""
    defaults = {field.name: field.default for field in fields(FitConfig)}
    for title, settings in SETTINGS.items():
        group = parser.add_argument_group(title)
        for name, (help, options) in settings.items():
            if name not in without:
                group.add_argument(flag(name), help=help, **_typed(defaults[name]), **options)


def config_of(arguments: argparse.Namespace, **fixed: Any) -> FitConfig:
    """The settings that were given; those in `fixed` cannot be."""
    given = vars(arguments) | fixed
    config = {field.name: given[field.name] for field in fields(FitConfig) if field.name in given}
    return FitConfig.from_json(config)


def _typed(default) -> dict:
    if isinstance(default, bool):
        return {"action": "store_true", "default": default}
    if default == ():
        return {"default": argparse.SUPPRESS}
    return {"type": type(default), "default": default}


def run(arguments: argparse.Namespace) -> None:
    from train.data.features import load_features, training_files
    from train.tagger import processes
    from train.tagger.fit import fit

    settings = config_of(arguments)  # its errors come before the data are read
    with processes.joined(arguments.device):
        features = load_features(training_files(*arguments.data))
        if processes.is_first():
            print(contents(features), flush=True)
        fit(
            settings,
            features,
            arguments.output,
            arguments.resume,
            arguments.tensorboard,
            arguments.device,
        )


def contents(features: FeatureSet) -> str:
    """Which files a set is made of and how many clips each has; clips that stand in it twice."""
    from train.data.features import repeated

    counts = features.file.counts
    text = "Clips: " + " and ".join(f"{n:,} of {name}" for name, n in counts)
    if len(counts) > 1:
        text += f", {len(features):,} together"
    if len(twice := repeated(features)):
        first = twice[0].decode("utf-8", "replace")
        text += f"; {len(twice):,} clips ({first}, ...) stand there more than once"
    return text + "."
