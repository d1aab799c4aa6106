"""The command line of `python -m train assets`."""

import argparse
from pathlib import Path

HELP = "rebuild the tables of classes and evaluation clips"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data",
        type=Path,
        help="folder with class_counts_and_quality.csv, ontology.json, bal_train.h5, eval.h5, "
        "strong/ and published_per_class_ap.csv",
    )


def run(arguments: argparse.Namespace) -> None:
    from train.data.label_tables import build_assets

    build_assets(arguments.data)
