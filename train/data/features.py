"""Features in HDF5 as the reference lays them out."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from audioset_demo.embeddings.arrays import reading
from audioset_demo.embeddings.packed import REMEDY, PackedClips, count_frames, open_packed
from audioset_demo.errors import DataError, FeaturesError
from audioset_demo.models.network import as_input
from train.data.clips import Clips, ClipsInFile, ClipsInMemory, ClipsOfFiles, open_clips

TRAINING_FILE = "bal_train.h5"
TRAINING_FILES = (TRAINING_FILE, "unbal_train.h5")
# Large arrays are processed in blocks of this many clips: 34 MB of AudioSet's labels.
BLOCK_CLIPS = 65_536


@dataclass(frozen=True)
class FeatureFile:
    """What a file, or several together, hold of their N clips of at most T frames.

    Attributes
    ----------
    counts : the number of clips of each file, by its name without its end
    clips : uint8 (N, T, 128), zero-padded; `read(rows)` gives some of them
    packed_labels : uint8 (N, ceil(K / 8)), eight classes to a byte
    n_frames : int64 (N,)
    video_ids : bytes (N,)
    groups : bytes (N,), the recording that each clip is from; None: each is its own
    folds : bytes (N,), the fold of cross-validation that each clip is in; None: not said
    n_classes : K
    labels : the names of the K classes, None where they are AudioSet's 527
    encoder : what made the frames, a key of `ENCODER_TITLES`
    """

    counts: tuple[tuple[str, int], ...]
    clips: Clips
    packed_labels: np.ndarray
    n_frames: np.ndarray
    video_ids: np.ndarray
    groups: np.ndarray | None
    folds: np.ndarray | None
    n_classes: int
    labels: tuple[str, ...] | None
    encoder: str


@dataclass(frozen=True)
class FeatureSet:
    """Clips of a file, all or some of them; the arrays of the file are shared, not copied.

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
    def groups(self) -> np.ndarray:
        """The recording (N,) that each clip is from; the clip itself where it is not said."""
        groups = self.file.video_ids if self.file.groups is None else self.file.groups
        return groups[self.rows]

    @property
    def folds(self) -> np.ndarray | None:
        """The fold (N,) that each clip is in; None where it is not said."""
        return None if self.file.folds is None else self.file.folds[self.rows]

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
            If the clips are read from a file that has changed since it was opened.
        """
        rows = self.rows[indices]
        clips = as_input(self.file.clips.read(rows))
        lengths = torch.from_numpy(self.file.n_frames[rows])
        mask = torch.arange(clips.shape[1]) < lengths[:, None]
        return clips, mask, torch.from_numpy(self._labels(indices)).float()

    def n_positives(self) -> np.ndarray:
        """How many clips (K,) carry each label."""
        counts = (self._labels(block).sum(axis=0) for block in _blocks(len(self)))
        return sum(counts, start=np.zeros(self.n_classes, np.int64))

    def n_scorable_classes(self) -> int:
        """Classes with both clips that carry the label and clips that lack it."""
        positives = self.n_positives()
        return int(((positives > 0) & (positives < len(self))).sum())

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


def load_features(paths: Path | Sequence[Path]) -> FeatureSet:
    """Open a packed file of features and labels, or several as one set.

    Raises
    ------
    FeaturesError
        If a file is missing or damaged, or its datasets do not fit one another.
    DataError
        If one is too large for memory and its layout allows no clip to be read alone, or if the
        files differ in their classes or encoder.
    """
    files = [_load(path) for path in ([paths] if isinstance(paths, Path) else paths)]
    file = files[0] if len(files) == 1 else _together(files)
    name = " and ".join(name for name, _ in file.counts)
    return FeatureSet(file, np.arange(len(file.n_frames)), name)


def _load(path: Path) -> FeatureFile:
    with open_packed(path, needed=("y",)) as packed:
        with reading(str(path), REMEDY):
            clips = open_clips(packed.x, path)
        return FeatureFile(
            counts=((path.stem, clips.shape[0]),),
            clips=clips,
            packed_labels=_pack_labels(packed),
            n_frames=_frames_of_each(clips, packed),
            video_ids=packed.video_ids,
            groups=packed.groups,
            folds=packed.folds,
            n_classes=packed.datasets["y"].shape[1],
            labels=packed.labels,
            encoder=packed.encoder,
        )


def _together(files: list[FeatureFile]) -> FeatureFile:
    first = files[0]
    counts = tuple(count for file in files for count in file.counts)
    for file in files[1:]:
        if (file.n_classes, file.labels, file.encoder) != (
            first.n_classes,
            first.labels,
            first.encoder,
        ):
            raise DataError(
                f"{first.counts[0][0]} has {first.n_classes} classes and frames by "
                f"'{first.encoder}', {file.counts[0][0]} has {file.n_classes} classes and frames "
                f"by '{file.encoder}', or the names of their classes differ. Train on files of "
                "the same classes and encoder."
            )
    return replace(
        first,
        counts=counts,
        clips=ClipsOfFiles([file.clips for file in files]),
        packed_labels=np.concatenate([file.packed_labels for file in files]),
        n_frames=np.concatenate([file.n_frames for file in files]),
        video_ids=np.concatenate([file.video_ids for file in files]),
        groups=_groups_together(files),
        folds=_folds_together(files),
    )


def _groups_together(files: list[FeatureFile]) -> np.ndarray | None:
    if all(file.groups is None for file in files):
        return None
    return np.concatenate(
        [file.video_ids if file.groups is None else file.groups for file in files]
    )


def _folds_together(files: list[FeatureFile]) -> np.ndarray | None:
    folds = [file.folds for file in files if file.folds is not None]
    return np.concatenate(folds) if len(folds) == len(files) else None


def _pack_labels(packed: PackedClips) -> np.ndarray:
    n_clips, n_classes = packed.datasets["y"].shape
    labels = np.empty((n_clips, -(-n_classes // 8)), np.uint8)
    for block in packed.blocks("y"):
        values = packed.rows("y", block)
        wrong = values[(values != 0) & (values != 1)] if values.dtype != bool else values[:0]
        if wrong.size:
            raise FeaturesError(
                f"'y' in {packed.where} holds {wrong[0]}. Write each label as 0 or 1, or as false "
                "or true."
            )
        labels[block] = np.packbits(values.astype(bool, copy=False), axis=1)
    return labels


def _frames_of_each(clips: ClipsInMemory | ClipsInFile, packed: PackedClips) -> np.ndarray:
    """Frames (N,) int64, at least one: models read no empty clips."""
    if packed.n_frames is None:
        blocks = _blocks(clips.shape[0])
        counted = [count_frames(clips.read(np.r_[block])) for block in blocks]
        return np.maximum(np.concatenate(counted), 1)
    if packed.n_frames.min() < 1:
        raise FeaturesError(
            f"'n_frames' in {packed.where} runs from {packed.n_frames.min()} to "
            f"{packed.n_frames.max()}, and each clip must have 1 to {clips.shape[1]} frames. "
            f"{REMEDY}"
        )
    return packed.n_frames


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK_CLIPS, n)) for start in range(0, n, BLOCK_CLIPS))


def check_scorable(features: FeatureSet) -> None:
    """Raise a DataError if no class can be scored."""
    if not features.n_scorable_classes():
        raise DataError(
            f"{features.name} has {len(features)} clips and {features.n_classes} classes, none of "
            "which has both a clip with its label and a clip without it, so nothing can be scored. "
            "Give more clips, or clips of at least two kinds."
        )


def repeated(features: FeatureSet) -> np.ndarray:
    """The video ids, each once, of clips that stand in a set more than once."""
    ids, times = np.unique(features.video_ids, return_counts=True)
    return ids[times > 1]


def training_files(*data: Path) -> list[Path]:
    """The files that `data` names, and of a folder its training files, never the evaluation set.

    Raises
    ------
    DataError
        If a file is missing or named twice, or a folder holds no training file.
    """
    files = [file for path in data for file in _training_files(path)]
    for place, file in enumerate(files):
        if any(file.samefile(other) for other in files[:place]):
            raise DataError(f"--data names {file} twice. Name each file once.")
    return files


def _training_files(path: Path) -> list[Path]:
    # os.path, not Path's own: a name may be longer than the file system takes.
    found = [path / name for name in TRAINING_FILES] if os.path.isdir(path) else [path]
    found = [file for file in found if os.path.isfile(file)]
    if not found:
        raise DataError(
            f"{path} is no file, and no folder that holds {' or '.join(TRAINING_FILES)}. Give "
            "--data HDF5 files, or a folder that holds those."
        )
    return found
