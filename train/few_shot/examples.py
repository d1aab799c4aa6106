"""The examples from which classes are learned: embeddings of clips, and the classes of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audioset_demo.embeddings.frames import N_DIMS
from audioset_demo.errors import DataError

LEAST_CLIPS = 2  # of a class: one to learn from, and another to see what was learned


@dataclass(frozen=True)
class Examples:
    """N clips and the K classes to learn.

    Attributes
    ----------
    embeddings : of each clip, its frames (T, 128): uint8, or float32 as models read them
    labels : (N, K) bool; a clip without any is background, an example of none of the classes
    names : of the K classes
    groups : of each clip, the recording that it is from

    Raises
    ------
    DataError
        If the arrays are of another form, or if there is too little to learn a class from.
    """

    embeddings: Sequence[np.ndarray]
    labels: np.ndarray
    names: tuple[str, ...]
    groups: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names:
            raise DataError("There is no class to learn. Name at least one.")
        expected = len(self.embeddings), len(self.names)
        if self.labels.shape != expected or self.labels.dtype != bool:
            raise DataError(
                f"The labels are {self.labels.dtype} of shape {self.labels.shape}. Give bool "
                f"{expected}: a row for each clip, a column for each class."
            )
        if len(self.groups) != len(self.embeddings):
            raise DataError(
                f"{len(self.groups)} recordings are named for {len(self.embeddings)} clips. Name "
                "the recording of each clip."
            )
        for number, frames in enumerate(self.embeddings):
            _check_frames(frames, number)
        for name, n_clips in zip(self.names, self.labels.sum(axis=0), strict=True):
            _check_class(name, int(n_clips), len(self))

    def __len__(self) -> int:
        return len(self.embeddings)


def _check_frames(frames: np.ndarray, number: int) -> None:
    if frames.ndim != 2 or frames.shape[1] != N_DIMS or not len(frames):
        raise DataError(
            f"The embeddings of clip {number} have the shape {frames.shape}. Give (T, {N_DIMS}) "
            "with at least one frame."
        )
    if frames.dtype not in (np.uint8, np.float32) or not np.isfinite(frames).all():
        raise DataError(
            f"The embeddings of clip {number} are {frames.dtype}. Give uint8, or float32 without "
            "NaN or infinity."
        )


def _check_class(name: str, n_clips: int, n_all: int) -> None:
    if n_clips == 0:
        raise DataError(f"The class '{name}' has no clip. Give it some, or remove it.")
    if n_clips < LEAST_CLIPS:
        raise DataError(
            f"The class '{name}' has one clip, and needs at least {LEAST_CLIPS}: what was learned "
            "from one is tried on another. Five or more are better."
        )
    if n_clips == n_all:
        raise DataError(
            f"All clips are of the class '{name}', so that there is nothing to tell it from. Give "
            "clips of another class, or background: clips of none of your classes."
        )
