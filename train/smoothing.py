"""A signal over the frames of clips, smoothed over time."""

import numpy as np

NEIGHBOUR = 0.2  # share of each neighbour in a smoothed frame


def smoothed(signal: np.ndarray) -> np.ndarray:
    """Each frame mixed with its two neighbours; at a clip's ends it stands in for the missing.

    Parameters
    ----------
    signal : (N, T, C) of N clips; NaN where a clip has no frame
    """
    padded = np.pad(signal, ((0, 0), (1, 1), (0, 0)), mode="edge")
    before, after = (
        np.where(np.isnan(side), signal, side) for side in (padded[:, :-2], padded[:, 2:])
    )
    return (1 - 2 * NEIGHBOUR) * signal + NEIGHBOUR * (before + after)
