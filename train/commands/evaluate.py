"""The command line of `python -m train evaluate`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train.commands.arguments import add_device, add_scoring

if TYPE_CHECKING:  # slow to import
    from audioset_demo.evaluation import Evaluation

HELP = "score a checkpoint on labelled features"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run_or_checkpoint",
        type=Path,
        help="a run (its best checkpoint on the validation part) or a checkpoint, one of ours or "
        "of the reference (md_*_iters.tar)",
    )
    add_scoring(parser)
    add_device(parser)
    parser.add_argument(
        "--per-class", type=Path, metavar="OUT.csv", help="write the AP and AUC of each class"
    )


def run(arguments: argparse.Namespace) -> None:
    from train.tagger.evaluate import evaluate

    path = arguments.run_or_checkpoint
    result = evaluate(
        path, arguments.data, arguments.per_class, arguments.pooling, arguments.device
    )
    print_results([(path.name, result)])


def print_results(rows: Sequence[tuple[str, Evaluation]]) -> None:
    """A table with a row for each name and its evaluation."""
    width = max(24, *(len(name) for name, _ in rows))
    print(f"{'':{width}} {'mAP':>8} {'AUC':>8} {'d-prime':>8} {'clips':>8} {'classes':>8}")
    for name, result in rows:
        print(
            f"{name:{width}} {result.mean_average_precision:8.4f} {result.mean_auc:8.4f} "
            f"{result.d_prime:8.4f} {result.n_clips:8,} "
            f"{len(result.average_precision) - result.n_left_out:8}"
        )
        if result.n_left_out:
            print(f"  left out of the means: {result.n_left_out} classes without positive clips")
