"""Writing files so that no reader ever sees half of one, and a full disk is told as one."""

import csv
import errno
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from audioset_demo.errors import StorageError

# Of files that are being written.
PREFIX = ".part-"
# No space, over the quota, over the limit of one file.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path in the same folder, then rename it to `path`.

    The temporary file is removed if `write` raises; an existing `path` is then left as it was.

    Raises
    ------
    StorageError
        If there is no room for it.
    """
    with full_disk_told(path):
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=PREFIX, suffix=path.suffix)
        os.close(handle)
        part = Path(part)
        try:
            write(part)
            _sync(part)
            os.chmod(part, 0o644)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete what writers that were killed left in a folder that nobody else writes to now."""
    for part in folder.glob(f"{PREFIX}*"):
        part.unlink()


@contextmanager
def full_disk_told(path: Path) -> Iterator[None]:
    """Turn what any writer of `path` raises for lack of room into a StorageError."""
    try:
        yield
    except Exception as error:
        reason = _full(error)
        if reason is None:
            raise
        free = shutil.disk_usage(path.parent).free
        raise StorageError(
            f"{path} could not be written: {reason.lower()} ({free / 1e6:,.1f} MB free on its "
            "disk). What was written before, checkpoints included, is intact. Make room and run "
            "the command again, a training run with --resume."
        ) from error


def _full(error: Exception) -> str | None:
    """In which way there was no room, None if that was not it.

    safetensors and HDF5 raise errors of their own that only quote the system's words.
    """
    for code in FULL:
        if getattr(error, "errno", None) == code or os.strerror(code) in str(error):
            return os.strerror(code)
    return None


def _sync(path: Path) -> None:
    # Else a power cut after the renaming could leave the new name on an empty file.
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def csv_text(columns: Sequence[str], rows: Iterable[Sequence]) -> str:
    """A table as CSV: a line of column names, then a line for each row."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue()


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a table as CSV; no reader ever sees half of it."""
    text = csv_text(columns, rows)
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8", newline=""))
