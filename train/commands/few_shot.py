"""The command line of `python -m train few-shot`."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "learn classes from a few clips each, with a linear head on the embeddings"
DESCRIPTION = """\
Learn classes from a few clips each, in seconds: a linear head with attention pooling on the frozen
embeddings.

The run can be scored and published as any other (`python -m train evaluate`, `publish`). The
figures that are printed are of clips held out by cross-validation; the checkpoint is trained on all
clips. Clips without a label are background."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FILE.h5|FOLDER",
        help="what `python -m train extract` wrote, or a folder that holds bal_train.h5",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="RUN", help="folder of the run"
    )
    parser.add_argument("--seed", type=int, default=0, help="which clips are held out together")


def run(arguments: argparse.Namespace) -> None:
    from train.few_shot.run import few_shot

    for line in few_shot(arguments.data, arguments.output, arguments.seed):
        print(line)
