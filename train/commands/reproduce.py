"""The command line of `python -m train reproduce`."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from audioset_demo.models.settings import POOLINGS
from train.commands.arguments import add_device
from train.commands.fit import contents
from train.reproduce.recipes import RECIPES, Row
from train.tagger.config import BACKENDS

if TYPE_CHECKING:  # slow to import
    from train.reproduce.experiment import Experiment

HELP = "train and score every row of the reference's table"
DESCRIPTION = """\
Run the reference's experiment: train every row of its table and Google's baseline, average each
row's checkpoints, score them on the evaluation set, and print the table beside the published one.

Before it starts it says how long it will take on this machine, and how much memory and disk. The
same command goes on after a Ctrl-C, a crash or kill -9; finished rows are not done again. Each row
is a run in RUNS that `python -m train publish` takes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    hidden = argparse.SUPPRESS
    parser.add_argument(
        "--data", type=Path, required=True, metavar="FOLDER", default=hidden,
        help="folder with bal_train.h5, unbal_train.h5 (either or both) and eval.h5",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, required=True, metavar="RUNS", default=hidden,
        help="folder of the rows and the table",
    )  # fmt: skip
    parser.add_argument(
        "--backend", choices=BACKENDS, default=BACKENDS[0], help="framework that trains"
    )
    parser.add_argument(
        "--models", nargs="+", choices=POOLINGS, metavar="NAME", default=list(POOLINGS),
        help="rows of the table; frame_baseline stands for Google's baseline",
    )  # fmt: skip
    parser.add_argument(
        "--recipe", choices=RECIPES, default=RECIPES[0],
        help="the reference's settings, or those of this project's published models, but for "
        "teachers of frames",
    )  # fmt: skip
    parser.add_argument(
        "--iterations", type=int, metavar="N", default=hidden,
        help="batches to train each row on, to try the experiment (default: the recipe's)",
    )  # fmt: skip
    add_device(parser)


def run(arguments: argparse.Namespace) -> None:
    from train.data.features import load_features, training_files
    from train.reproduce.experiment import Experiment, evaluation_file
    from train.reproduce.recipes import rows_of
    from train.reproduce.table import finished_rows, table_text, write_table

    folder, data = arguments.output, evaluation_file(arguments.data)
    training, evaluation = load_features(training_files(arguments.data)), load_features(data)
    iterations = getattr(arguments, "iterations", None)
    rows = rows_of(arguments.recipe, arguments.backend, arguments.models, len(training), iterations)
    experiment = Experiment(folder, training, evaluation, data, arguments.device)
    experiment.open(rows)
    print(contents(training))
    print(f"Scored on {len(evaluation):,} of {evaluation.name}.", flush=True)
    if len(common := experiment.in_both()):
        named = common[0].decode("ascii", "replace")
        print(f"{len(common):,} of these ({named}, ...) are trained on: figures will be too high.")
    left = [row for row in rows if not experiment.is_finished(row)]
    if left:
        _tell_costs(left, experiment)
    for row in left:
        print(f"Row {rows.index(row) + 1} of {len(rows)}: {row.name}", flush=True)
        experiment.finish(row)
        write_table(folder, finished_rows(folder))
    finished = finished_rows(folder)
    print(table_text(finished))
    print(f"Written: {write_table(folder, finished)}")


def _tell_costs(rows: list[Row], experiment: Experiment) -> None:
    """Print what the rows will take, and refuse to start where the disk has no room for them."""
    from train.reproduce.estimate import check_disk, cost_of, memory_bytes

    print("Left to do, by some steps of each row on this machine:", flush=True)
    costs = []
    for row in rows:
        cost = cost_of(row, experiment)
        costs.append(cost)
        print(
            f"  {row.name:34} {cost.iterations:7,} iterations of {cost.seconds_an_iteration:.4f} s,"
            f" with scoring {duration(cost.seconds)}",
            flush=True,
        )
    free = shutil.disk_usage(experiment.folder).free
    memory = memory_bytes(experiment.evaluation)
    print(
        f"In all: {duration(sum(cost.seconds for cost in costs))}, "
        + (f"{memory / 1e9:.1f} GB of memory, " if memory else "")
        + f"{sum(cost.disk_bytes for cost in costs) / 1e9:.2f} GB of disk ({free / 1e9:.1f} GB "
        "free)",
        flush=True,
    )
    check_disk(costs, experiment.folder, free)


def duration(seconds: float) -> str:
    """A length of time in the unit that suits it."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"
