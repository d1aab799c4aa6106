"""Arguments that several commands take, and how their help is laid out."""

from __future__ import annotations

import argparse
from pathlib import Path

from audioset_demo.device import DEVICES


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the description's lines, and shows the defaults but for those that mean "off"."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        if default in (None, argparse.SUPPRESS) or default is False or default == []:
            return action.help
        shown = " ".join(default) if isinstance(default, list) else "%(default)s"
        return f"{action.help} (default: {shown})"


def add_device(parser: argparse.ArgumentParser) -> None:
    """Where the networks run."""
    parser.add_argument(
        "--device", choices=DEVICES, default="auto", help="auto: an accelerator if there is one"
    )


def add_trained_on(parser: argparse.ArgumentParser) -> None:
    """The data of a run that has been trained."""
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="PATH",
        default=argparse.SUPPRESS,
        help="what it was trained on, as in fit: HDF5 files, or a folder with bal_train.h5, "
        "unbal_train.h5 or both",
    )


def add_scoring(parser: argparse.ArgumentParser) -> None:
    """What a checkpoint is scored on."""
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FILE.h5",
        default=argparse.SUPPRESS,
        help="features and labels to score on",
    )
    parser.add_argument(
        "--pooling",
        choices=["average", "max"],
        help="for checkpoints of the reference that do not say which of the two they are",
    )
