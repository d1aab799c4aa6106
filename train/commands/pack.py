"""The command line of `python -m train pack`."""

import argparse
from pathlib import Path

HELP = "pack released or shared features into HDF5 for training"
DESCRIPTION = """\
Pack features into HDF5 for training.

Where a source holds several of AudioSet's sets (bal_train, unbal_train, eval), the name of OUT.h5
says which is packed, as in AUDIOSET/unbal_train.h5; a folder gets a file of each. Archives are read
as they are, without unpacking. Checksums are checked, and the numbers of clips are compared with
those released. The same command goes on after a Ctrl-C, a crash or kill -9: until a file is
finished, its parts are beside it in OUT.h5.parts."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument(
        "source",
        type=Path,
        help="Google's features.tar.gz, a folder searched for *.tfrecord at any depth, an HDF5 "
        "file of another layout, or a folder with bal_train.h5, unbal_train.h5, eval.h5",
    )
    parser.add_argument(
        "output", type=Path, metavar="OUT.h5", help="file to write, or a folder for all sets"
    )


def run(arguments: argparse.Namespace) -> None:
    from train.data.pack import pack

    for packed in pack(arguments.source, arguments.output):
        print(f"{packed.n_clips:,} clips in {packed.path}")
        for note in packed.notes:
            print(f"  {note}")
