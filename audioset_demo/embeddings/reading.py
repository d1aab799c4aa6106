"""Embeddings files (NPZ, HDF5) and arrays as input, instead of a sound.

Three forms are read:

* one clip, NPZ or HDF5: arrays `quantised` and, optionally, `pca`, `embedding`, `times_s`,
  `encoder`, `duration_s` (from VGGish without its PCA parameters, `embedding` alone);
* several clips: in HDF5 a group of these arrays for each, in NPZ their names behind "CLIP/";
* many clips, HDF5, as the reference packs them: `x` (N, T, 128), `video_id_list` and, optionally,
  `n_frames`, `segment_times`, `encoder`.
"""

import contextlib
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import h5py
from numpy.typing import ArrayLike

from audioset_demo.embeddings.arrays import (
    LIMITS,
    MAX_LISTED,
    REMEDY,
    FeaturesLimits,
    attribute,
    dataset,
    holds,
    loaded,
    member,
    npz_arrays,
    reading,
)
from audioset_demo.embeddings.clip_arrays import clip_of_arrays
from audioset_demo.embeddings.frames import Embeddings
from audioset_demo.embeddings.packed import PackedClips, count_frames
from audioset_demo.errors import FeaturesError
from audioset_demo.names import MAX_NAME, shortened

_KEYS = ("quantised", "pca", "embedding", "times_s", "encoder", "duration_s")

# The chunks of a packed file run across clips and dimensions, so one clip touches dozens of them.
_CHUNK_CACHE_BYTES = 32 * 2**20


class FeaturesFile:
    """The clips of an embeddings file, each an `Embeddings`: by index, or one after the other.

    Clips of an HDF5 file are read when they are accessed, so a file of any size can be opened.

    Attributes
    ----------
    name : the file's name.
    names : the clips' names, in the file's order; printable, on one line, not long.
    """

    def __init__(
        self,
        name: str,
        names: Iterable[str],
        read: Callable[[int], Embeddings],
        close: Callable[[], None],
    ) -> None:
        self.name = name
        self.names = tuple(shortened(clip, MAX_NAME) for clip in names)
        self._read = read
        self._close = close

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Embeddings:
        return self.read(index)

    def __iter__(self) -> Iterator[Embeddings]:
        return map(self.read, range(len(self)))

    def read(self, index: int) -> Embeddings:
        """The embeddings of one clip.

        Raises
        ------
        FeaturesError : its data is of the wrong form or damaged, or beyond the limits.
        IndexError : there is no such clip.
        """
        index = range(len(self))[index]
        with reading(_place(self.names[index], self.name)):
            return self._read(index)

    def close(self) -> None:
        """Close the file; embeddings already read stay valid."""
        self._close()


def read_features(
    source: str | Path | bytes, name: str | None = None, limits: FeaturesLimits = LIMITS
) -> FeaturesFile:
    """Open an embeddings file. Nothing in it is unpickled, and nothing outside it is followed.

    Parameters
    ----------
    source : path of an NPZ or HDF5 file, or its bytes.
    name : shown to the user in results and errors; by default the file's name.
    limits : checked before anything large is read.

    Raises
    ------
    FeaturesError : not such a file, damaged, without the expected arrays, or beyond the limits.
    """
    if isinstance(source, bytes):
        name = shortened(name or "features", MAX_NAME)
        return _open(io.BytesIO(source), source[:8], name, limits)
    path = Path(source)
    name = shortened(name or path.name, MAX_NAME)
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise FeaturesError(f"{name} cannot be opened ({reason}). Check the path.") from error
    return _open(path, head, name, limits)


def _open(
    stream: Path | io.BytesIO, head: bytes, name: str, limits: FeaturesLimits
) -> FeaturesFile:
    with reading(name):
        if head.startswith(b"PK"):
            return _open_npz(stream, name, limits)
        if head == b"\x89HDF\r\n\x1a\n":
            return _open_hdf5(stream, name, limits)
    what = "is neither NPZ nor HDF5" if head else "is empty (0 bytes)"
    raise FeaturesError(f"{name} {what}. {REMEDY}")


