"""Folds for cross-validation: whole recordings, with the clips of each class spread over them."""

import hashlib
from collections.abc import Sequence

import numpy as np


def folds_of(
    labels: np.ndarray, groups: Sequence[str], n_folds: int = 5, seed: int = 0
) -> np.ndarray:
    """The fold (N,) int of each clip, from 0; all clips of one recording are in the same.

    A class of several recordings is in as many folds as can be. It makes no difference in which
    order the clips come.

    Parameters
    ----------
    labels : (N, K) bool
    groups : (N,) names of the recordings that the clips are from
    n_folds : at most; never more than there are recordings
    """
    names, group_of = np.unique(np.array(groups, dtype=str), return_inverse=True)
    n_clips = np.bincount(group_of)
    has = np.zeros((len(names), labels.shape[1]), bool)
    np.logical_or.at(has, group_of, labels)
    n_groups = has.sum(axis=0)

    def rarest_first(g: int) -> list[int]:
        return sorted(np.flatnonzero(has[g]), key=lambda k: (n_groups[k], k))

    def place(g: int) -> tuple:
        rarest = min((n_groups[k] for k in np.flatnonzero(has[g])), default=len(names) + 1)
        return rarest, hashlib.sha256(f"{seed} {names[g]}".encode()).digest()

    fold_of_group = np.zeros(len(names), int)
    n_with = np.zeros((min(n_folds, len(names)), labels.shape[1]), int)  # recordings of each class
    n_in = np.zeros(len(n_with), int)  # clips
    for g in sorted(range(len(names)), key=place):
        classes = rarest_first(g)
        fold = min(range(len(n_with)), key=lambda f: (*n_with[f, classes], n_in[f]))
        fold_of_group[g] = fold
        n_with[fold] += has[g]
        n_in[fold] += n_clips[g]
    return fold_of_group[group_of]
