"""Where a command is to write: checked before it works, not after."""

import os
from pathlib import Path

from audioset_demo.errors import DataError


def check_output(path: Path, make_folder: bool = False) -> None:
    """Raise a DataError if no file can be written at `path`.

    Parameters
    ----------
    make_folder : its folder is made later, if it is not there
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder. Give the file to write, e.g. {path / 'out'}.")
    check_folder(path.parent, make_folder)


def check_folder(folder: Path, make: bool) -> None:
    """Raise a DataError if no files can be written into a folder that is there or can be made."""
    there = folder
    while make and not there.exists():
        there = there.parent
    if not there.exists():
        raise DataError(f"There is no folder {folder}. Make it, or give another.")
    if not there.is_dir():
        raise DataError(f"{there} is a file, not a folder. Give another place to write to.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise DataError(
            f"The folder {there} can't be written to. Change its rights, or take another."
        )
