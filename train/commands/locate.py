"""The command line of `python -m train locate`."""

import argparse
from pathlib import Path

from audioset_demo.arguments import positive, share
from train.commands.arguments import add_device

HELP = "judge attention and other signals by labels with times"
DESCRIPTION = """\
Judge every signal of the frames (attention weight, frame score, contribution, score drop) against
labels with times: within clips, over segments of 1 s, and by deletion and insertion of frames.
Classifiers trained on the times of one half of the clips, and judged on the other, are the
ceiling."""

MIXTURES = {"mixture": "All models", "chosen_mixture": "Models chosen on the other half"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="a published name or a checkpoint (default: all published models)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FILE.h5",
        default=argparse.SUPPRESS,
        help="features and labels of the clips",
    )
    parser.add_argument(
        "--events",
        type=Path,
        required=True,
        metavar="EVENTS.tsv",
        default=argparse.SUPPRESS,
        help="their strong labels: a row for each event with clip, class, onset and offset",
    )
    parser.add_argument(
        "--covered",
        type=share,
        default=0.5,
        metavar="SHARE",
        help="the share of a frame that events must cover for it to be inside them",
    )
    parser.add_argument(
        "--least-clips",
        type=positive,
        default=50,
        metavar="N",
        help="clips with frames inside and outside that a class needs to count in the means",
    )
    parser.add_argument(
        "--pairs",
        type=positive,
        default=400,
        metavar="N",
        help="pairs of a clip and a class for deletion and insertion",
    )
    results = parser.add_mutually_exclusive_group()
    results.add_argument(
        "--output", type=Path, metavar="FOLDER", help="write the summary and a table of each model"
    )
    results.add_argument(
        "--publish", action="store_true", help="write them into the package, for the app"
    )
    add_device(parser)


def run(arguments: argparse.Namespace) -> None:
    from train.locate.locate import locate

    summary = locate(
        arguments.models,
        arguments.data,
        arguments.events,
        arguments.covered,
        arguments.least_clips,
        arguments.pairs,
        arguments.output,
        arguments.publish,
        arguments.device,
    )
    print(
        f"{summary['clips']:,} clips; means over the {summary['classes_counted']} of "
        f"{summary['classes']} classes with at least {summary['least_clips']} usable clips; "
        f"{summary['pairs']} pairs for deletion and insertion"
    )
    _print_table(summary)


def _print_table(summary: dict) -> None:
    columns = ("AUC", "95 %", "of ceiling", "pAUC", "F1", "deletion", "insertion")
    names = [model["title"] for model in summary["models"]]
    names += [each["name"] for each in summary["ceilings"]]
    width = max(map(len, [*names, *MIXTURES.values()]))
    print(f"{'':{width}} {'':14}", *(f"{column:>13}" for column in columns))
    for model in summary["models"]:
        for signal, figures in model["signals"].items():
            cells = [
                *_cells(figures, f"{figures['share_of_ceiling']:.0%}"),
                f"{figures['deletion']:.3f}",
                f"{figures['insertion']:.3f}",
            ]
            print(f"{model['title']:{width}} {signal:14}", *(f"{cell:>13}" for cell in cells))
    for key, title in MIXTURES.items():
        cells = _cells(summary[key], f"{summary[key]['share_of_ceiling']:.0%}")
        print(f"{title:{width}} {'mixture':14}", *(f"{cell:>13}" for cell in cells))
    for ceiling in summary["ceilings"]:
        share_of = "100%" if ceiling["name"] == summary["ceiling"] else ""
        cells = _cells(ceiling, share_of)
        print(f"{ceiling['name']:{width}} {'ceiling':14}", *(f"{cell:>13}" for cell in cells))


def _cells(figures: dict, share_of: str) -> list[str]:
    interval = f"{figures['auc_low']:.3f}-{figures['auc_high']:.3f}"
    return [
        f"{figures['auc']:.3f}",
        interval,
        share_of,
        f"{figures['partial_auc']:.3f}",
        f"{figures['f1']:.3f}",
    ]
