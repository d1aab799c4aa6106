"""Signals mixed, without any training: of several models, and of neighbouring frames.

Shapes: N clips of at most T frames, C classes; NaN where a clip has no frame.
"""

import numpy as np
from scipy.special import logit

NEIGHBOUR = 0.2  # share of each neighbour in a smoothed frame
LEAST_SCORE = 1e-7


def mixed(frame_scores: np.ndarray, contributions: np.ndarray) -> np.ndarray:
    """Frame scores, as logits, and contributions of one model, each standardised: (N, T, C)."""
    scores = np.clip(frame_scores, LEAST_SCORE, 1 - LEAST_SCORE)
    return standardised(logit(scores)) + standardised(contributions)


def standardised(signal: np.ndarray) -> np.ndarray:
    """Of mean 0 and deviation 1 over the frames of each clip; 0 where all frames are equal."""
    n = (~np.isnan(signal)).sum(axis=1, keepdims=True)
    centred = signal - np.nansum(signal, axis=1, keepdims=True) / n
    deviation = np.sqrt(np.nansum(centred**2, axis=1, keepdims=True) / n)
    return centred / np.where(deviation > 0, deviation, 1).astype(signal.dtype)


def smoothed(signal: np.ndarray) -> np.ndarray:
    """Each frame mixed with its two neighbours; at a clip's ends it stands in for the missing."""
    padded = np.pad(signal, ((0, 0), (1, 1), (0, 0)), mode="edge")
    before, after = (
        np.where(np.isnan(side), signal, side) for side in (padded[:, :-2], padded[:, 2:])
    )
    return (1 - 2 * NEIGHBOUR) * signal + NEIGHBOUR * (before + after)
