"""The packed HDF5 layout: many clips in one file, as the reference and `python -m train` write it.

    x               uint8 (N, T, 128): N clips of at most T frames, zero-padded
    video_id_list   text (N,)
    y               bool (N, K): labels, or numbers that are 0 or 1
    n_frames        integers (N,); without it, all-zero frames at the end of a clip are padding
    segment_times   numbers (N, 2): where a clip begins and ends in its video, in seconds
    labels          text (K,): the classes; without it they are AudioSet's 527
    group_list      text (N,): the recording that each clip is from; without it, each is its own
    fold_list       text (N,): the fold of cross-validation that each clip is in
    encoder         attribute or text: what made the frames; without it, AudioSet's release

The first two are always there. Everything that reads such a file reads it through this module.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from audioset_demo.embeddings.arrays import (
    LIMITS,
    FeaturesLimits,
    attribute,
    check_written,
    dataset,
    holds,
    loaded,
    reading,
    scalar,
    texts,
)
from audioset_demo.embeddings.frames import N_DIMS
from audioset_demo.errors import FeaturesError
from audioset_demo.labels import audioset_labels
from audioset_demo.names import one_line

REMEDY = "Pack the clips again with `python -m train pack` or `python -m train extract`."
BLOCK_BYTES = 64 * 2**20
RELEASED = "released"  # the encoder of a file that names none
# Their dimensions, by letter as above, and the kinds of their types.
_FORMS = {
    "x": ("NTD", "u"),
    "y": ("NK", "biuf"),
    "video_id_list": ("N", "text"),
    "n_frames": ("N", "iu"),
    "segment_times": ("NS", "iuf"),
    "labels": ("K", "text"),
    "group_list": ("N", "text"),
    "fold_list": ("N", "text"),
}
_OF_LABELS = {"y", "labels", "group_list", "fold_list"}  # for training and evaluation alone
_ALWAYS = ("x", "video_id_list")
# Those that are read at once, and whether they are text.
_BESIDE = {key: kinds == "text" for key, (_, kinds) in _FORMS.items() if key not in ("x", "y")}
_MAX_CLASSES = 100_000  # as of a model
_MAX_LABELS = 2**34  # clips times classes: 2 GB, eight to a byte


@dataclass(frozen=True)
class PackedClips:
    """An open packed file whose datasets have been checked; what it does not hold is None.

    Attributes
    ----------
    datasets : those of the file by name, as above
    video_ids : bytes (N,)
    n_frames : int64 (N,), each from 0 to T
    segment_times : (N, 2), seconds
    labels : names of the K classes; None where they are AudioSet's, or there is no y
    groups, folds : bytes (N,), as above
    encoder : what made the frames
    where : the file's name, for messages
    """

    datasets: dict[str, h5py.Dataset]
    video_ids: np.ndarray
    n_frames: np.ndarray | None
    segment_times: np.ndarray | None
    labels: tuple[str, ...] | None
    groups: np.ndarray | None
    folds: np.ndarray | None
    encoder: str
    where: str

    @classmethod
    def of(
        cls,
        file: h5py.File,
        where: str,
        needed: Collection[str] = (),
        limits: FeaturesLimits = LIMITS,
    ) -> PackedClips:
        """Check a file that is already open.

        Labels, and what goes with them, are read only where `y` is needed.

        Parameters
        ----------
        needed : names of datasets without which the file is of no use

        Raises
        ------
        FeaturesError : a dataset is missing, linked, incomplete, beyond the limits, or does not
            fit the others.
        """
        passed_over = set() if "y" in needed else _OF_LABELS
        with reading(where, REMEDY):
            wanted = [
                key
                for key in _FORMS
                if key in _ALWAYS or key in needed or (holds(file, key) and key not in passed_over)
            ]
            found = {key: dataset(file, key, where, REMEDY) for key in wanted}
            _check_forms(found, where, limits)
            beside = {
                key: texts(found[key], where, key, REMEDY) if text else found[key][()]
                for key, text in _BESIDE.items()
                if key in found
            }
            encoder = _encoder(file, where)
        labels = beside.get("labels")
        counts = beside.get("n_frames")
        clips = cls(
            datasets=found,
            video_ids=beside["video_id_list"],
            n_frames=None if counts is None else counts.astype(np.int64),
            segment_times=beside.get("segment_times"),
            labels=None if labels is None else tuple(str(scalar(name)) for name in labels),
            groups=beside.get("group_list"),
            folds=beside.get("fold_list"),
            encoder=encoder,
            where=where,
        )
        clips._check_classes()
        clips._check_counts()
        clips._check_times()
        return clips

    @property
    def x(self) -> h5py.Dataset:
        """Clips uint8 (N, T, 128)."""
        return self.datasets["x"]

    def blocks(self, name: str) -> Iterator[slice]:
        """All rows of a dataset, in blocks that fit into memory."""
        values = self.datasets[name]
        n_rows = max(1, BLOCK_BYTES * len(values) // max(values.nbytes, 1))
        return (slice(start, start + n_rows) for start in range(0, len(values), n_rows))

    def rows(self, name: str, key: slice | int) -> np.ndarray:
        """Some rows of a dataset."""
        with reading(self.where, REMEDY):
            return self.datasets[name][key]

    def _check_classes(self) -> None:
        if "y" not in self.datasets:
            return
        n_classes, n_audioset = self.datasets["y"].shape[1], len(audioset_labels())
        if self.labels is None and n_classes != n_audioset:
            raise FeaturesError(
                f"{self.where} has {n_classes} classes and does not name them; AudioSet has "
                f"{n_audioset}. Add a dataset `labels` with the names, as `python -m train "
                "extract` does."
            )
        if self.labels and len(set(self.labels)) < len(self.labels):
            twice = next(name for name in self.labels if self.labels.count(name) > 1)
            raise FeaturesError(
                f"{self.where} names the class '{twice}' twice in 'labels'. Give each class one "
                "column of y and a name of its own."
            )

    def _check_times(self) -> None:
        if self.segment_times is not None and not np.isfinite(self.segment_times).all():
            raise FeaturesError(
                f"{self.where} holds NaN or infinite values in 'segment_times'. {REMEDY}"
            )

    def _check_counts(self) -> None:
        if self.n_frames is None:
            return
        lowest, highest, most = self.n_frames.min(), self.n_frames.max(), self.x.shape[1]
        if lowest < 0 or highest > most:
            raise FeaturesError(
                f"{self.where} holds 'n_frames' from {lowest} to {highest}; 1 to {most} was "
                f"expected. {REMEDY}"
            )


@contextlib.contextmanager
def open_packed(path: Path, needed: Collection[str] = ()) -> Iterator[PackedClips]:
    """A packed file, open as long as the context; arguments and errors are those of `of`.

    It is checked in another process first, as a damaged one could end this one or never be read.
    """
    from audioset_demo.embeddings.isolation import check_packed  # it imports this module

    if not os.path.isfile(path):  # not Path.is_file: a name may be too long
        raise FeaturesError(f"There is no file {path}. Check the path.")
    check_packed(path, needed)
    with contextlib.ExitStack() as stack:
        with reading(str(path), REMEDY):
            file = stack.enter_context(h5py.File(path, "r"))
        yield PackedClips.of(file, str(path), needed)


def count_frames(x: np.ndarray) -> np.ndarray:
    """Frames (N,) of zero-padded clips (N, T, 128): all up to the last that is not zero.

    No sound has an embedding of 128 zeros.
    """
    is_sound = x.max(axis=2) > 0
    last = x.shape[1] - is_sound[:, ::-1].argmax(axis=1)
    return np.where(is_sound.any(axis=1), last, 0)


def _check_forms(found: dict[str, h5py.Dataset], where: str, limits: FeaturesLimits) -> None:
    """Each dataset is of its type and form, of the same N and K as the others, and complete."""
    sizes = {"D": N_DIMS, "S": 2}
    for key, values in found.items():
        dimensions, kinds = _FORMS[key]
        fits = len(values.shape) == len(dimensions) and _is_of(values.dtype, kinds)
        fits = fits and (key != "x" or values.dtype == np.uint8)
        shape = zip(dimensions, values.shape, strict=False)
        if not fits or any(sizes.setdefault(name, n) != n for name, n in shape):
            raise FeaturesError(
                f"{where} holds '{key}' as {values.dtype} of shape {values.shape}; "
                f"{_expected(key, sizes)} was expected. {REMEDY}"
            )
        _check_sizes(sizes, where, limits)
        check_written(values, where, key, REMEDY)
    if 0 in (sizes["N"], sizes["T"], sizes.get("K")):
        raise FeaturesError(
            f"{where} holds no clips, frames or classes: 'x' has shape {found['x'].shape}. "
            "Pack at least one clip."
        )


def _check_sizes(sizes: dict[str, int], where: str, limits: FeaturesLimits) -> None:
    limits.check_clips(sizes["N"], where)
    limits.check_frames(sizes["T"], where)
    n_classes = sizes.get("K", 0)
    if n_classes > _MAX_CLASSES or sizes["N"] * n_classes > _MAX_LABELS:
        raise FeaturesError(
            f"{where} holds labels of {sizes['N']:,} clips and {n_classes:,} classes, above the "
            f"limit of {_MAX_CLASSES:,} classes and {_MAX_LABELS:,} labels. Give fewer classes."
        )


def _is_of(dtype: np.dtype, kinds: str) -> bool:
    if kinds == "text":
        return h5py.check_string_dtype(dtype) is not None
    return dtype.kind in kinds


def _expected(key: str, sizes: dict[str, int]) -> str:
    words = {"N": "clips", "T": "frames", "K": "classes"}
    dimensions, kinds = _FORMS[key]
    shape = ", ".join(str(sizes.get(name, words.get(name))) for name in dimensions)
    types = {"x": "uint8", "y": "bool", "n_frames": "integers", "segment_times": "numbers"}
    return f"{types.get(key, kinds)} of shape ({shape}{',' * (len(dimensions) == 1)})"


def _encoder(file: h5py.File, where: str) -> str:
    named: object = RELEASED
    if holds(file, "encoder"):
        named = scalar(loaded(dataset(file, "encoder", where, REMEDY), where, "encoder"))
    elif "encoder" in file.attrs:
        named = scalar(attribute(file, "encoder", where))
    return one_line(str(named))
