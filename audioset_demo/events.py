"""Events: from the scores of frames to when each class begins and ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audioset_demo.embeddings.frames import frame_edges
from audioset_demo.labels import Label

if TYPE_CHECKING:  # imports torch, and the command line imports this module for its threshold
    from audioset_demo.tagging import Tagging

THRESHOLD = 0.3  # the default frame score at which an event begins
RELEASE = 0.5  # an event lasts while the score stays above this share of the threshold


@dataclass(frozen=True)
class Event:
    """A class from `start_s` to `end_s`; `score` is the highest of its frames."""

    label: Label
    start_s: float
    end_s: float
    score: float


def find_events(
    tagging: Tagging,
    classes: Sequence[int],
    threshold: float | str = THRESHOLD,
    each_class: bool = False,
) -> list[Event]:
    """Events of some classes, in the order of their beginnings.

    With hysteresis, so that a score near the threshold makes one event and not many: an event
    begins at `threshold` and lasts as long as the frame score is at least `RELEASE` times that.
    It begins and ends at borders of frames, as given by `frame_edges`, never beyond the clip.

    Parameters
    ----------
    classes : indices of classes
    threshold : frame score from 0 to 1, or a name of `THRESHOLDS`: each class has its own
    each_class : of a class that never reaches the threshold, the events at its highest score

    Raises
    ------
    CheckpointError
        If a name is given and the model has no calibration.
    """
    thresholds = tagging.thresholds(threshold)
    edges = frame_edges(tagging.times_s, tagging.duration_s)
    events = []
    for k in classes:
        scores = tagging.frame_scores[:, k]
        begins = thresholds[k]
        if each_class:
            begins = min(begins, scores.max())
        for first, last in _runs(scores >= RELEASE * begins):
            if scores[first : last + 1].max() >= begins:
                events.append(_event(tagging, edges, k, first, last))
    return sorted(events, key=lambda event: (event.start_s, event.end_s, event.label.name))


def _event(tagging: Tagging, edges: np.ndarray, k: int, first: int, last: int) -> Event:
    return Event(
        label=tagging.labels[k],
        start_s=float(edges[first]),
        end_s=float(edges[last + 1]),
        score=float(tagging.frame_scores[first : last + 1, k].max()),
    )


def _runs(active: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], active.astype(np.int8), [0]))))
    return [(int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)]
