"""The clips of a features file: held in memory, or left in the file until a batch needs them."""

import os
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from audioset_demo.errors import DataError

# Larger files are left on disk. 22,160 clips are 28 MB, two million 2.6 GB.
MAX_BYTES_IN_MEMORY = 512 * 2**20
REMEDY = "Restore the file and run the command again, with --resume if it trains."


class ClipsInMemory:
    """Clips uint8 (N, T, 128) in an array."""

    def __init__(self, x: np.ndarray):
        self.shape = x.shape
        self._x = x

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Clips (B, T, 128) uint8 of these rows."""
        return self._x[rows]


class ClipsInFile:
    """Clips uint8 (N, T, 128) read one by one from their places in the file.

    The file is read, not mapped: mapped pages count as the process's memory. Any thread may read.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], layout: "Layout"):
        self.shape = shape
        self._path = path
        self._layout = layout
        self._clip_bytes = shape[1] * shape[2]
        self._lock = threading.Lock()
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed with this object
        weakref.finalize(self, self._file.close)
        self._version = self._present_version()

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Clips (B, T, 128) uint8 of these rows.

        Raises
        ------
        DataError
            If the file has changed since it was opened, or cannot be read.
        """
        clips = np.empty((len(rows), *self.shape[1:]), np.uint8)
        starts = self._layout.starts_of(rows, self._clip_bytes).tolist()
        try:
            # Seeking and reading are two steps, and another thread may want another clip.
            with self._lock:
                unchanged = self._present_version() == self._version and all(
                    self._read_into(clip, start) for clip, start in zip(clips, starts, strict=True)
                )
        except OSError as error:
            raise DataError(f"Clips of {self._path} cannot be read ({error}). {REMEDY}") from None
        if not unchanged:
            raise DataError(
                f"{self._path} was cut short or written to while it was being read. {REMEDY}"
            )
        return clips

    def _read_into(self, clip: np.ndarray, start: int) -> bool:
        self._file.seek(start)
        return self._file.readinto(clip.data) == self._clip_bytes

    def _present_version(self) -> tuple[int, int]:
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns


class ClipsOfFiles:
    """Clips uint8 (N, T, 128) of several files, one after another, padded to the longest."""

    def __init__(self, files: "Sequence[Clips]"):
        self._files = files
        counts, lengths, dims = zip(*(clips.shape for clips in files), strict=True)
        self._ends = np.cumsum(counts)
        self.shape: tuple[int, ...] = (int(self._ends[-1]), max(lengths), dims[0])

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Clips (B, T, 128) uint8 of these rows; errors are those of the files."""
        clips = np.zeros((len(rows), *self.shape[1:]), np.uint8)
        of_file = np.searchsorted(self._ends, rows, side="right")
        for index in np.unique(of_file):
            file, here = self._files[index], np.flatnonzero(of_file == index)
            first = self._ends[index] - file.shape[0]
            clips[here, : file.shape[1]] = file.read(rows[here] - first)
        return clips


Clips = ClipsInMemory | ClipsInFile | ClipsOfFiles


@dataclass(frozen=True)
class Layout:
    """Clips lie in chunks of `clips_per_chunk`, which begin at the bytes `chunk_starts`."""

    clips_per_chunk: int
    chunk_starts: np.ndarray

    def starts_of(self, rows: np.ndarray, clip_bytes: int) -> np.ndarray:
        """The byte at which each of these clips begins."""
        chunk, place = np.divmod(rows, self.clips_per_chunk)
        return self.chunk_starts[chunk] + place * clip_bytes


def open_clips(x: h5py.Dataset, path: Path) -> ClipsInMemory | ClipsInFile:
    """The clips of a dataset: read at once if they are few, else left in the file.

    Raises
    ------
    DataError
        If they are too many for memory and their layout allows none to be read alone, or the
        file is truncated.
    """
    if x.nbytes <= MAX_BYTES_IN_MEMORY:
        return ClipsInMemory(x[:])
    layout = _layout(x, path)
    chunk_bytes = layout.clips_per_chunk * (x.nbytes // len(x))
    if layout.chunk_starts.max() + chunk_bytes > path.stat().st_size:
        raise DataError(f"{path} ends before the last of its {len(x)} clips. Copy it again.")
    return ClipsInFile(path, x.shape, layout)


def _layout(x: h5py.Dataset, path: Path) -> Layout:
    in_pieces = x.chunks is not None and x.chunks[1:] != x.shape[1:]
    filtered = x.id.get_create_plist().get_nfilters() > 0
    shifted = x.file.userblock_size > 0
    if in_pieces or filtered or shifted:
        raise DataError(
            f"x in {path} takes {x.nbytes / 1e9:.1f} GB, too much to hold in memory, and its "
            f"layout (chunks {x.chunks}, compression {x.compression}) allows no clip to be read "
            f"alone. Rewrite it with `python -m train pack {path.name} OUT.h5` and train on that."
        )
    if x.chunks is None:
        return Layout(len(x), np.array([x.id.get_offset()]))
    firsts = range(0, len(x), x.chunks[0])
    starts = [x.id.get_chunk_info_by_coord((first, 0, 0)).byte_offset for first in firsts]
    return Layout(x.chunks[0], np.array(starts))
