"""Features in HDF5 as the reference lays them out, and the fixed split of a training set."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from audioset_demo.errors import DataError
from audioset_demo.models.network import as_input
from train.data.clips import ClipsInFile, ClipsInMemory, open_clips

TRAINING_FILE = "bal_train.h5"
# One clip in ten, told by a hash of its video id, is never trained on: choices are made there.
VALIDATION_SHARE = 10
# Of a large set fewer, those of the lowest hashes: each checkpoint is scored on all of them.
MAX_VALIDATION_CLIPS = 20_000
# Large arrays are gone through in parts of this many clips: 34 MB of AudioSet's labels.
BLOCK_CLIPS = 65_536


@dataclass(frozen=True)
class FeatureFile:
    """What a file holds of its N clips of at most T frames.

    Attributes
    ----------
    clips : uint8 (N, T, 128), zero-padded; `read(rows)` gives some of them
    packed_labels : uint8 (N, ceil(K / 8)), eight classes to a byte
    n_frames : int64 (N,)
    video_ids : bytes (N,)
    n_classes : K
    labels : the names of the K classes, None where they are AudioSet's 527
    """

    clips: ClipsInMemory | ClipsInFile
    packed_labels: np.ndarray
    n_frames: np.ndarray
    video_ids: np.ndarray
    n_classes: int
    labels: tuple[str, ...] | None


@dataclass(frozen=True)
class FeatureSet:
    """Clips of a file, all or some of them; what they hold stays with the file, uncopied.

    `rows` int64 (N,): which clips of the file these are. Indices below count from 0 to N - 1.
    """

    file: FeatureFile
    rows: np.ndarray
    name: str

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def n_classes(self) -> int:
        return self.file.n_classes

    @property
    def labels(self) -> tuple[str, ...] | None:
        return self.file.labels

    @property
    def n_frames(self) -> np.ndarray:
        """Real frames (N,) int64 of each clip."""
        return self.file.n_frames[self.rows]

    @property
    def video_ids(self) -> np.ndarray:
        return self.file.video_ids[self.rows]

    @property
    def x(self) -> np.ndarray:
        """All clips uint8 (N, T, 128), zero-padded; for sets that fit into memory."""
        return self.file.clips.read(self.rows)

    @property
    def y(self) -> np.ndarray:
        """All labels bool (N, K); for sets that fit into memory."""
        return self._labels(slice(None))

    def _labels(self, indices: np.ndarray | slice) -> np.ndarray:
        packed = self.file.packed_labels[self.rows[indices]]
        return np.unpackbits(packed, axis=1, count=self.n_classes).view(bool)

    def subset(self, indices: np.ndarray, name: str) -> "FeatureSet":
        return FeatureSet(self.file, self.rows[indices], name)

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Clips (B, T, 128) as models read them, mask (B, T) bool, targets (B, K) float32.

        Raises
        ------
        DataError
            If the clips are in a file that has changed since.
        """
        rows = self.rows[indices]
        clips = as_input(self.file.clips.read(rows))
        lengths = torch.from_numpy(self.file.n_frames[rows])
        mask = torch.arange(clips.shape[1]) < lengths[:, None]
        return clips, mask, torch.from_numpy(self._labels(indices)).float()

    def clips_of_class(self) -> list[np.ndarray]:
        """Indices int32 of the clips of each of the K classes, ascending."""
        clips, classes = [], []
        for block in _blocks(len(self)):
            clip, k = np.nonzero(self._labels(block))
            clips.append((clip + block.start).astype(np.int32))
            classes.append(k.astype(np.uint16))
        of_class = np.concatenate(classes)
        grouped = np.concatenate(clips)[np.argsort(of_class, kind="stable")]
        return np.split(grouped, np.cumsum(np.bincount(of_class, minlength=self.n_classes))[:-1])


