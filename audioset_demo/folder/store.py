"""The folder OUT: the settings that it was made with, and one result for each recording.

A result is a file of JSON lines, renamed into place: a line that says which recording it is of and
how it went, then a line for each row of the table.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from audioset_demo.errors import StorageError
from audioset_demo.folder.inputs import Input
from audioset_demo.storage import (
    LOCK_FILE,
    PREFIX,
    check_output,
    full_disk_named,
    held,
    json_text,
    parse_json,
    remove_leftovers,
    write_atomically,
    write_json,
)

SETTINGS_FILE = "settings.json"
RESULTS = "results"


class Store:
    """One OUT, opened for work with some settings.

    Parameters
    ----------
    folder : is made where it is missing.
    settings : what decides the results, each under the name of its option.

    Raises
    ------
    StorageError
        If the folder was made with other settings, holds something else, or cannot be written.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]):
        self.folder = folder
        made_with = folder / SETTINGS_FILE
        check_output(made_with, make_folder=True)
        if made_with.exists():
            _compare(folder, read_settings(folder), settings)
        else:
            _check_empty(folder)
            write_json(made_with, settings)
        for below in (*folder.glob("*/"), *folder.glob(f"{RESULTS}/*/")):
            remove_leftovers(below)

    def path_of(self, given: Input, kind: str, end: str) -> Path:
        """Where a file that is made of a recording is kept, in the subfolder `kind`."""
        return self.folder / kind / f"{given.stem}{end}"

    def is_done(self, given: Input) -> bool:
        """Whether there is a result of the recording as it is now, other than a failure."""
        head = head_of(self._result_path(given))
        same = (head.get("size"), head.get("mtime_ns")) == (given.size, given.mtime_ns)
        return same and "error" not in head

    def write_file(self, path: Path, content: bytes) -> None:
        """Write a file into a subfolder, whole or not at all."""
        with _named(path), full_disk_named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, lambda part: part.write_bytes(content))

    def write_result(self, given: Input, head: dict[str, Any], rows: list[list]) -> None:
        """Write the result of one recording: facts about it, and rows of the table."""
        facts = {"file": given.path, "size": given.size, "mtime_ns": given.mtime_ns, **head}
        lines = (json_text(line) + "\n" for line in (facts, *rows))
        self.write_file(self._result_path(given), "".join(lines).encode())

    def _result_path(self, given: Input) -> Path:
        # Two digits of the digest: a single folder of a million files is slow.
        stem = given.stem
        return self.folder / RESULTS / stem[-2:] / f"{stem}.jsonl"

    @contextmanager
    def locked(self, name: str, wait: bool = False) -> Iterator[None]:
        """Keep others out of a part of the work.

        Raises
        ------
        StorageError
            If another process is at it, and is not waited for.
        """
        with held(self.folder / f"{LOCK_FILE}-{name}", self.folder, wait):
            yield


def results_in(folder: Path) -> list[Path]:
    """All results of an OUT, in the order of the paths of their recordings."""
    paths = folder.glob(f"{RESULTS}/*/*.jsonl")
    named = ((os.fsencode(head_of(path).get("file", "")), path) for path in paths)
    return [path for file, path in sorted(named) if file]


def rows_of(result: Path) -> Iterator[list]:
    """The rows of a result, one by one."""
    with open(result, encoding="utf-8") as file:
        for line in islice(file, 1, None):
            yield parse_json(line)


def head_of(result: Path) -> dict[str, Any]:
    """The facts of a result; empty where there is none, or a damaged disk has taken it."""
    with suppress(OSError, ValueError):
        with open(result, encoding="utf-8") as file:
            head = parse_json(file.readline())
        if isinstance(head, dict) and isinstance(head.get("file"), str):
            return head
    return {}


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings that an OUT was made with.

    Raises
    ------
    StorageError
        If it holds none that can be read.
    """
    path = folder / SETTINGS_FILE
    try:
        settings = parse_json(path.read_text(encoding="utf-8"))
        if isinstance(settings, dict):
            return settings
    except (OSError, ValueError):
        pass
    raise StorageError(f"{path} is damaged. Give another --output.")


def _compare(folder: Path, made_with: dict[str, Any], settings: dict[str, Any]) -> None:
    names = dict.fromkeys((*settings, *made_with))
    others = [name for name in names if made_with.get(name) != settings.get(name)]
    if others:
        before = ", ".join(_option(name, made_with.get(name)) for name in others)
        now = ", ".join(_option(name, settings.get(name)) for name in others)
        raise StorageError(
            f"{folder} was made with {before}; this run has {now}. Give another --output, or the "
            "same settings."
        )


def _option(name: str, value: Any) -> str:
    if value is None or value is False:
        return f"no {name}"
    if value is True:
        return name
    return f"{name} {', '.join(map(str, value)) if isinstance(value, list) else value}"


def _check_empty(folder: Path) -> None:
    others = [name for name in os.listdir(folder) if not name.startswith((PREFIX, LOCK_FILE))]
    if others:
        raise StorageError(
            f"{folder} holds other files, such as {others[0]}, and no {SETTINGS_FILE}. Give a new "
            "or an empty folder."
        )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn the system's errors into one with the path and a remedy."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror}). Give a writable folder; the same "
            "command then goes on."
        ) from error
