"""The command line of `python -m train average`."""

import argparse
from pathlib import Path

from train.commands.arguments import add_device, add_scoring
from train.commands.evaluate import print_results

HELP = "score several checkpoints, their ensemble and the mean of their weights"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources",
        type=Path,
        nargs="+",
        metavar="RUN_OR_FOLDER_OR_CHECKPOINT",
        help="a checkpoint, or a run or folder for all its checkpoints",
    )
    add_scoring(parser)
    add_device(parser)
    parser.add_argument(
        "--last",
        type=int,
        metavar="N",
        help="only the last N checkpoints of each run or folder",
    )
    parser.add_argument(
        "--validation",
        action="store_true",
        help="score on the validation part of the data alone, to choose what to average",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="OUT.safetensors",
        help="write the mean of the weights; all checkpoints must have the same settings",
    )
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write all figures")


def run(arguments: argparse.Namespace) -> None:
    from train.tagger.average import average

    rows = average(
        arguments.sources,
        arguments.data,
        last=arguments.last,
        validation=arguments.validation,
        pooling=arguments.pooling,
        output=arguments.output,
        record=arguments.json,
        device=arguments.device,
    )
    print_results(rows)
