"""The recordings that folders, patterns and paths stand for, in a stable order."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from audioset_demo.audio.formats import AUDIO_EXTENSIONS
from audioset_demo.errors import AudioError
from audioset_demo.names import file_stem

STEM_CHARACTERS = 40  # of a recording's name, in the names of its results


@dataclass(frozen=True)
class Input:
    """One recording, as it was when it was found: the same by path, size and time of change.

    Attributes
    ----------
    path : absolute; links in it are kept.
    size : bytes.
    mtime_ns : time of its last change, in nanoseconds since 1970.
    """

    path: str
    size: int
    mtime_ns: int

    @property
    def stem(self) -> str:
        """A file name for what is made of it: readable, and of this path alone."""
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return f"{file_stem(os.path.basename(self.path))[:STEM_CHARACTERS]}-{digest}"


@dataclass(frozen=True)
class Inputs:
    """What was found: the recordings by path, and (path, reason) of what cannot be one."""

    found: list[Input] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def find_inputs(named: Iterable[str], recursive: bool = False, out: Path | None = None) -> Inputs:
    """All recordings below folders, and all files that patterns and paths name, each once.

    In a folder, files count whose extension is that of a sound; hidden ones do not. Links are
    followed. A file that two links lead to counts once, by the first of its paths.

    Parameters
    ----------
    named : folders, files, and patterns with `*`, `?`, `[]`, and `**` for folders at any depth.
    recursive : take folders within the folders, too.
    out : a folder that is passed over, because the results are written there.

    Raises
    ------
    AudioError : one of `named` is not there, a pattern fits nothing, or there are no sounds at all.
    """
    named = list(named)
    walk = _Walk(recursive, out)
    paths = {path for name in named for path in walk.files(name)}
    inputs = Inputs(failed=walk.failed)
    seen: set[str] = set()
    for path in sorted(paths, key=os.fsencode):
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        try:
            inputs.found.append(as_input(path))
        except AudioError as error:
            inputs.failed.append((path, str(error)))
    if not inputs.found and not inputs.failed:
        raise AudioError(_nothing_found(named, recursive))
    return inputs


def as_input(path: str) -> Input:
    """A file as it is now.

    Raises
    ------
    AudioError : it is not there, or no regular file.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise AudioError(f"{path} cannot be opened ({error.strerror}). Check the path.") from None
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(f"{path} is not a regular file. Give the path of a sound file.")
    return Input(path, status.st_size, status.st_mtime_ns)


class _Walk:
    """Goes through folders, each once, however links lead to it."""

    def __init__(self, recursive: bool, out: Path | None):
        self.failed: list[tuple[str, str]] = []
        self._recursive = recursive
        self._out = None if out is None else os.path.realpath(out)
        self._seen = {self._out}

    def files(self, name: str) -> Iterator[str]:
        """Absolute paths of the files that one argument stands for."""
        if os.path.isdir(name):
            if os.path.realpath(name) == self._out:
                raise AudioError(
                    f"{name} holds the recordings and cannot hold their results. Give another "
                    "--output."
                )
            yield from self._in_folder(name)
        elif os.path.lexists(name):
            yield os.path.abspath(name)
        else:
            for path in _matches(name):
                if not os.path.isdir(path):
                    yield os.path.abspath(path)
                elif self._recursive:
                    yield from self._in_folder(path)

    def _in_folder(self, root: str) -> Iterator[str]:
        root = os.path.abspath(root)
        if not self._is_new(root):
            return
        for place, folders, files in os.walk(root, followlinks=True, onerror=self._note):
            folders[:] = [
                name
                for name in sorted(folders)
                if self._recursive
                and not name.startswith(".")
                and self._is_new(os.path.join(place, name))
            ]
            yield from (os.path.join(place, name) for name in files if _is_sound(name))

    def _is_new(self, folder: str) -> bool:
        real = os.path.realpath(folder)
        is_new = real not in self._seen
        self._seen.add(real)
        return is_new

    def _note(self, error: OSError) -> None:
        reason = f"This folder cannot be listed ({error.strerror}). Check its permissions."
        self.failed.append((str(error.filename), reason))


def _matches(pattern: str) -> list[str]:
    matches = glob.glob(pattern, recursive=True)
    if not matches:
        raise AudioError(f"There is no file or folder {pattern}. Check the path or the pattern.")
    return matches


def _is_sound(name: str) -> bool:
    extension = os.path.splitext(name)[1][1:].lower()
    return extension in AUDIO_EXTENSIONS and not name.startswith(".")


def _nothing_found(named: list[str], recursive: bool) -> str:
    remedy = "Check the path." if recursive else "Add --recursive to take folders within it, too."
    return f"There are no sounds in {', '.join(named)}. {remedy}"
