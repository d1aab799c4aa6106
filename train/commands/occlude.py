"""The command line of `python -m train occlude`."""

import argparse
from pathlib import Path

from train.commands.arguments import add_device, add_scoring

HELP = "compare attention and contributions with the score drop when a frame is left out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="a published name or a checkpoint"
    )
    add_scoring(parser)
    add_device(parser)
    parser.add_argument("--every", type=int, default=10, metavar="N", help="take one clip in N")
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write all figures")


def run(arguments: argparse.Namespace) -> None:
    from train.tagger.occlude import READINGS, occlude

    rows = occlude(
        arguments.models,
        arguments.data,
        arguments.every,
        arguments.pooling,
        arguments.json,
        arguments.device,
    )
    print("mean rank correlation with the score drop, and share of clips whose top frame agrees")
    width = max(24, *(len(row.title) for row in rows))
    print(f"{'':{width}}", *(f"{reading:>15}" for reading in READINGS))
    for row in rows:
        cells = []
        for reading in READINGS:
            rho, first = row.rank_correlation[reading], row.first_place[reading]
            cells.append(f"{'–':>15}" if rho is None else f"{rho:9.2f} {first:5.0%}")
        print(f"{row.title:{width}}", *cells, f"  {row.pairs:,} pairs of clip and class")
