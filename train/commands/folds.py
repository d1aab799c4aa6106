"""The command line of `python -m train folds`."""

import argparse
from pathlib import Path

from train.commands.arguments import add_device
from train.commands.fit import add_settings, config_of, contents
from train.commands.sound_options import DATA_HELP, add_sound_options, own_data

HELP = "cross-validate a model on your own clips, and train it on all of them"
DESCRIPTION = """\
Cross-validate a tagging model on clips of your own, and train it on all of them.

The recordings are divided into folds, each of which is held out in turn and scored by a run on the
others; all clips of a recording are in the same fold. Where the table had a column `fold`, those
folds are taken. RUNS/whole is the run on all clips, which `python -m train publish` takes with the
figures. The features of a folder of sounds are kept in RUNS."""
# A run on the whole set has no validation part, and a teacher has seen the clips that are held out.
FIXED = (
    "whole", "evaluate_every", "clips", "teacher", "teacher_weight", "frame_teacher",
    "frame_weight",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    hidden = argparse.SUPPRESS
    parser.add_argument(
        "--data", type=Path, required=True, nargs="+", metavar="FILE.h5|SOUNDS", default=hidden,
        help=DATA_HELP,
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, required=True, metavar="RUNS", default=hidden,
        help="folder of the runs and figures",
    )  # fmt: skip
    parser.add_argument(
        "--folds", type=_several, default=5, metavar="N",
        help="number of folds where the data give none; never more than there are recordings",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="continue what was stopped")
    add_sound_options(parser)
    add_device(parser)
    add_settings(parser, without=FIXED)


def run(arguments: argparse.Namespace) -> None:
    config = config_of(arguments, whole=True, evaluate_every=arguments.iterations)
    from train.tagger.cross_validate import check_new, cross_validate

    if not arguments.resume:
        check_new(arguments.output)
    features = own_data(arguments).load(arguments.output, arguments.resume)
    print(contents(features), flush=True)
    found = cross_validate(
        config, features, arguments.output, arguments.folds, arguments.resume, arguments.device
    )
    summary = found.summary()
    print(f"{'fold':26} {'clips':>8}", *(f"{name:>17}" for name in summary))
    for each in [*found.folds, found.pooled]:
        figures = each.to_json()
        cells = (f"{figures[name]:17.4f}" for name in summary)
        print(f"{each.name:26} {each.evaluation.n_clips:8,}", *cells)
    spreads = (f"{figure['mean']:.4f} ± {figure['spread']:.4f}" for figure in summary.values())
    print(f"{'mean and spread over folds':26} {'':8}", *(f"{cell:>17}" for cell in spreads))


def _several(text: str) -> int:
    if not (text.isdecimal() and int(text) >= 2):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 2. Give 5 or so.")
    return int(text)
