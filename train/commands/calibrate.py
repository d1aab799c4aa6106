"""The command line of `python -m train calibrate`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from train.commands.arguments import add_device, add_trained_on

if TYPE_CHECKING:  # slow to import
    from train.tagger.calibrate import Report

HELP = "fit probabilities to a model's scores"
DESCRIPTION = """\
Fit probabilities, and the score from which each class counts, to the validation part of the data.

RUN must have held that part out. A model that was trained on all of the data, with --whole, is
calibrated by a run with the same settings: RUN --for MODEL. The result, calibration.json, is
written beside the model's checkpoint, and `python -m train publish` takes it along."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument(
        "run_or_checkpoint", type=Path, metavar="RUN_OR_CHECKPOINT",
        help="a run (its best checkpoint on the validation part) or a checkpoint",
    )  # fmt: skip
    add_trained_on(parser)
    parser.add_argument(
        "--for", dest="of", metavar="MODEL",
        help="the model to calibrate, with the same settings: a published name, a run or a "
        "checkpoint (default: that of RUN_OR_CHECKPOINT)",
    )  # fmt: skip
    parser.add_argument(
        "--scored", type=Path, metavar="FILE.h5",
        help="measure on these labelled features how well scores and probabilities hold",
    )  # fmt: skip
    add_device(parser)


def run(arguments: argparse.Namespace) -> None:
    from train.tagger.calibrate import calibrate

    report = calibrate(
        arguments.run_or_checkpoint,
        arguments.data,
        arguments.of,
        arguments.scored,
        arguments.device,
    )
    _print(report)


def _print(report: Report) -> None:
    fit = report.fit
    print(
        f"{report.path}: spreads of slopes {fit.spreads.slope} and shifts {fit.spreads.shift}, "
        f"log loss {fit.loss[fit.spreads]:.6f} on clips left out; isotonic steps in "
        f"{len(fit.steps)} classes"
    )
    for name, row in report.reliability.items():
        print(name)
        for figure, of in row.items():
            print(f"  {figure:10} {of.value:.6f} ({of.low:.6f} to {of.high:.6f})")
    if report.decisions:
        print(f"{'threshold':22} {'F1':>8} {'precision':>10} {'recall':>8} {'silent classes':>15}")
    for name, decided in report.decisions.items():
        print(
            f"{name:22} {decided.f1:8.4f} {decided.precision:10.4f} {decided.recall:8.4f} "
            f"{decided.silent:15}"
        )
