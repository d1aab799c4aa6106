"""Arrays over time made small enough to draw, however long the clip."""

import numpy as np

from audioset_demo.encoders.embeddings import FRAME_S, hop_of

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
    """Which of n frames to show where each is compared with each: all, or evenly spread ones."""
    return _block_starts(n, MAX_SQUARE)


def _block_starts(n: int, blocks: int) -> np.ndarray:
    return np.arange(min(n, blocks)) * n // min(n, blocks)


def frame_edges(times_s: np.ndarray, rows: int | None = None) -> np.ndarray:
    """Borders (n + 1,) of frames in seconds; of `rows` blocks where frames were joined.

    Frames closer than the 0.96 s that each covers overlap. A border then lies midway between the
    centres of two neighbours, so that what is heard is drawn where it is loudest; the first frame
    begins with its sound, the last ends with it.
    """
    n = len(times_s)
    overlap = FRAME_S - hop_of(times_s)
    edges = np.concatenate([times_s[:1], times_s[1:] + overlap / 2, times_s[-1:] + FRAME_S])
    return edges[np.append(_block_starts(n, rows or n), n)]