def load_features(path: Path) -> FeatureSet:
    """Open an HDF5 file of features and labels.

    Raises
    ------
    DataError
        If the file is missing or damaged, or its datasets do not fit one another.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            check_datasets(file, path)
            features = _read(file, path)
    except (OSError, RuntimeError, KeyError) as error:
        raise DataError(
            f"Cannot read {path} as HDF5 ({error}). Check the path; if the file was copied or "
            "packed, do that again."
        ) from None
    _check_frames(features, path)
    return FeatureSet(features, np.arange(len(features.n_frames)), path.stem)


def _read(file: h5py.File, path: Path) -> FeatureFile:
    clips = open_clips(file["x"], path)
    n_frames = file["n_frames"][:] if "n_frames" in file else _count_all_frames(clips)
    return FeatureFile(
        clips=clips,
        packed_labels=_pack_labels(file["y"]),
        n_frames=n_frames.astype(np.int64),
        video_ids=np.asarray(file["video_id_list"][:], bytes),
        n_classes=file["y"].shape[1],
        labels=tuple(file["labels"].asstr()[:]) if "labels" in file else None,
    )


def _pack_labels(y: h5py.Dataset) -> np.ndarray:
    packed = np.empty((len(y), -(-y.shape[1] // 8)), np.uint8)
    for block in _blocks(len(y)):
        packed[block] = np.packbits(y[block].astype(bool, copy=False), axis=1)
    return packed


def _count_all_frames(clips: ClipsInMemory | ClipsInFile) -> np.ndarray:
    blocks = _blocks(clips.shape[0])
    return np.concatenate([count_frames(clips.read(np.r_[block])) for block in blocks])


def count_frames(x: np.ndarray) -> np.ndarray:
    """Real frames (N,) of zero-padded clips (N, T, 128): all up to the last that is not zero."""
    is_sound = x.any(axis=2)
    last = x.shape[1] - is_sound[:, ::-1].argmax(axis=1)
    return np.where(is_sound.any(axis=1), last, 1)


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK_CLIPS, n)) for start in range(0, n, BLOCK_CLIPS))


def check_datasets(file: h5py.File, path: Path) -> None:
    """Raise a DataError if the datasets are not all there, of their form, and of one length."""
    missing = [key for key in ("x", "y", "video_id_list") if key not in file]
    if missing:
        raise DataError(
            f"{path} has no dataset {', '.join(missing)}. Make the file with "
            "`python -m train pack` or `python -m train extract`."
        )
    x, y = file["x"], file["y"]
    if x.ndim != 3 or x.shape[2] != 128 or x.dtype != np.uint8 or len(x) == 0:
        raise DataError(
            f"x in {path} is {x.dtype} {x.shape}; it must be uint8 (clips, frames, 128)."
        )
    if y.ndim != 2:
        raise DataError(f"y in {path} is {y.dtype} {y.shape}; it must be bool (clips, classes).")
    for key in ("y", "n_frames", "video_id_list"):
        if key in file and len(file[key]) != len(x):
            raise DataError(
                f"{path} has {len(x)} clips in x but {len(file[key])} in {key}. Pack it again."
            )
    for key in ("x", "y", "n_frames", "video_id_list"):
        if key in file and not _is_written(file[key]):
            raise DataError(
                f"{path} is incomplete: parts of {key} were never written. Pack it again."
            )
    _check_labels(file, y.shape[1], path)


def _is_written(dataset: h5py.Dataset) -> bool:
    """HDF5 reads zeros where nothing was written: clips would be silence, without labels."""
    if dataset.chunks is None:
        return dataset.is_virtual or dataset.id.get_storage_size() > 0
    per_axis = [-(-n // chunk) for n, chunk in zip(dataset.shape, dataset.chunks, strict=True)]
    return dataset.id.get_num_chunks() == np.prod(per_axis)


def _check_labels(file: h5py.File, n_classes: int, path: Path) -> None:
    if "labels" not in file and n_classes != 527:
        raise DataError(
            f"{path} has {n_classes} classes and does not name them; AudioSet has 527. "
            "Add a dataset `labels` with the names, as `python -m train extract` does."
        )
    if "labels" in file and len(file["labels"]) != n_classes:
        raise DataError(f"{path} names {len(file['labels'])} classes but y has {n_classes}.")


def _check_frames(features: FeatureFile, path: Path) -> None:
    lowest, highest = features.n_frames.min(), features.n_frames.max()
    if lowest < 1 or highest > features.clips.shape[1]:
        raise DataError(
            f"n_frames in {path} runs from {lowest} to {highest}; each clip must have 1 to "
            f"{features.clips.shape[1]} frames."
        )


def split(features: FeatureSet) -> tuple[FeatureSet, FeatureSet]:
    """Fit part and validation part, a fixed property of the video ids.

    Raises
    ------
    DataError
        If one of them would be empty.
    """
    hashes = np.fromiter(map(_hash, features.video_ids), np.uint64, len(features))
    validation = hashes % VALIDATION_SHARE == 0
    if validation.sum() > MAX_VALIDATION_CLIPS:
        limit = np.partition(hashes[validation], MAX_VALIDATION_CLIPS)[MAX_VALIDATION_CLIPS]
        validation &= hashes < limit
    if validation.all() or not validation.any():
        raise DataError(
            f"{features.name} has {len(features)} clips: too few to hold a tenth of them out for "
            "validation. Give more clips."
        )
    return (
        features.subset(np.flatnonzero(~validation), f"fit part of {features.name}"),
        features.subset(np.flatnonzero(validation), f"validation part of {features.name}"),
    )


def sample(features: FeatureSet, clips: int) -> FeatureSet:
    """So many of the clips, a fixed property of the video ids: a larger sample holds a smaller one.

    Raises
    ------
    DataError
        If there are fewer.
    """
    if clips > len(features):
        raise DataError(f"{features.name} has {len(features)} clips, not {clips}. Lower --clips.")
    # The low bits of the hash tell the validation part: the order goes by another one.
    order = np.argsort([_hash(b"sample " + video_id) for video_id in features.video_ids])
    chosen = np.sort(order[:clips])
    return features.subset(chosen, f"{clips:,} clips of {features.name}")


def _hash(video_id: bytes) -> int:
    return int.from_bytes(hashlib.sha256(video_id).digest()[:8], "big")


def training_file(data: Path) -> Path:
    """`data` itself, or the training file in that folder."""
    path = data / TRAINING_FILE if data.is_dir() else data
    if not path.is_file():
        raise DataError(
            f"There is no {path}. `--data` takes an HDF5 file, or a folder that holds "
            f"{TRAINING_FILE}."
        )
    return path
