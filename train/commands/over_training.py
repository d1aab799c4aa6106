"""The command line of `python -m train over-training`."""

import argparse
from pathlib import Path

from train.commands.arguments import add_device, add_trained_on

HELP = "score the checkpoints of a run class by class, for the page Classes"
DESCRIPTION = """\
Score every checkpoint of a run on the validation part, which it held out, and write the AP of each
class over training beside a published model with the same settings, for the page Classes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("run", type=Path, metavar="RUN", help="a run of `python -m train fit`")
    add_trained_on(parser)
    parser.add_argument(
        "--for", dest="model", required=True, metavar="MODEL", default=argparse.SUPPRESS,
        help="the published model with the same settings",
    )  # fmt: skip
    add_device(parser)


def run(arguments: argparse.Namespace) -> None:
    from train.explore.over_training import over_training

    print(over_training(arguments.run, arguments.data, arguments.model, arguments.device))
