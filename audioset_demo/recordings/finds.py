"""What `tag FOLDER --output OUT` found: the rows of all recordings, to be looked through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from audioset_demo.errors import AudioSetDemoError
from audioset_demo.folder.store import (
    SETTINGS_FILE,
    head_of,
    read_settings,
    results_in,
    rows_of,
)
from audioset_demo.labels import Label
from audioset_demo.storage import utf_8

# What tells a find from all others: file, class, onset and offset in seconds.
Key = tuple[str, str, float, float]


@dataclass(frozen=True)
class Recording:
    """A recording as it was when it was tagged.

    Attributes
    ----------
    path : absolute.
    size, mtime_ns : bytes, and nanoseconds since 1970 of its last change.
    start : when it began, by its recorder's clock; None where nothing says so.
    embeddings : the file of its frames; None where none was kept.
    """

    path: str
    size: int
    mtime_ns: int
    duration_s: float
    start: datetime | None
    embeddings: Path | None

    @property
    def file(self) -> str:
        """Its path as tables hold it."""
        return utf_8(self.path)


@dataclass(frozen=True)
class Find:
    """A part of a recording in which a class was found.

    Attributes
    ----------
    score : None of a part that a person chose, such as a similar sound.
    """

    recording: Recording
    label: Label
    start_s: float
    end_s: float
    score: float | None

    @property
    def key(self) -> Key:
        return self.recording.file, self.label.name, self.start_s, self.end_s


@dataclass(frozen=True)
class Finds:
    """All N finds in R recordings, of K classes.

    Attributes
    ----------
    recordings : R, in the order of their paths.
    labels : K, the class with most finds first; their indices are places here.
    of_recording, of_label : (N,) int64.
    start_s, end_s, score : (N,) float64.
    rows : what a find is: "event", "frame" or "clip".
    model, encoder : what made them; empty where no recording was read.
    n_failed : recordings that could not be read.
    """

    recordings: tuple[Recording, ...]
    labels: tuple[Label, ...]
    of_recording: np.ndarray
    of_label: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    score: np.ndarray
    rows: str
    model: str
    encoder: str
    n_failed: int

    def __len__(self) -> int:
        return len(self.score)

    def __getitem__(self, n: int) -> Find:
        return Find(
            self.recordings[self.of_recording[n]],
            self.labels[self.of_label[n]],
            float(self.start_s[n]),
            float(self.end_s[n]),
            float(self.score[n]),
        )

    def __iter__(self) -> Iterator[Find]:
        return (self[n] for n in range(len(self)))

    def of_class(self, k: int) -> np.ndarray:
        """The finds of class `k`."""
        return np.flatnonzero(self.of_label == k)


def check_tagged(out: Path) -> dict:
    """The settings of a folder that `tag` made.

    Raises
    ------
    AudioSetDemoError
        If it is another one.
    """
    make = f"Make it with `audioset-demo tag FOLDER --output {out}`."
    if not out.is_dir():
        raise AudioSetDemoError(f"There is no folder {out}. {make}")
    if not (out / SETTINGS_FILE).exists():
        raise AudioSetDemoError(f"{out} does not hold what `tag` found in recordings. {make}")
    settings = read_settings(out)
    if settings.get("the command") != "tag":
        raise AudioSetDemoError(
            f"{out} was made by `{settings.get('the command')}`, and holds no finds. Give a folder "
            "that `audioset-demo tag FOLDER --output OUT` made."
        )
    return settings


def read_finds(out: Path) -> Finds:
    """All that was found so far; while `tag` is still at work, in the recordings that are done.

    Raises
    ------
    AudioSetDemoError
        If `tag` did not make the folder, or a result is damaged.
    """
    settings = check_tagged(out)
    recordings, rows, counts, n_failed = [], [], [], 0
    made_by = ("", "")
    for result in results_in(out):
        head = head_of(result)
        if "error" in head:
            n_failed += 1
            continue
        try:
            found = list(rows_of(result))
            recordings.append(_recording(out, head))
        except (ValueError, KeyError, TypeError):
            raise AudioSetDemoError(
                f"{result} is damaged. Delete it, and give the command again that made {out}."
            ) from None
        rows += found
        counts.append(len(found))
        made_by = (head["model"], head["encoder"])
    starts, ends, names, mids, scores = zip(*(row[:5] for row in rows), strict=True) if rows else (
        [], [], [], [], [],
    )  # fmt: skip
    labels, of_label = _by_count(list(zip(names, mids, strict=True)))
    return Finds(
        tuple(recordings),
        labels,
        np.repeat(np.arange(len(recordings)), np.array(counts, np.int64)),
        of_label,
        np.array(starts, np.float64),
        np.array(ends, np.float64),
        np.array(scores, np.float64),
        settings["--rows"],
        made_by[0],
        made_by[1],
        n_failed,
    )


def _recording(out: Path, head: dict) -> Recording:
    start, embeddings = head.get("start_time"), head.get("embeddings")
    return Recording(
        path=head["file"],
        size=head["size"],
        mtime_ns=head["mtime_ns"],
        duration_s=head["duration_s"],
        start=datetime.fromisoformat(start) if start else None,
        embeddings=out / embeddings if embeddings else None,
    )


def _by_count(named: list[tuple[str, str]]) -> tuple[tuple[Label, ...], np.ndarray]:
    """Labels of (name, mid) of each find, the most frequent first, and their places (N,)."""
    found = list(dict.fromkeys(named))
    places = {each: k for k, each in enumerate(found)}
    of = np.array([places[each] for each in named], np.int64)
    order = np.argsort(-np.bincount(of, minlength=len(found)), kind="stable")
    labels = tuple(Label(place, *found[k]) for place, k in enumerate(order))
    return labels, np.argsort(order)[of] if len(of) else of
