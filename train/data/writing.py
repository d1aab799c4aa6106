"""Writing the packed HDF5 layout, clips after clips."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import h5py
import numpy as np

from audioset_demo.embeddings.frames import N_DIMS

SPARE_BYTES = 2**18  # for what HDF5 writes beside the arrays


@dataclass(frozen=True)
class PackedClip:
    """One clip: embeddings (n, 128) uint8, label indices, place in its recording in seconds."""

    video_id: bytes
    embeddings: np.ndarray
    labels: list[int]
    segment_times: tuple[float, float]


def columns_of(
    clips: Sequence[PackedClip], n_frames: int, id_bytes: int, n_classes: int
) -> dict[str, np.ndarray]:
    """Clips as rows of the datasets of a file.

    Parameters
    ----------
    n_frames, id_bytes : of the longest clip and name in the file; shorter ones are padded with
        zeros
    n_classes : labels are below it
    """
    x = np.zeros((len(clips), n_frames, N_DIMS), np.uint8)
    y = np.zeros((len(clips), n_classes), bool)
    for row, clip in enumerate(clips):
        x[row, : len(clip.embeddings)] = clip.embeddings
        y[row, clip.labels] = True
    return {
        "x": x,
        "y": y,
        "video_id_list": np.array([clip.video_id for clip in clips], f"S{id_bytes}"),
        "n_frames": np.array([len(clip.embeddings) for clip in clips], np.int32),
        "segment_times": np.array([clip.segment_times for clip in clips], np.float32),
    }


def append(
    file: h5py.File, columns: Mapping[str, np.ndarray | h5py.Dataset], start: int, n_clips: int
) -> int:
    """Write rows to the datasets of a file from the row `start` on; the row after the last.

    Each dataset lies in one piece, so that a clip can be read alone. They are made with the first
    rows, for `n_clips`.
    """
    if start == 0:
        row_bytes = (values.dtype.itemsize * values[0].size for values in columns.values())
        make_room(file, n_clips * sum(row_bytes))
        for name, values in columns.items():
            file.create_dataset(name, (n_clips, *values.shape[1:]), values.dtype)
    stop = start + len(columns["x"])
    for name, values in columns.items():
        file[name][start:stop] = values[()]
    return stop


def make_room(file: h5py.File, n_bytes: int) -> None:
    """Have the disk set aside what will be written to a file, where the system can.

    Raises OSError where there is no room. HDF5 itself would crash when it then closes the file.
    """
    if hasattr(os, "posix_fallocate"):
        with open(file.filename, "rb+") as room:
            os.posix_fallocate(room.fileno(), 0, file.id.get_filesize() + n_bytes + SPARE_BYTES)
