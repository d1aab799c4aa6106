"""When a class is heard: its frame scores and contributions in one signal, smoothed over time.

Shapes: T frames and K classes, or N clips of at most T frames; NaN where a clip has no frame.
"""

import numpy as np

from audioset_demo.odds import logit

NEIGHBOUR = 0.2  # share of each neighbour in a smoothed frame
LEAST_SCORE = 1e-7


def combined(scores: np.ndarray, frame_scores: np.ndarray, contributions: np.ndarray) -> np.ndarray:
    """`course`, times the score of the clip: a class that is not heard stays near zero.

    Parameters
    ----------
    scores : (K,) or (N, K)
    frame_scores, contributions : (T, K) or (N, T, K)
    """
    return scores[..., None, :] * course(frame_scores, contributions)


def course(frame_scores: np.ndarray, contributions: np.ndarray) -> np.ndarray:
    """Frame scores, as logits, and contributions, each standardised, added and smoothed.

    Parameters
    ----------
    frame_scores, contributions : (T, K) or (N, T, K)
    """
    scores = np.clip(frame_scores, LEAST_SCORE, 1 - LEAST_SCORE)
    return smoothed(standardised(logit(scores)) + standardised(contributions))


def standardised(signal: np.ndarray) -> np.ndarray:
    """Of mean 0 and deviation 1 over the frames of each clip; 0 where all frames are equal.

    Parameters
    ----------
    signal : (T, K) or (N, T, K)
    """
    n = (~np.isnan(signal)).sum(axis=-2, keepdims=True)
    centred = signal - np.nansum(signal, axis=-2, keepdims=True) / n
    deviation = np.sqrt(np.nansum(centred**2, axis=-2, keepdims=True) / n)
    return centred / np.where(deviation > 0, deviation, 1).astype(signal.dtype)


def smoothed(signal: np.ndarray) -> np.ndarray:
    """Each frame mixed with its two neighbours; at a clip's ends it stands in for the missing.

    Parameters
    ----------
    signal : (T, K) or (N, T, K)
    """
    sides = [(0, 0)] * (signal.ndim - 2) + [(1, 1), (0, 0)]
    padded = np.pad(signal, sides, mode="edge")
    before, after = (
        np.where(np.isnan(side), signal, side) for side in (padded[..., :-2, :], padded[..., 2:, :])
    )
    return (1 - 2 * NEIGHBOUR) * signal + NEIGHBOUR * (before + after)
