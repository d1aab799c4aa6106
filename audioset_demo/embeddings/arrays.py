"""Arrays out of NPZ and HDF5 files of any origin.

Nothing is unpickled, nothing outside the file is read, and an array larger than a clip can be is
refused before it takes memory.
"""

from __future__ import annotations

import contextlib
import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from audioset_demo.embeddings.frames import N_DIMS
from audioset_demo.errors import FeaturesError

REMEDY = "Write the file with `audioset-demo embed`."

MAX_FRAMES = 100_000  # of one clip: 27 hours
MAX_ARRAY_BYTES = MAX_FRAMES * N_DIMS * 8

# What zipfile, NumPy and h5py are known to raise on damaged files.
_DAMAGED = (
    OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, MemoryError, OverflowError,
    zipfile.BadZipFile, zlib.error, tokenize.TokenError,
)  # fmt: skip


@contextlib.contextmanager
def reading(where: str, remedy: str = REMEDY) -> Iterator[None]:
    """Turn what the parsers raise on damaged files into a `FeaturesError`."""
    try:
        yield
    except _DAMAGED as error:
        raise FeaturesError(f"{where} is damaged or cut off. {remedy}") from error


def check_size(n_bytes: int, where: str, key: str) -> None:
    """Raise FeaturesError for an array of more bytes than one clip can have."""
    if n_bytes > MAX_ARRAY_BYTES:
        raise FeaturesError(
            f"{where} holds '{key}' of {n_bytes / 1e6:,.0f} MB, above the limit of "
            f"{MAX_ARRAY_BYTES / 1e6:,.0f} MB for one clip. Pack many clips as HDF5 with "
            "`python -m train pack`."
        )


def listing(keys: Sequence[str]) -> str:
    """The first names of a file's members, for messages."""
    return ", ".join(f"'{key}'" for key in keys[:8]) + ", ..." * (len(keys) > 8) or "nothing"


def scalar(value: object) -> object:
    """The Python value of a 0-d array; HDF5 gives text as bytes."""
    value = np.asarray(value)
    value = value.item() if value.ndim == 0 else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def npz_arrays(
    source: Path | io.BytesIO,
    where: str,
    wanted: Collection[str],
    prefix: str = "",
    remedy: str = REMEDY,
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The wanted arrays of an NPZ file, and the names of the others, left unread.

    Parameters
    ----------
    wanted : names, without `prefix`
    prefix : arrays whose names do not begin with it are passed over
    remedy : the end of error messages

    Raises
    ------
    FeaturesError : the file is damaged, or a wanted array is a pickled object or too large.
    """
    arrays: dict[str, np.ndarray] = {}
    others = []
    with reading(where, remedy), zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            if not member.filename.startswith(prefix):
                continue
            key = member.filename.removeprefix(prefix).removesuffix(".npy")
            if key not in wanted:
                others.append(key)
                continue
            check_size(member.file_size, where, key)
            with archive.open(member) as file:
                try:
                    arrays[key] = np.lib.format.read_array(file, allow_pickle=False)
                except ValueError as error:
                    if "Object arrays" not in str(error):
                        raise
                    raise FeaturesError(
                        f"{where} holds '{key}' as a pickled object, which is never loaded. "
                        + remedy
                    ) from error
    return arrays, others


def holds(group: h5py.Group, key: str) -> bool:
    """Whether there is a member of that name, even a broken link."""
    return group.get(key, getlink=True) is not None


def member(
    group: h5py.Group, key: str, where: str, remedy: str = REMEDY
) -> h5py.Group | h5py.Dataset:
    """A member stored in the file itself: links and external storage could read any file."""
    linked = not isinstance(group.get(key, getlink=True), h5py.HardLink)
    found = None if linked else group[key]
    if linked or (isinstance(found, h5py.Dataset) and (found.external or found.is_virtual)):
        raise FeaturesError(
            f"{where} holds '{key}' as a link to data elsewhere, which is not followed. {remedy}"
        )
    return found


def dataset(group: h5py.Group, key: str, where: str, remedy: str = REMEDY) -> h5py.Dataset:
    """An array of an HDF5 file, under the rule of `member`."""
    found = member(group, key, where, remedy) if holds(group, key) else None
    if not isinstance(found, h5py.Dataset):
        raise FeaturesError(f"{where} holds {listing(list(group))} but no array '{key}'. {remedy}")
    return found


def loaded(found: h5py.Dataset, where: str, key: str) -> np.ndarray:
    """All values of a dataset. HDF5 reads whole chunks, so their size is limited as well."""
    n_values = max(found.size, math.prod(found.chunks or (1,)))
    check_size(n_values * found.dtype.itemsize, where, key)
    return np.asarray(found[()])
