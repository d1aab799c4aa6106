"""Folds for cross-validation: each recording is held out once, with all of its clips."""

import hashlib
from collections.abc import Sequence

import numpy as np

from audioset_demo.errors import DataError
from train.data.features import FeatureSet


def check_groups(labels: np.ndarray, groups: Sequence[str], names: Sequence[str]) -> None:
    """Raise a DataError unless each class can be learned from one recording and tried on another.

    Parameters
    ----------
    labels : (N, K) bool
    groups : (N,) the recording that each clip is from
    names : of the K classes
    """
    recordings = np.asarray(groups, str)
    for name, has in zip(names, labels.T, strict=True):
        found = np.unique(recordings[has])
        if len(found) < 2:
            of = f"one recording, '{found[0]}'" if len(found) else "no recording"
            raise DataError(
                f"The class '{name}' has {has.sum()} clips of {of}, and needs two recordings or "
                "more: one to learn it from, and another to try it on. Give more, or leave the "
                "class out. If the files are recordings of their own in spite of their names, "
                "extract them with --group-by file."
            )


def folds_of(
    labels: np.ndarray, groups: Sequence[str], n_folds: int = 5, seed: int = 0
) -> np.ndarray:
    """The fold (N,) int of each clip, from 0; all clips of one recording are in the same.

    The recordings of each class are spread evenly over the folds, rare classes first. It makes no
    difference in which order the clips come.

    Parameters
    ----------
    labels : (N, K) bool
    groups : (N,) the recording that each clip is from
    n_folds : at most; never more than there are recordings
    seed : which recordings are held out together
    """
    names, group_of = np.unique(np.asarray(groups, str), return_inverse=True)
    n_clips = np.bincount(group_of)
    has = np.zeros((len(names), labels.shape[1]), bool)
    np.logical_or.at(has, group_of, labels)
    n_groups = has.sum(axis=0)

    def rarest_first(g: int) -> list[int]:
        return sorted(np.flatnonzero(has[g]), key=lambda k: (n_groups[k], k))

    def turn(g: int) -> tuple[int, bytes]:
        rarest = n_groups[has[g]].min(initial=len(names) + 1)
        return rarest, hashlib.sha256(f"{seed} {names[g]}".encode()).digest()

    fold_of_group = np.zeros(len(names), int)
    n_with = np.zeros((min(n_folds, len(names)), labels.shape[1]), int)  # recordings of each class
    n_in = np.zeros(len(n_with), int)  # clips
    for g in sorted(range(len(names)), key=turn):
        classes = rarest_first(g)
        fold = min(range(len(n_with)), key=lambda f: (*n_with[f, classes], n_in[f]))
        fold_of_group[g] = fold
        n_with[fold] += has[g]
        n_in[fold] += n_clips[g]
    return fold_of_group[group_of]


def named_folds(features: FeatureSet, n_folds: int, names: Sequence[str]) -> np.ndarray:
    """The fold (N,) of each clip, as text: the one that the file gives, else of `folds_of`.

    Parameters
    ----------
    n_folds : where the file gives none
    names : of the classes

    Raises
    ------
    DataError
        If a recording is in two of the given folds or a clip in none, if there is a single fold, or
        if all clips of a class are in one recording or fold.
    """
    labels, groups = features.y, _texts(features.groups)
    check_groups(labels, groups, names)
    if features.folds is None:
        return (folds_of(labels, groups, n_folds) + 1).astype(str)
    folds = _texts(features.folds)
    _check_given(features.name, labels, groups, folds, names)
    return folds


def _check_given(
    source: str, labels: np.ndarray, groups: np.ndarray, folds: np.ndarray, names: Sequence[str]
) -> None:
    if not folds.all():
        raise DataError(
            f"{(folds == '').sum()} of the {len(folds)} clips of {source} are in no fold. Give "
            "each clip a fold, or none."
        )
    if len(np.unique(folds)) < 2:
        raise DataError(f"All clips of {source} are in the fold {folds[0]}. Give at least two.")
    for group in np.unique(groups):
        of_group = np.unique(folds[groups == group])
        if len(of_group) > 1:
            raise DataError(
                f"The recording '{group}' is in the folds {' and '.join(of_group)} of {source}. "
                "Put all clips of one recording into one fold."
            )
    for name, has in zip(names, labels.T, strict=True):
        of_class = np.unique(folds[has])
        if len(of_class) == 1:
            raise DataError(
                f"All {has.sum()} clips of the class '{name}' are in the fold {of_class[0]} of "
                f"{source}, so that nothing is left to learn it from when that is held out. Leave "
                "the class out, or the folds."
            )


def _texts(values: np.ndarray) -> np.ndarray:
    return np.array([value.decode("utf-8", "replace") for value in values], str)
