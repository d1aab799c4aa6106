"""Arrays over time made small enough to draw, however long the clip."""

import numpy as np

from audioset_demo.embeddings.frames import frame_edges

MAX_COLUMNS = 1_200  # of a picture over time; more than a screen shows
MAX_SQUARE = 300  # frames along each side of a similarity matrix


def shrink(values: np.ndarray, columns: int = MAX_COLUMNS) -> np.ndarray:
    """Blocks of rows (n, d) joined by their maximum into at most `columns` rows.

    The maximum keeps short events visible that a mean would wash out.
    """
    if len(values) <= columns:
        return values
    return np.maximum.reduceat(values, _block_starts(len(values), columns), axis=0)


def thinned(n: int) -> np.ndarray:
    """Which of n frames to show in a similarity matrix: all, or evenly spaced ones."""
    return _block_starts(n, MAX_SQUARE)


def joined_edges(times_s: np.ndarray, duration_s: float, blocks: int) -> np.ndarray:
    """Borders (blocks + 1,) in seconds of frames (T,) that `shrink` joined into blocks."""
    n = len(times_s)
    return frame_edges(times_s, duration_s)[np.append(_block_starts(n, blocks), n)]


def _block_starts(n: int, blocks: int) -> np.ndarray:
    return np.arange(min(n, blocks)) * n // min(n, blocks)
