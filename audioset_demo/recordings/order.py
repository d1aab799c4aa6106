"""In which order finds are listened to."""

from __future__ import annotations

import numpy as np

HIGHEST, NEAR, SPREAD = "highest", "near", "spread"


def order(scores: np.ndarray, by: str, near: float = 0.5) -> np.ndarray:
    """Places of finds (n,) of some scores (n,) in the order in which they are heard.

    Parameters
    ----------
    by : "highest" score first; "near": the scores nearest to `near` first, for a threshold; or
        "spread": however early one stops, what was heard is spread over all scores, for precision.
    """
    falling = np.argsort(-scores, kind="stable")
    if by == HIGHEST:
        return falling
    if by == NEAR:
        return np.argsort(np.abs(scores - near), kind="stable")
    return falling[_spread(len(scores))]


def _spread(n: int) -> np.ndarray:
    """0 to n - 1 so that the first m are spread evenly, for any m: van der Corput's sequence."""
    places = np.arange(n)
    bits = max(n - 1, 1).bit_length()
    mirrored = sum((places >> bit & 1) << (bits - 1 - bit) for bit in range(bits))
    return np.argsort(mirrored, kind="stable")
