"""The command line of `python -m train extract`."""

import argparse
import sys
from pathlib import Path

from audioset_demo.arguments import positive
from audioset_demo.encoders import ENCODER_CHOICES, fast_encoder
from train.data.recording_names import GROUPINGS

HELP = "encode your own labelled sounds into HDF5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "audio_dir",
        type=Path,
        help="folder of sounds; without --labels, with a folder for each class",
    )
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
        "--output",
        type=Path,
        required=True,
        metavar="OUT.h5",
        default=argparse.SUPPRESS,
        help="file to write",
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
        default=argparse.SUPPRESS,
        metavar="N",
        help="number of processes (default: the cores of the machine, or of Ray's cluster)",
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="processes of this machine, or tasks of Ray, on this machine or on a cluster",
    )


def run(arguments: argparse.Namespace) -> int:
    from train.data.extract import extract

    encoder = fast_encoder(arguments.encoder) if arguments.fast else arguments.encoder
    jobs = getattr(arguments, "jobs", None)
    places = (arguments.audio_dir, arguments.labels, arguments.output)
    failures = extract(*places, encoder, jobs, arguments.engine, group_by=arguments.group_by)
    for failure in failures:
        print(f"left out: {failure}", file=sys.stderr)
    return 1 if failures else 0
