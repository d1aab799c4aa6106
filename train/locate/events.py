"""Strong labels: which events sound from when to when, on any grid of time.

Shapes: N clips, C classes that the labels cover, E events, G cells of a grid.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audioset_demo.errors import DataError
from train.data.features import FeatureSet
from train.data.tables import Row, read_table
from train.tagger.evaluate import labels_of

# AudioSet's strong labels are shared with these names of their columns.
LAYOUTS = (
    ("filename", "event_label", "onset", "offset"),
    ("segment_id", "label", "start_time_seconds", "end_time_seconds"),
    ("segment_id", "mid", "onset", "offset"),
)


@dataclass(frozen=True)
class StrongLabels:
    """Events of the clips of a feature set; no event of a covered class is missing.

    Attributes
    ----------
    features : the N clips that have strong labels
    classes : indices (C,) int64 of the covered classes, ascending
    clips, places : (E,) int64, the clip of each event, and its class's place in `classes`
    times : (E, 2) float64, onset and offset in seconds; events of a clip and class do not overlap
    """

    features: FeatureSet
    classes: np.ndarray
    clips: np.ndarray
    places: np.ndarray
    times: np.ndarray

    def seconds(self, starts: np.ndarray, length: float) -> np.ndarray:
        """How long each class sounds in each cell of a grid: (N, G, C) float32.

        Parameters
        ----------
        starts : (G,) seconds at which cells of `length` seconds start
        """
        found = np.zeros((len(self.features), len(starts), len(self.classes)), np.float32)
        onsets, offsets = self.times[:, :1], self.times[:, 1:]
        overlap = np.minimum(offsets, starts + length) - np.maximum(onsets, starts)
        cells = np.arange(len(starts))
        index = self.clips[:, None], cells, self.places[:, None]
        np.add.at(found, index, np.maximum(overlap, 0).astype(np.float32))
        return found


def read_strong_labels(path: Path, features: FeatureSet) -> StrongLabels:
    """The events of a table, for those clips of `features` that it names.

    The table has a row for each event: the clip (its video id, or that with `_` and its start in
    milliseconds), the class (its machine id; of classes of one's own the name), onset and offset in
    seconds. Classes that the features lack are left out.

    Raises
    ------
    DataError
        If the table is no such table, or names none of the clips or classes.
    """
    rows = _rows(path)
    clip_of = {name.decode(): n for n, name in enumerate(features.video_ids)}
    class_of = {label.mid or label.name: label.index for label in labels_of(features)}
    clips = [_clip(name, clip_of) for name, *_ in rows]
    known = sorted({clip for clip in clips if clip is not None})
    found = [
        (clip, class_of[label], onset, offset)
        for clip, (_, label, onset, offset) in zip(clips, rows, strict=True)
        if clip is not None and label in class_of
    ]
    if not found:
        raise DataError(
            f"{path} has no event of a clip and class of {features.name}. Give the strong labels "
            "of the clips that --data holds."
        )
    events = _merged(found)
    classes = np.unique(events[:, 1]).astype(np.int64)
    return StrongLabels(
        features=features.subset(np.array(known), features.name),
        classes=classes,
        clips=np.searchsorted(known, events[:, 0]),
        places=np.searchsorted(classes, events[:, 1]),
        times=events[:, 2:],
    )


def _rows(path: Path) -> list[tuple[str, str, float, float]]:
    """Clip, class, onset and offset of each row."""
    columns = next((each for each in LAYOUTS if _has(path, each)), LAYOUTS[0])
    return [
        (row[columns[0]], row[columns[1]], *_times(row, columns[2], columns[3]))
        for row in read_table(path, needed=columns)
    ]


def _has(path: Path, columns: tuple[str, ...]) -> bool:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return set(columns) <= set(file.readline().strip().lower().split("\t"))
    except (OSError, ValueError):
        return False  # `read_table` says why


def _times(row: Row, onset: str, offset: str) -> tuple[float, float]:
    try:
        times = float(row[onset]), float(row[offset])
    except ValueError:
        times = 0.0, float("nan")
    if not 0 <= times[0] <= times[1] < float("inf"):
        raise row.error(
            f"has the {onset} {row[onset]} and the {offset} {row[offset]}, and an event must run "
            "from one second of the clip to a later one. Correct it, or delete the row."
        )
    return times


def _clip(name: str, clip_of: dict[str, int]) -> int | None:
    return clip_of.get(name, clip_of.get(name.rpartition("_")[0]))


def _merged(events: list[tuple[int, int, float, float]]) -> np.ndarray:
    """Events (E, 4) sorted, those of one clip and class joined where they overlap."""
    joined: list[list[float]] = []
    for clip, index, onset, offset in sorted(events):
        if joined and joined[-1][:2] == [clip, index] and onset <= joined[-1][3]:
            joined[-1][3] = max(joined[-1][3], offset)
        else:
            joined.append([clip, index, onset, offset])
    return np.array(joined)
