"""How the commands that take sounds of your own learn what is in them: all of them alike."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audioset_demo.arguments import positive
from audioset_demo.encoders import ENCODER_CHOICES, fast_encoder
from audioset_demo.recordings.recording_names import GROUPINGS

if TYPE_CHECKING:
    from train.data.own_data import OwnData

DATA_HELP = (
    "HDF5 files, as of `python -m train extract`, or a folder of sounds: with --labels, or with a "
    "folder for each class"
)


def add_sound_options(parser: argparse._ActionsContainer) -> None:
    """Options of a folder of sounds: what is in each, and how they are encoded."""
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="LABELS.csv",
        default=None,
        help="table with the columns `file` and `label`, one row for each pair, and where wanted "
        "`onset` and `offset` in seconds, `group` (the recording that a clip is from), `fold` and "
        "`answer` (yes, no or skip); CSV in UTF-8",
    )
    parser.add_argument(
        "--group-by",
        choices=GROUPINGS,
        default="name",
        help="tell the recording of a file from its name (1-100038-A, rec_000), or take each file "
        "for a recording of its own; one recording is never both trained on and held out",
    )
    parser.add_argument(
        "--encoder",
        choices=ENCODER_CHOICES,
        default="auto",
        help="auto: VGGish if it is installed",
    )
    parser.add_argument(
        "--fast", action="store_true", help="run VGGish in bfloat16, which the file then says"
    )
    parser.add_argument(
        "--jobs",
        type=positive,
        default=None,
        metavar="N",
        help="number of processes (default: one for each core)",
    )


def chosen_encoder(arguments: argparse.Namespace) -> str:
    return fast_encoder(arguments.encoder) if arguments.fast else arguments.encoder


def own_data(arguments: argparse.Namespace) -> OwnData:
    """What `--data`, one path or several, and the options of sounds name."""
    from train.data.own_data import OwnData

    return OwnData(
        tuple(arguments.data),
        arguments.labels,
        arguments.group_by,
        chosen_encoder(arguments),
        arguments.jobs,
    )
