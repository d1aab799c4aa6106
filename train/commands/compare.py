"""The command line of `python -m train compare`."""

import argparse
from pathlib import Path

HELP = "compare runs on the validation part"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="the first is the baseline; seeds of one setting are averaged",
    )
    parser.add_argument("--output", type=Path, metavar="OUT.csv", help="write the table")


def run(arguments: argparse.Namespace) -> None:
    from train.tagger.compare import COLUMNS, compare

    rows = [row.row() for row in compare(arguments.runs, arguments.output)]
    width = max(len(row[0]) for row in rows)
    for first, *rest in [COLUMNS, *rows]:
        print(f"{first:{width}}", *(f"{cell:>15}" for cell in rest))