def _place(clip: str, name: str) -> str:
    """A clip of a file, for messages."""
    return f"Clip '{shortened(clip, 40)}' of {shortened(name, 60)}"


def _single(clip: Embeddings) -> FeaturesFile:
    return FeaturesFile(clip.name, [clip.name], lambda index: clip, lambda: None)


def _open_npz(stream: Path | io.BytesIO, name: str, limits: FeaturesLimits) -> FeaturesFile:
    with zipfile.ZipFile(stream) as archive:
        clips = list(dict.fromkeys(key.rpartition("/")[0] for key in archive.namelist()))
    if not clips or "" in clips:
        arrays, others = npz_arrays(stream, name, _KEYS, limits=limits)
        return _single(clip_of_arrays(arrays, others, name, name, limits))
    limits.check_clips(len(clips), name)

    def read(index: int) -> Embeddings:
        where = _place(clips[index], name)
        arrays, others = npz_arrays(stream, where, _KEYS, f"{clips[index]}/", limits=limits)
        return clip_of_arrays(arrays, others, clips[index], where, limits)

    return FeaturesFile(name, clips, read, lambda: None)


def _open_hdf5(stream: Path | io.BytesIO, name: str, limits: FeaturesLimits) -> FeaturesFile:
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(h5py.File(stream, "r", rdcc_nbytes=_CHUNK_CACHE_BYTES))
        limits.check_clips(len(file), name)
        keys = list(file)
        if "x" in keys and "quantised" not in keys:
            names, read = _packed_clips(file, name, limits)
        elif keys and isinstance(member(file, keys[0], name), h5py.Group):
            names, read = keys, _group_reader(file, keys, name, limits)
        else:
            arrays, others = _hdf5_arrays(file, name, limits)
            return _single(clip_of_arrays(arrays, others, name, name, limits))
        stack.pop_all()  # the file stays open: clips are read from it later
        return FeaturesFile(name, names, read, file.close)


def _group_reader(
    file: h5py.File, keys: list[str], name: str, limits: FeaturesLimits
) -> Callable[[int], Embeddings]:
    def read(index: int) -> Embeddings:
        where = _place(keys[index], name)
        group = member(file, keys[index], name)
        if not isinstance(group, h5py.Group):
            raise FeaturesError(f"{where} is not a group of arrays. {REMEDY}")
        arrays, others = _hdf5_arrays(group, where, limits)
        return clip_of_arrays(arrays, others, keys[index], where, limits)

    return read


def _packed_clips(
    file: h5py.File, name: str, limits: FeaturesLimits
) -> tuple[list[str], Callable[[int], Embeddings]]:
    """Names of the clips in a packed file, and a function that reads one of them."""
    packed = PackedClips.of(file, name, limits=limits)
    names = [video_id.decode("utf-8", "replace") for video_id in packed.video_ids.tolist()]

    def read(index: int) -> Embeddings:
        rows = packed.rows("x", index)
        counted = packed.n_frames
        n_frames = int(count_frames(rows[None])[0] if counted is None else counted[index])
        arrays: dict[str, ArrayLike] = {"quantised": rows[:n_frames], "encoder": packed.encoder}
        if packed.segment_times is not None:
            start_s, end_s = packed.segment_times[index]
            arrays["duration_s"] = float(end_s - start_s)
        return clip_of_arrays(arrays, (), names[index], _place(names[index], name), limits)

    return names, read


def _hdf5_arrays(
    group: h5py.Group, where: str, limits: FeaturesLimits
) -> tuple[dict[str, ArrayLike], list[str]]:
    """The arrays of one clip, and the names of the group's other members."""
    arrays: dict[str, ArrayLike] = {}
    for key in _KEYS:
        if holds(group, key):
            arrays[key] = loaded(dataset(group, key, where), where, key, limits)
        elif key in group.attrs:
            arrays[key] = attribute(group, key, where, limits)
    return arrays, [key for key in islice(group, MAX_LISTED + 1) if key not in _KEYS]
