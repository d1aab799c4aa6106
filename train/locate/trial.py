"""The trial that every signal stands: the same clips, classes, truths and bootstrap for all.

Shapes: N clips of at most T frames, S segments, C classes.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audioset_demo.embeddings.frames import FRAME_S
from audioset_demo.errors import DataError
from train.data.split import halves
from train.locate.events import StrongLabels
from train.locate.metrics import (
    class_means,
    draws,
    interval,
    segment_figures,
    segment_scores,
    within_clip_auc,
)


@dataclass(frozen=True)
class Located:
    """How well a signal finds the sounds.

    Attributes
    ----------
    of_class : (C,) AUC within clips, the mean over clips; NaN without usable clips
    low, high : (C,) its intervals
    macro : figures over the counted classes, by name; the interval of the AUC too
    """

    of_class: np.ndarray
    low: np.ndarray
    high: np.ndarray
    macro: dict[str, float]


@dataclass(frozen=True)
class Trial:
    """What signals are judged by.

    Attributes
    ----------
    labels : N clips and when C classes sound in them
    covered : the share of a frame that events must cover for it to be inside
    least_clips : usable clips, with frames both inside and outside, of a class that counts
    """

    labels: StrongLabels
    covered: float
    least_clips: int

    @cached_property
    def real(self) -> np.ndarray:
        """(N, T) bool, the frames of each clip."""
        n_frames = self.labels.features.n_frames
        return np.arange(n_frames.max()) < n_frames[:, None]

    @cached_property
    def inside(self) -> np.ndarray:
        """(N, T, C) bool, frames of which events cover at least the share `covered`."""
        starts = np.arange(self.real.shape[1]) * FRAME_S
        seconds = self.labels.seconds(starts, FRAME_S)
        return (seconds >= np.float32(self.covered * FRAME_S)) & self.real[..., None]

    @cached_property
    def outside(self) -> np.ndarray:
        """(N, T, C) bool, the other frames."""
        return self.real[..., None] & ~self.inside

    @cached_property
    def in_segments(self) -> np.ndarray:
        """(N, S, C) bool, segments of 1 s with any part of an event."""
        n_segments = segment_scores(self.real[:1, :, None].astype(float)).shape[1]
        return self.labels.seconds(np.arange(n_segments), 1.0) > 0

    @cached_property
    def half(self) -> np.ndarray:
        """(N,) bool, to which half of the clips each belongs."""
        return halves(self.labels.features)

    @cached_property
    def usable(self) -> np.ndarray:
        """(N, C) bool, clips of a class with frames both inside and outside."""
        return np.logical_and(self.inside.any(axis=1), self.outside.any(axis=1))

    @cached_property
    def counted(self) -> np.ndarray:
        """(C,) bool, classes with enough usable clips for the macro means.

        Raises
        ------
        DataError
            If there is none.
        """
        n = self.usable.sum(axis=0)
        if n.max() < self.least_clips:
            raise DataError(
                f"No class has {self.least_clips} clips with frames both inside and outside its "
                f"events; the most is {n.max()}. Give more clips, or lower --least-clips."
            )
        return n >= self.least_clips

    @cached_property
    def weights(self) -> np.ndarray:
        return draws(len(self.labels.features))

    def auc(self, signal: np.ndarray, clips: np.ndarray) -> float:
        """AUC within some of the clips (N,) bool by a signal (N, T, C), the mean over classes.

        Of the counted classes, those that have usable clips among these.
        """
        of_clips = within_clip_auc(signal[clips], self.inside[clips], self.outside[clips])
        return float(np.nanmean(class_means(of_clips)[self.counted]))

    def judge(self, signal: np.ndarray) -> Located:
        """How well a signal (N, T, C) finds the sounds; it is NaN where a clip has no frame."""
        auc = within_clip_auc(signal, self.inside, self.outside).astype(np.float32)
        means, resampled = class_means(auc), class_means(auc, self.weights)
        low, high = interval(resampled)
        macro_low, macro_high = interval(np.nanmean(resampled[:, self.counted], axis=1))
        kept = self.counted
        segments = segment_figures(
            segment_scores(signal[..., kept]), self.in_segments[..., kept], self.half
        )
        macro = {
            "auc": float(means[kept].mean()),
            "auc_low": float(macro_low),
            "auc_high": float(macro_high),
            "partial_auc": float(np.nanmean(segments.partial_auc)),
            "f1": float(np.nanmean(segments.f1)),
        }
        return Located(means, low, high, macro)
