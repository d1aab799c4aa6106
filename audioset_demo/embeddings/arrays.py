"""Arrays out of NPZ and HDF5 files of any origin.

Nothing is unpickled, nothing outside the file is read, and an array larger than a clip can be is
refused before it takes memory.
"""

from __future__ import annotations

import contextlib
import io
import math
import zipfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import h5py
import numpy as np

from audioset_demo.embeddings.frames import N_DIMS
from audioset_demo.errors import AudioSetDemoError, FeaturesError
from audioset_demo.names import shortened

REMEDY = "Write the file with `audioset-demo embed`."

MAX_CHUNK_BYTES = 128 * 2**20  # HDF5 reads whole chunks; also of what stands beside packed clips
MAX_LISTED = 4  # names of members in a message
MAX_TEXT_BYTES = 1_000  # of an id or a label
_TEXT_BLOCK_BYTES = 64 * 2**20  # the most that one read of texts may bring, unless that is slow:
_MIN_TEXT_BLOCK = 64


@dataclass(frozen=True)
class FeaturesLimits:
    """The largest embeddings file that is read; exceeding any of them raises `FeaturesError`."""

    max_frames: int = 360_000  # of a clip: an hour with a frame every 0.01 s
    max_clips: int = 5_000_000  # of a file: twice AudioSet

    def check_frames(self, n_frames: int, where: str) -> None:
        if n_frames > self.max_frames:
            raise FeaturesError(
                f"{where} holds a clip of {n_frames:,} frames, above the limit of "
                f"{self.max_frames:,}. Cut it into shorter clips, or write fewer frames a second."
            )

    def check_clips(self, n_clips: int, where: str) -> None:
        if n_clips > self.max_clips:
            raise FeaturesError(
                f"{where} holds {n_clips:,} clips, above the limit of {self.max_clips:,}. Split it "
                "into several files."
            )

    def check_array(self, n_bytes: int, where: str, key: str) -> None:
        """Raise FeaturesError for an array of more bytes than the longest clip can have."""
        longest = self.max_frames * N_DIMS * 8
        if n_bytes > longest + MAX_TEXT_BYTES:  # a header, or the text of a short array
            raise FeaturesError(
                f"{where} holds '{key}' of {n_bytes / 1e6:,.0f} MB, above the limit of "
                f"{longest / 1e6:,.0f} MB for one clip of {self.max_frames:,} frames. Cut it into "
                "shorter clips."
            )


LIMITS = FeaturesLimits()


@contextlib.contextmanager
def reading(where: str, remedy: str = REMEDY) -> Iterator[None]:
    """Turn whatever is raised on a damaged file into a `FeaturesError`.

    zipfile, NumPy and h5py raise errors of any type on damaged bytes.
    """
    try:
        yield
    except AudioSetDemoError:
        raise
    except Exception as error:
        raise FeaturesError(f"{where} is damaged or cut off. {remedy}") from error


def listing(keys: Iterable[str]) -> str:
    """The first names of a file's members, for messages."""
    first = [f"'{shortened(key, 20)}'" for key in islice(keys, MAX_LISTED + 1)]
    return ", ".join(first[:MAX_LISTED]) + ", ..." * (len(first) > MAX_LISTED) or "nothing"


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
    limits: FeaturesLimits = LIMITS,
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
            # More than this is never decompressed, whatever the array's own header states.
            limits.check_array(member.file_size, where, key)
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
    """A member stored in the file itself: links and external storage could read any file.

    A slash in its name would lead through other members, links among them.
    """
    linked = "/" in key or not isinstance(group.get(key, getlink=True), h5py.HardLink)
    found = None if linked else group[key]
    if linked or (isinstance(found, h5py.Dataset) and (found.external or found.is_virtual)):
        raise FeaturesError(
            f"{where} holds '{key}' as a link to data elsewhere, which is not followed. {remedy}"
        )
    return found


