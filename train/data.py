"""Features in HDF5 as the reference lays them out, and the fixed split of a training set."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from audioset_demo.errors import DataError

TRAINING_FILE = "bal_train.h5"
# One clip in ten, told by a hash of its video id, is never trained on: choices are made there.
VALIDATION_SHARE = 10


@dataclass(frozen=True)
class FeatureSet:
    """Clips in memory: N clips of at most T frames.

    `x` uint8 (N, T, 128), zero-padded; `y` bool (N, K); `n_frames` int64 (N,); `video_ids` bytes
    (N,); `labels` the names of the K classes, None where they are AudioSet's 527.
    """

    x: np.ndarray
    y: np.ndarray
    n_frames: np.ndarray
    video_ids: np.ndarray
    labels: tuple[str, ...] | None
    name: str

    def __len__(self) -> int:
        return len(self.x)

    @property
    def n_classes(self) -> int:
        return self.y.shape[1]

    def subset(self, indices: np.ndarray, name: str) -> "FeatureSet":
        return FeatureSet(
            self.x[indices],
            self.y[indices],
            self.n_frames[indices],
            self.video_ids[indices],
            self.labels,
            name,
        )

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Clips (B, T, 128) as models read them, mask (B, T) bool, targets (B, K) float32."""
        clips = (torch.from_numpy(self.x[indices]).float() - 128) / 128
        lengths = torch.from_numpy(self.n_frames[indices])
        mask = torch.arange(self.x.shape[1]) < lengths[:, None]
        return clips, mask, torch.from_numpy(self.y[indices]).float()


def load_features(path: Path) -> FeatureSet:
    """Read an HDF5 file of features and labels.

    Raises
    ------
    DataError
        If the file is missing or damaged, or its datasets do not fit one another.
    """
    try:
        with h5py.File(path, "r") as file:
            missing = [key for key in ("x", "y", "video_id_list") if key not in file]
            if missing:
                raise DataError(
                    f"{path} has no dataset {', '.join(missing)}. Make the file with "
                    "`python -m train pack` or `python -m train extract`."
                )
            x, y, video_ids = file["x"][:], file["y"][:], file["video_id_list"][:]
            n_frames = file["n_frames"][:] if "n_frames" in file else None
            labels = tuple(file["labels"].asstr()[:]) if "labels" in file else None
    except OSError as error:
        raise DataError(
            f"Cannot read {path} as HDF5 ({error}). Check the path; if the file was copied or "
            "packed, do that again."
        ) from None
    if n_frames is None:
        n_frames = count_frames(x)
    features = FeatureSet(
        x, y.astype(bool), n_frames.astype(np.int64), video_ids, labels, Path(path).stem
    )
    _check(features, path)
    return features


def count_frames(x: np.ndarray) -> np.ndarray:
    """Real frames (N,) of zero-padded clips (N, T, 128): all up to the last that is not zero."""
    is_sound = x.any(axis=2)
    last = x.shape[1] - is_sound[:, ::-1].argmax(axis=1)
    return np.where(is_sound.any(axis=1), last, 1)


def _check(features: FeatureSet, path: Path) -> None:
    x, n = features.x, len(features.x)
    if x.ndim != 3 or x.shape[2] != 128 or x.dtype != np.uint8 or n == 0:
        raise DataError(
            f"x in {path} is {x.dtype} {x.shape}; it must be uint8 (clips, frames, 128)."
        )
    for key, values in (
        ("y", features.y),
        ("n_frames", features.n_frames),
        ("video_id_list", features.video_ids),
    ):
        if len(values) != n:
            raise DataError(f"{path} has {n} clips in x but {len(values)} in {key}. Pack it again.")
    if features.n_frames.min() < 1 or features.n_frames.max() > x.shape[1]:
        raise DataError(
            f"n_frames in {path} runs from {features.n_frames.min()} to {features.n_frames.max()}; "
            f"each clip must have 1 to {x.shape[1]} frames."
        )
    if features.labels is None and features.n_classes != 527:
        raise DataError(
            f"{path} has {features.n_classes} classes and does not name them; AudioSet has 527. "
            "Add a dataset `labels` with the names, as `python -m train extract` does."
        )
    if features.labels is not None and len(features.labels) != features.n_classes:
        raise DataError(
            f"{path} names {len(features.labels)} classes but y has {features.n_classes}."
        )


def is_validation(video_id: bytes) -> bool:
    """Whether a clip belongs to the validation part: a fixed property of its id."""
    return int.from_bytes(hashlib.sha256(video_id).digest()[:8], "big") % VALIDATION_SHARE == 0


def split(features: FeatureSet) -> tuple[FeatureSet, FeatureSet]:
    """Fit part and validation part.

    Raises
    ------
    DataError
        If one of them would be empty.
    """
    validation = np.array([is_validation(video_id) for video_id in features.video_ids])
    if validation.all() or not validation.any():
        raise DataError(
            f"{features.name} has {len(features)} clips: too few to hold a tenth of them out for "
            "validation. Give more clips."
        )
    return (
        features.subset(np.flatnonzero(~validation), f"fit part of {features.name}"),
        features.subset(np.flatnonzero(validation), f"validation part of {features.name}"),
    )


def training_file(data: Path) -> Path:
    """`data` itself, or the training file in that folder."""
    path = data / TRAINING_FILE if data.is_dir() else data
    if not path.is_file():
        raise DataError(
            f"There is no {path}. `--data` takes an HDF5 file, or a folder that holds "
            f"{TRAINING_FILE}."
        )
    return path
