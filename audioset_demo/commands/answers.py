"""`audioset-demo answers`: what the answers of the page *Recordings* say of each class."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from audioset_demo.arguments import share
from audioset_demo.storage import csv_text, json_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="folder that `tag FOLDER --output OUT` made"
    )
    parser.add_argument(
        "--precision",
        type=share,
        default=0.9,
        metavar="SHARE",
        help="precision for which thresholds are given (default: %(default)s)",
    )
    parser.add_argument(
        "--finds",
        action="store_true",
        help="a row for each find, with the probability that it is right, in CSV",
    )
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table")


def run(arguments: argparse.Namespace) -> int:
    from audioset_demo.recordings.answers import Answers
    from audioset_demo.recordings.figures import (
        CLASS_COLUMNS,
        FIND_COLUMNS,
        class_figures,
        find_rows,
    )
    from audioset_demo.recordings.finds import read_finds

    finds = read_finds(arguments.out)
    answers = Answers(Path(os.path.abspath(arguments.out)))
    given = answers.given()
    if arguments.finds:
        sys.stdout.write(csv_text(FIND_COLUMNS, find_rows(finds, given)))
        return 0
    rows = list(class_figures(finds, given, arguments.precision))
    if arguments.format == "csv":
        sys.stdout.write(csv_text(CLASS_COLUMNS, (row.values() for row in rows)))
    elif arguments.format == "json":
        sys.stdout.write(json_text(rows, indent=1) + "\n")
    elif rows:
        sys.stdout.write(_table(rows, arguments.precision))
    else:
        print(
            f"There are no answers in {answers.path}. Give some on the page Recordings: "
            f"`audioset-demo app {arguments.out}`."
        )
    return 0


def _table(rows: list[dict], wanted: float) -> str:
    head = f"{'finds':>6} {'yes':>5} {'no':>5} {'precision (95 %)':>21} "
    lines = [f"{head}{f'score for {wanted:.0%}':>15} {'surely':>7}  class"]
    for row in rows:
        low, high = row["precision_low"], row["precision_high"]
        precision = f"{row['precision']:.2f} ({low:.2f} to {high:.2f})"
        scores = (row["threshold"], row["threshold_surely"])
        at, surely = ("–" if score is None else f"{score:.3f}" for score in scores)
        lines.append(
            f"{row['finds']:6,} {row['yes']:5,} {row['no']:5,} {precision:>21} {at:>15} "
            f"{surely:>7}  {row['label']}"
        )
    return "\n".join(lines) + "\n"
