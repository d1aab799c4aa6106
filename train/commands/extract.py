"""The command line of `python -m train extract`."""

import argparse
from pathlib import Path

from train.commands.sound_options import add_sound_options, chosen_encoder

HELP = "encode your own labelled sounds into HDF5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "audio_dir",
        type=Path,
        help="folder of sounds; without --labels, with a folder for each class",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="OUT.h5",
        default=argparse.SUPPRESS,
        help="file to write",
    )
    add_sound_options(parser)
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="processes of this machine, or tasks of Ray, on this machine or on a cluster",
    )


def run(arguments: argparse.Namespace) -> int:
    from train.data.extract import extract, show_left_out

    failures = extract(
        arguments.audio_dir,
        arguments.labels,
        arguments.output,
        chosen_encoder(arguments),
        arguments.jobs,
        arguments.engine,
        group_by=arguments.group_by,
    )
    show_left_out(failures)
    return 1 if failures else 0
