"""The command line of `python -m train few-shot`."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.commands.sound_options import DATA_HELP, add_sound_options, own_data

HELP = "learn classes from a few clips each, with a linear head on the embeddings"
DESCRIPTION = """\
Learn classes from a few clips each, in seconds: a linear head with attention pooling on the frozen
embeddings.

The figures are of clips held out by cross-validation, all clips of a recording together; the
checkpoint is trained on all clips, and `python -m train publish RUN` publishes it with these
figures. Clips without a label are background. The features of a folder of sounds are kept in the
run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        nargs="+",
        metavar="FILE.h5|SOUNDS",
        help=DATA_HELP,
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="RUN", help="folder of the run"
    )
    add_sound_options(parser)
    parser.add_argument("--seed", type=int, default=0, help="which clips are held out together")


def run(arguments: argparse.Namespace) -> None:
    from train.few_shot.run import few_shot

    for line in few_shot(own_data(arguments), arguments.output, arguments.seed):
        print(line)
