"""Which clips there are to learn from, and what is in each: from a table, or a folder per class.

The label `background`, or a folder of that name, marks clips in which none of the classes is heard.
It is no class itself.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from audioset_demo.errors import AudioError, DataError
from audioset_demo.folder.inputs import find_inputs
from audioset_demo.recordings.recording_names import recording_of
from train.data.excerpts import Excerpt
from train.data.tables import Row, read_table, tidy_name

BACKGROUND = "background"
YES, NO, SKIP = "yes", "no", "skip"


@dataclass(frozen=True)
class LabelledClip:
    """A file or a part of it, and the classes heard in it.

    Attributes
    ----------
    labels : none for background
    group : the recording that it is from; all of one are trained on or held out together
    fold : of cross-validation; empty where none is given
    """

    excerpt: Excerpt
    labels: tuple[str, ...]
    group: str
    fold: str = ""


def label_set(clips: Sequence[LabelledClip]) -> list[str]:
    """All labels of clips, sorted."""
    return sorted({label for clip in clips for label in clip.labels})


def clips_of_table(path: Path, group_by: str = "name") -> list[LabelledClip]:
    """The clips that a table names; those of one file stand together, files in order of mention.

    Rows with the same file, onset and offset are one clip. An answer `no` says that the label is
    not heard in it, and one of `skip` nothing.

    Parameters
    ----------
    path : a table with the columns `file` and `label`, and, where wanted, `onset` and `offset` in
        seconds, `group`, `fold`, and `answer` (yes, no, skip; empty: yes)
    group_by : how the recording of a file is found where no group is given, as in `recording_of`

    Raises
    ------
    DataError
        If it cannot be read, a row is malformed or contradicts another, or no class is named.
    """
    rows = read_table(path, needed=("file", "label"))
    has_folds = any(row["fold"] for row in rows)
    clips: dict[Excerpt, _Clip] = {}
    groups = _Agreement("the file {} into the group {}")
    folds = _Agreement("the recording {} into the fold {}")
    for row in rows:
        if (answer := _answer(row)) == SKIP:
            continue
        excerpt = _excerpt(row)
        group = row["group"] or groups.known(row["file"]) or recording_of(row["file"], group_by)
        groups.check(row, row["file"], group)
        if has_folds and not row["fold"]:
            raise row.error("has no fold, and others have. Fill it in, or delete the column.")
        folds.check(row, group, row["fold"])
        clip = clips.setdefault(excerpt, _Clip(group, row["fold"]))
        clip.add(row, tidy_name(row["label"]), answer)
    by_file: dict[str, list[LabelledClip]] = {}
    for excerpt, clip in clips.items():
        labelled = LabelledClip(excerpt, clip.labels, clip.group, clip.fold)
        by_file.setdefault(excerpt.file, []).append(labelled)
    return _named([clip for of_file in by_file.values() for clip in of_file], path)


def clips_of_folders(folder: Path, group_by: str = "name") -> list[LabelledClip]:
    """The sounds in the folders of a folder, each of which is named after its class.

    Raises
    ------
    DataError
        If there are none, one is in no folder, or a folder cannot be listed.
    """
    try:
        inputs = find_inputs([str(folder)], recursive=True)
    except AudioError as error:
        raise DataError(str(error)) from None
    for place, reason in inputs.failed:
        raise DataError(f"{place} cannot be taken. {reason}")
    clips = []
    for file in (os.path.relpath(found.path, folder) for found in inputs.found):
        if len(PurePath(file).parts) < 2:
            raise DataError(
                f"{folder / file} is in no folder of a class. Move it into one, such as "
                f"{BACKGROUND}, or give a table with --labels."
            )
        label = tidy_name(PurePath(file).parts[0])
        labels = () if _is_background(label) else (label,)
        clips.append(LabelledClip(Excerpt(file), labels, recording_of(file, group_by)))
    return _named(clips, folder)


@dataclass
class _Clip:
    """What the rows of a clip say, with the line of each."""

    group: str
    fold: str
    present: dict[str, int] = field(default_factory=dict)
    absent: dict[str, int] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(label for label in self.present if not _is_background(label))

    def add(self, row: Row, label: str, answer: str) -> None:
        said, contrary = (self.present, self.absent)[:: 1 if answer == YES else -1]
        if label in contrary:
            raise row.error(
                f"says {answer} to '{label}', and line {contrary[label]} the contrary of the same "
                "clip. Delete one of them."
            )
        said.setdefault(label, row.line)
        self._check_background(row)

    def _check_background(self, row: Row) -> None:
        background = next(filter(_is_background, self.present), None)
        if background and self.labels:
            label = self.labels[0]
            lines = sorted([self.present[background], self.present[label]])
            raise row.error(
                f"and line {lines[0]} call the same clip both {background} and '{label}'. "
                "Background holds none of the classes: delete one of them."
            )


class _Agreement:
    """Each key has one value in all rows; `what` tells which, in words."""

    def __init__(self, what: str):
        self._what = what
        self._found: dict[str, tuple[str, int]] = {}

    def known(self, key: str) -> str:
        return self._found[key][0] if key in self._found else ""

    def check(self, row: Row, key: str, value: str) -> None:
        former, line = self._found.setdefault(key, (value, row.line))
        if former != value:
            raise row.error(
                f"puts {self._what.format(key, value)}, and line {line} into {former}. Clips of "
                "one recording are trained on or held out together: give all of them one."
            )


def _answer(row: Row) -> str:
    answer = row["answer"].lower() or YES
    if answer not in (YES, NO, SKIP):
        raise row.error(f"has the answer '{answer}'. Write {YES}, {NO} or {SKIP}.")
    return answer


def _excerpt(row: Row) -> Excerpt:
    if not Excerpt.named(row["file"]).is_whole:
        raise row.error(
            f"names {row['file']}, which ends as the name of a part does. Write its times into the "
            "columns onset and offset, or rename the file."
        )
    onset_s = _seconds(row, "onset") if row["onset"] else 0.0
    offset_s = _seconds(row, "offset") if row["offset"] else None
    if offset_s is not None and offset_s <= onset_s:
        raise row.error(
            f"has the onset {row['onset'] or 0} and the offset {row['offset']}. The offset must "
            "come after the onset; both are seconds from the start of the file."
        )
    return Excerpt(row["file"], onset_s, offset_s)


def _seconds(row: Row, column: str) -> float:
    try:
        seconds = round(float(row[column]), 6)
        if not 0 <= seconds < math.inf:
            raise ValueError
    except ValueError:
        raise row.error(
            f"has the {column} '{row[column]}'. Write seconds from the start of the file, such as "
            "12.5, or leave it empty."
        ) from None
    return seconds


def _is_background(label: str) -> bool:
    return label.casefold() == BACKGROUND


def _named(clips: list[LabelledClip], source: Path) -> list[LabelledClip]:
    """The clips, if they are of any class."""
    if not any(clip.labels for clip in clips):
        raise DataError(
            f"{source} names no class: its {len(clips)} clips are all without a label. Give clips "
            "of at least one class."
        )
    return clips
