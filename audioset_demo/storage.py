"""Writing files: never half of one, refused before the work that they are for, a full disk named.

JSON and CSV have one writer each, whose text every other program can read.
"""

import csv
import errno
import io
import json
import math
import os
import re
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


def check_output(path: Path, inputs: Iterable[Path] = (), make_folder: bool = False) -> None:
    """Refuse a file that cannot be written, before the work whose result it is to hold.

    Parameters
    ----------
    inputs : files that the work reads, none of which may be written over
    make_folder : make the folder where it is missing

    Raises
    ------
    StorageError
        If `path` is a folder, a device or an input, or its folder is missing or not writable.
    """
    folder = path.absolute().parent
    try:
        if make_folder:
            folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "no ordinary file"
            raise StorageError(f"{path} is {what}. Give the name of a file to write.")
        if not folder.is_dir():
            raise StorageError(f"There is no folder {path.parent}. Make it, or give another.")
        if path.exists() and any(read.exists() and read.samefile(path) for read in inputs):
            raise StorageError(f"{path} is read as well. Give another name for what is written.")
        with full_disk_told(path), tempfile.TemporaryFile(dir=folder, prefix=PREFIX) as probe:
            probe.write(bytes(4096))
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror}). Give a name in a folder that you may "
            "write to."
        ) from error


def folder_of(variable: str) -> Path | None:
    """The absolute folder that an environment variable names; None where it is unset or empty."""
    named = os.environ.get(variable)
    return Path(os.path.abspath(os.path.expanduser(named))) if named else None


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


def json_text(value: object, indent: int | None = None) -> str:
    """Plain JSON, as every parser reads it: what is not finite is null."""
    return _utf_8(json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False))


def write_json(path: Path, value: object) -> None:
    """Write `json_text` to a file, a line an entry; no reader sees half of it."""
    text = json_text(value, indent=1) + "\n"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def parse_json(text: str) -> object:
    """The value of a JSON text; NaN and Infinity, which Python also writes, are None."""
    return json.loads(text, parse_constant=lambda _: None)


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def csv_text(columns: Sequence[str], rows: Iterable[Sequence]) -> str:
    """A table as CSV: a line of column names, then a line for each row."""
    return csv_lines([columns]) + csv_lines(rows)


def csv_lines(rows: Iterable[Sequence]) -> str:
    """Rows of a table whose column names stand elsewhere."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return _utf_8(buffer.getvalue())


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a table as CSV; no reader ever sees half of it."""
    text = csv_text(columns, rows)
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8", newline=""))


def _utf_8(text: str) -> str:
    """Half a surrogate pair, as in a file name that is not UTF-8, becomes its escape."""
    return re.sub(r"[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)
