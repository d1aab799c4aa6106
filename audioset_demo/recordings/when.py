"""Finds by class, and by the hour of the day or the recording: a map of a folder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audioset_demo.recordings.finds import Finds

HOURS = 24
MOST_RECORDINGS = 60  # columns that a picture can show
MOST_CLASSES = 30


@dataclass(frozen=True)
class FindMap:
    """How many finds there are of each of A classes in each of B columns.

    Attributes
    ----------
    classes : (A,) places of the classes, the most frequent first.
    columns : (B,) hours of the day or places of recordings.
    counts : (A, B) int64.
    n_left_out : finds that are in no column, as nothing says at what time they were.
    """

    classes: np.ndarray
    columns: np.ndarray
    counts: np.ndarray
    n_left_out: int


def hours_of(finds: Finds) -> np.ndarray:
    """The hour of the day (N,) in which each find begins; -1 where it is not known."""
    starts_s = np.array([_clock_s(recording.start) for recording in finds.recordings])
    found_s = starts_s[finds.of_recording] + finds.start_s
    return np.where(np.isnan(found_s), -1, np.nan_to_num(found_s) // 3600 % HOURS).astype(np.int64)


def by_hour(finds: Finds) -> FindMap:
    """Classes by the hour of the day, over all days."""
    hours = hours_of(finds)
    classes = np.arange(min(len(finds.labels), MOST_CLASSES))
    counts = _counts(finds.of_label, hours, (len(finds.labels), HOURS))
    return FindMap(classes, np.arange(HOURS), counts[classes], int((hours < 0).sum()))


def by_recording(finds: Finds) -> FindMap:
    """Classes by recording: those with most finds, in the order of their paths."""
    shape = (len(finds.labels), len(finds.recordings))
    counts = _counts(finds.of_label, finds.of_recording, shape)
    columns = np.sort(np.argsort(-counts.sum(axis=0), kind="stable")[:MOST_RECORDINGS])
    classes = np.arange(min(len(finds.labels), MOST_CLASSES))
    return FindMap(classes, columns, counts[np.ix_(classes, columns)], 0)


def _clock_s(start) -> float:
    """Seconds since midnight."""
    if start is None:
        return np.nan
    return 3600 * start.hour + 60 * start.minute + start.second


def _counts(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    counts = np.zeros(shape, np.int64)
    known = columns >= 0
    np.add.at(counts, (rows[known], columns[known]), 1)
    return counts
