"""Writing files: whole or not at all, checked before the work starts, a full disk named.

Text, JSON and CSV have one writer each, and write what every other program can read. A file is
identified by its hash.
"""

import csv
import errno
import hashlib
import io
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from audioset_demo.errors import StorageError

# Of folders in which something is being written.
PREFIX = ".part-"
LOCK_FILE = ".lock"  # in such a folder: held by the process that writes there
# No space, over the quota, over the limit of one file.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path on the same disk, then rename it to `path`.

    The temporary file is removed if `write` raises; an existing `path` is then left as it was.

    Raises
    ------
    StorageError
        If there is no room for it.
    """
    with full_disk_named(path), _temporary_folder(path.parent) as folder:
        part = folder / f"new{path.suffix}"
        write(part)
        _sync(part)
        os.chmod(part, 0o644)
        os.replace(part, path)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `folder` at the end, in place of one that is there.

    If the block raises, it is removed, and an existing `folder` is left as it was.

    Raises
    ------
    StorageError
        If there is no room for it.
    """
    with full_disk_named(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder.parent)
        with _temporary_folder(folder.parent) as temporary:
            new = temporary / "new"
            new.mkdir()
            yield new
            for path in new.rglob("*"):
                if path.is_file():
                    _sync(path)
            if folder.exists():
                os.rename(folder, temporary / "former")
            os.rename(new, folder)


@contextmanager
def _temporary_folder(parent: Path) -> Iterator[Path]:
    """A folder below `parent`, removed at the end; its lock dies with this process."""
    from filelock import FileLock  # here: parsing a command line should not wait for it

    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=PREFIX))
        lock = FileLock(folder / LOCK_FILE)
        with suppress(FileNotFoundError):
            lock.acquire()
            break
        # `remove_leftovers` of another process was faster than the lock.
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def held(lock: Path, place: Path, wait: bool = False) -> Iterator[None]:
    """Hold `lock`, so that one process at a time works in `place`; it dies with this process.

    Raises
    ------
    StorageError
        If another process holds it, and is not waited for.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(lock, blocking=wait):
            yield
    except Timeout:
        raise StorageError(
            f"Another process is at work in {place}. Wait until it has ended, or give another "
            "--output."
        ) from None


@contextmanager
def held_output(output: Path) -> Iterator[None]:
    """Hold a file that is written part by part, as `held` does."""
    lock = output.with_name(f"{LOCK_FILE}-{output.name}")
    with held(lock, output):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary folders of killed writers, and not those of writers still at work."""
    from filelock import FileLock, Timeout

    for part in folder.glob(f"{PREFIX}*"):
        with suppress(OSError, Timeout), FileLock(part / LOCK_FILE, blocking=False):
            shutil.rmtree(part, ignore_errors=True)


def check_output(path: Path, inputs: Iterable[Path] = (), make_folder: bool = False) -> None:
    """Refuse a file that cannot be written, before the work whose result it will hold.

    What killed processes have left in its folder is removed.

    Parameters
    ----------
    inputs : files that the work reads, none of which may be overwritten
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
            what = "a folder" if path.is_dir() else "not a regular file"
            raise StorageError(f"{path} is {what}. Give the name of a file to write.")
        if not folder.is_dir():
            raise StorageError(
                f"The folder {path.parent} does not exist. Create it, or choose another."
            )
        if path.exists() and any(read.exists() and read.samefile(path) for read in inputs):
            raise StorageError(
                f"{path} is one of the inputs, and would be overwritten. Give another name."
            )
        with full_disk_named(path), tempfile.TemporaryFile(dir=folder, prefix=PREFIX) as probe:
            probe.write(bytes(4096))
        remove_leftovers(folder)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror}). Give a name in a folder that is "
            "writable."
        ) from error


def folder_of(variable: str) -> Path | None:
    """The absolute folder that an environment variable names; None where it is unset or empty."""
    named = os.environ.get(variable)
    return Path(os.path.abspath(os.path.expanduser(named))) if named else None


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Turn what any writer of `path` raises when the disk is full into a StorageError."""
    try:
        yield
    except Exception as error:
        reason = _full(error)
        if reason is None:
            raise
        free = shutil.disk_usage(_existing(path)).free
        raise StorageError(
            f"{path} could not be written: {reason.lower()} ({free / 1e6:,.1f} MB are free on its "
            "disk). Files written before are intact. Free some space and run the command again; "
            "add --resume to continue a training run."
        ) from error


def _full(error: Exception) -> str | None:
    """The system's message for a full disk or quota; None for any other error.

    safetensors and HDF5 raise errors of their own that only quote that message, and NumPy one that
    does not even do that.
    """
    if re.fullmatch(r"\d+ requested and \d+ written", str(error)):
        return os.strerror(errno.ENOSPC)
    for code in FULL:
        if getattr(error, "errno", None) == code or os.strerror(code) in str(error):
            return os.strerror(code)
    return None


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def _sync(path: Path) -> None:
    # Otherwise a power cut after the renaming could leave an empty file under the new name.
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, its line ends as they are, atomically."""
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8", newline=""))


def json_text(value: object, indent: int | None = None) -> str:
    """Plain JSON that every parser reads: NaN and infinity become null."""
    return utf_8(json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False))


def write_json(path: Path, value: object) -> None:
    """Write `json_text` to a file, one entry per line, atomically."""
    write_text(path, json_text(value, indent=1) + "\n")


def parse_json(text: str) -> Any:
    """The value of a JSON text; NaN and Infinity, which Python also writes, are None.

    Raises
    ------
    ValueError : if it is no JSON, or lists in lists go too deep.
    """
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("lists or objects within one another go too deep") from None


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def csv_text(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A table as CSV: a line of column names, then a line for each row."""
    return csv_lines([columns]) + csv_lines(rows)


def csv_lines(rows: Iterable[Iterable[object]]) -> str:
    """Rows of a table without its line of column names."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return utf_8(buffer.getvalue())


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table as CSV, atomically."""
    write_text(path, csv_text(columns, rows))


def utf_8(text: str) -> str:
    """Half a surrogate pair, as in a file name that is not UTF-8, becomes its escape."""
    return re.sub(r"[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)