def dataset(group: h5py.Group, key: str, where: str, remedy: str = REMEDY) -> h5py.Dataset:
    """An array of an HDF5 file that is complete and can be read, under the rule of `member`."""
    found = member(group, key, where, remedy) if holds(group, key) else None
    if not isinstance(found, h5py.Dataset):
        raise FeaturesError(f"{where} holds {listing(group)} but no array '{key}'. {remedy}")
    chunk_bytes = math.prod(found.chunks or (1,)) * found.dtype.itemsize
    if chunk_bytes > MAX_CHUNK_BYTES:
        raise FeaturesError(
            f"{where} holds '{key}' in pieces of {chunk_bytes / 1e6:,.0f} MB, above the limit of "
            f"{MAX_CHUNK_BYTES / 1e6:,.0f} MB. {remedy}"
        )
    return found


def check_written(found: h5py.Dataset, where: str, key: str, remedy: str = REMEDY) -> None:
    """Raise FeaturesError unless all parts are stored: HDF5 reads zeros where none ever was."""
    if not found.size:
        return
    if found.chunks is None:
        is_written = found.id.get_storage_size() > 0
    else:
        per_axis = [-(-n // chunk) for n, chunk in zip(found.shape, found.chunks, strict=True)]
        is_written = found.id.get_num_chunks() == math.prod(per_axis)
    if not is_written:
        raise FeaturesError(f"{where} is incomplete: parts of '{key}' were never written. {remedy}")


def loaded(
    found: h5py.Dataset, where: str, key: str, limits: FeaturesLimits = LIMITS
) -> np.ndarray:
    """All values of a dataset of one clip: numbers, or a single text."""
    limits.check_array(found.size * found.dtype.itemsize, where, key)
    check_single(found, where, key)
    check_written(found, where, key)
    return np.asarray(found[()])


def attribute(
    group: h5py.Group, key: str, where: str, limits: FeaturesLimits = LIMITS
) -> np.ndarray:
    """The value of an attribute, under the limits of `loaded`."""
    stated = group.attrs.get_id(key)
    limits.check_array(math.prod(stated.shape) * stated.dtype.itemsize, where, key)
    check_single(stated, where, key)
    return np.asarray(group.attrs[key])


def check_single(found: h5py.Dataset | h5py.h5a.AttrID, where: str, key: str) -> None:
    """Raise FeaturesError for several values of a variable length, which state no size.

    In a few bytes of a file each of them can be as long as the file.
    """
    if found.dtype.kind == "O" and math.prod(found.shape) != 1:
        raise FeaturesError(
            f"{where} holds '{key}' as {math.prod(found.shape):,} values of variable length; an "
            f"array of numbers or a single text was expected. {REMEDY}"
        )


def texts(found: h5py.Dataset, where: str, key: str, remedy: str = REMEDY) -> np.ndarray:
    """The texts (N,) of a dataset as bytes of one length.

    Texts of a variable length state no size, and many can be the same one in the file. Each is at
    most as long as the file, so they are read in blocks that cannot be much larger.
    """
    n_texts, n_bytes = len(found), found.dtype.itemsize
    values, block = [], max(n_texts, 1)
    if found.dtype.kind == "O":
        block = max(_MIN_TEXT_BLOCK, _TEXT_BLOCK_BYTES // found.file.id.get_filesize())
    else:
        _check_texts(n_texts, n_bytes, where, key, remedy)
    for start in range(0, n_texts, block):
        values.append(found[start : start + block])
        if found.dtype.kind == "O":
            n_bytes = max(map(len, values[-1]))
            _check_texts(n_texts, n_bytes, where, key, remedy)
    return np.asarray(np.concatenate(values), bytes) if values else np.empty(0, bytes)


def _check_texts(n_texts: int, n_bytes: int, where: str, key: str, remedy: str) -> None:
    if n_bytes > MAX_TEXT_BYTES or n_texts * n_bytes > MAX_CHUNK_BYTES:
        raise FeaturesError(
            f"{where} holds '{key}' as {n_texts:,} texts of {n_bytes:,} bytes, above the limit of "
            f"{MAX_TEXT_BYTES:,} bytes each and {MAX_CHUNK_BYTES / 1e6:,.0f} MB together. {remedy}"
        )
