"""Which sounds in the recordings are alike, by their embeddings.

Similarity is the cosine of two directions, measured from the mean of AudioSet's class centroids:
from zero, all frames point almost the same way. The search is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audioset_demo.embeddings.arrays import npz_arrays
from audioset_demo.embeddings.class_space import ClassSpace, class_space, directions
from audioset_demo.embeddings.frames import FRAME_S, N_DIMS
from audioset_demo.errors import FeaturesError
from audioset_demo.recordings.finds import Find, Finds, Recording

BLOCK_FRAMES = 2**15  # compared at a time


@dataclass(frozen=True)
class Similar:
    """A frame of a recording: its start in seconds, and its cosine with what was searched for."""

    recording: Recording
    start_s: float
    cosine: float

    @property
    def end_s(self) -> float:
        return min(self.start_s + FRAME_S, max(self.recording.duration_s, self.start_s))


@dataclass(frozen=True)
class Frames:
    """The T frames of all R recordings, one after the other.

    Attributes
    ----------
    quantised : (T, 128) uint8.
    starts_s : (T,) in their recordings.
    borders : (R + 1,) where the frames of each recording begin and end.
    recordings : R.
    """

    quantised: np.ndarray
    starts_s: np.ndarray
    borders: np.ndarray
    recordings: tuple[Recording, ...]

    @classmethod
    def of_recordings(cls, recordings: Sequence[Recording]) -> Frames:
        """Read the frames that `tag` kept, 0.5 MB an hour; a recording without any has none here.

        Raises
        ------
        FeaturesError
            If a file of frames is missing or damaged.
        """
        quantised, starts_s = [np.empty((0, N_DIMS), np.uint8)], [np.empty(0)]
        for recording in recordings:
            frames, times_s = _frames(recording)
            quantised.append(frames)
            starts_s.append(times_s)
        borders = np.cumsum([len(times_s) for times_s in starts_s])
        return cls(np.concatenate(quantised), np.concatenate(starts_s), borders, tuple(recordings))

    def mean_of(self, r: int, start_s: float, end_s: float) -> np.ndarray | None:
        """The mean frame (128,) of a part of a recording; None where it has no frames."""
        own = slice(self.borders[r], self.borders[r + 1])
        centres = self.starts_s[own] + FRAME_S / 2
        if not len(centres):
            return None
        first, last = np.searchsorted(centres, (start_s, end_s))
        if first == last:  # shorter than a frame: the nearest
            first = int(np.abs(centres - (start_s + end_s) / 2).argmin())
            last = first + 1
        return self.quantised[own][first:last].mean(axis=0)

    def means_of(self, finds: Finds) -> np.ndarray:
        """The mean frame (N, 128) float32 of each find; NaN where its recording has no frames."""
        means = np.full((len(finds), N_DIMS), np.nan, np.float32)
        parts = zip(finds.of_recording, finds.start_s, finds.end_s, strict=True)
        for n, (r, start_s, end_s) in enumerate(parts):
            mean = self.mean_of(r, start_s, end_s)
            if mean is not None:
                means[n] = mean
        return means

    def nearest(self, find: Find, n: int) -> list[Similar]:
        """The `n` frames most like a find, the most like it first.

        Frames that overlap the find, or one that is in the list already, are left out.
        """
        r = self.recordings.index(find.recording)
        wanted = self.mean_of(r, find.start_s, find.end_s)
        if wanted is None:
            return []
        cosines = self._cosines(wanted)
        taken = [(r, find.start_s, find.end_s)]
        found: list[Similar] = []
        for t in np.argsort(-cosines, kind="stable"):
            if len(found) == n:
                break
            own, start_s = int(np.searchsorted(self.borders, t, "right")) - 1, self.starts_s[t]
            part = (own, start_s, start_s + FRAME_S)
            if not any(_overlap(part, other) for other in taken):
                taken.append(part)
                found.append(Similar(self.recordings[own], float(start_s), float(cosines[t])))
        return found

    def _cosines(self, wanted: np.ndarray) -> np.ndarray:
        """The cosine (T,) of each frame with another one (128,)."""
        origin = class_space().origin
        towards = directions((wanted - origin)[None])[0].astype(np.float32)
        blocks = [
            directions(self.quantised[at : at + BLOCK_FRAMES] - origin.astype(np.float32)) @ towards
            for at in range(0, len(self.quantised), BLOCK_FRAMES)
        ]
        return np.concatenate(blocks)


def plane_of(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) of means (N, 128) in the plane in which they differ most.

    Returns
    -------
    points : NaN where the mean is.
    explained : (2,) share of the variance along each axis.
    """
    points = np.full((len(means), 2), np.nan)
    known = np.isfinite(means[:, 0])
    if known.sum() < 3:  # have no plane
        return points, np.zeros(2)
    space = ClassSpace.from_centroids(means[known])
    points[known] = space.project(means[known])
    return points, space.explained


def _overlap(one: tuple[int, float, float], other: tuple[int, float, float]) -> bool:
    return one[0] == other[0] and one[1] < other[2] - 1e-6 and other[1] < one[2] - 1e-6


def _frames(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """The frames (T, 128) uint8 of a recording, and their starts (T,)."""
    if recording.embeddings is None:
        return np.empty((0, N_DIMS), np.uint8), np.empty(0)
    remedy = "Delete the result of this recording in OUT/results, and give the command again."
    name = recording.embeddings.name
    if not recording.embeddings.is_file():
        raise FeaturesError(f"There is no {recording.embeddings}. {remedy}")
    wanted = ("quantised", "times_s")
    arrays, _ = npz_arrays(recording.embeddings, name, wanted, remedy=remedy)
    frames, times_s = (arrays.get(each, np.empty(0)) for each in wanted)
    if frames.dtype != np.uint8 or frames.shape != (len(times_s), N_DIMS):
        raise FeaturesError(f"{name} does not hold frames of {N_DIMS} numbers. {remedy}")
    return frames, times_s
