"""The command line of `python -m train explore`."""

import argparse
from pathlib import Path

from train.commands.arguments import add_device

HELP = "write what scoring the evaluation set shows of each class, for the page Classes"
DESCRIPTION = """\
Score published models on AudioSet's evaluation set and write what that shows of each class beside
each checkpoint, for the page Classes and `audioset-demo classes`: AP with its interval, curves,
histograms of scores, confused classes, and the clips behind them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="a published name (default: all models of AudioSet's classes)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="EVAL.h5",
        default=argparse.SUPPRESS,
        help="features of the evaluation set",
    )
    add_device(parser)


def run(arguments: argparse.Namespace) -> None:
    from train.explore.explore import explore

    for path in explore(arguments.data, arguments.models, arguments.device):
        print(path)
