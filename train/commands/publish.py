"""The command line of `python -m train publish`."""

import argparse
from pathlib import Path

HELP = "make an evaluated run part of the app"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="a run that has been evaluated")
    parser.add_argument(
        "--name",
        default=argparse.SUPPRESS,
        help="its name in the app and for --model: letters, digits, - and _ (default: "
        "the name of the run's folder)",
    )
    parser.add_argument(
        "--into",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FOLDER",
        help="the folder of published models; audioset_demo/assets/models makes it part of the "
        "package (default: AUDIOSET_DEMO_MODELS, else your own data folder)",
    )
    parser.add_argument(
        "--validated-by",
        type=Path,
        nargs="+",
        default=[],
        metavar="RUN",
        help="for a run on the whole set: runs with the same settings and any seed that held the "
        "validation part out; their figures on it are published with the model",
    )


def run(arguments: argparse.Namespace) -> None:
    from train.tagger.publish import publish

    name, into = getattr(arguments, "name", None), getattr(arguments, "into", None)
    print(publish(arguments.run, name, arguments.validated_by, into))
