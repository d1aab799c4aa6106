"""Signals of several models mixed, without any training.

Shapes: N clips of at most T frames, C classes; NaN where a clip has no frame.
"""

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np


def added(signals: Sequence[np.ndarray]) -> np.ndarray:
    """The sum of signals (N, T, C)."""
    return reduce(np.add, signals)


def cross_chosen(
    signals: Sequence[np.ndarray],
    half: np.ndarray,
    auc: Callable[[np.ndarray, np.ndarray], float],
) -> tuple[np.ndarray, list[list[int]]]:
    """Every clip by the signals that were chosen on the half of the clips that it is not in.

    Parameters
    ----------
    signals : (N, T, C) each
    half : (N,) bool, to which half of the clips each belongs
    auc : of a signal (N, T, C) on some of the clips (N,) bool, how good it is

    Returns
    -------
    The mixture (N, T, C), and the places of the signals chosen on `half` and on the others.
    """
    found = np.empty_like(signals[0])
    choices = []
    for chosen_on in (half, ~half):
        chosen = _chosen(signals, chosen_on, auc)
        found[~chosen_on] = added([signals[n][~chosen_on] for n in chosen])
        choices.append(chosen)
    return found, choices


def _chosen(
    signals: Sequence[np.ndarray],
    clips: np.ndarray,
    auc: Callable[[np.ndarray, np.ndarray], float],
) -> list[int]:
    """Places of the signals that are added, always the best, as long as one raises the AUC."""
    chosen: list[int] = []
    best, total = -np.inf, np.zeros_like(signals[0])
    while left := [n for n in range(len(signals)) if n not in chosen]:
        gained, n = max((auc(total + signals[n], clips), n) for n in left)
        if gained <= best:
            break
        best, total = gained, total + signals[n]
        chosen.append(n)
    return chosen
