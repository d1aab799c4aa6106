"""Labelled recordings: reading their lists, and holding sources out.

The audio folder holds one folder of sound files for each collection and, beside it, a list of the
same name: `birds/` and `birds.csv`. A list has the column `file` and, where known, `category`,
`licence`, `attribution` (or `source`), `source_key` (the same for files cut from one recording or
pack) and `certain` (0 where the category is a guess).
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audioset_demo.audio.waveform import read_waveform, resample
from audioset_demo.encoders.logmel import EXAMPLE_SAMPLES, SAMPLE_RATE
from audioset_demo.errors import DataError
from train.compact_encoder.sounds.categories import Category, CategoryTable
from train.data.tables import Row, read_table, tidy_name

# A category with fewer sources keeps all of them for training; speech and music, which must be
# scored, need fewer.
MIN_SOURCES_TO_HOLD_OUT, MIN_SOURCES_OF_EXCERPTS = 3, 2
# A class of a single source is held out once in so many, whole: a sound of no class trained on.
UNKNOWN_CLASSES = 8
GUESSED = 0.5  # how far a category is believed that is a guess
# Sources that generators play too: held out, they would still be trained on.
GENERATED_SOURCES = ("fluidr3", "generated")
_FREESOUND = re.compile(r"(?:sounds/|freesound |^fs:)(\d+)")
_ESC50_NAME = re.compile(r"^\d-(\d+)-[A-Z]\b")


@dataclass(frozen=True)
class Recording:
    """One sound file. Files cut from the same original share `source`.

    `certainty` in [0, 1] says how far its category is believed.
    """

    path: Path
    collection: str
    category: Category | None
    source: str
    licence: str
    attribution: str
    listed: bool  # the list itself names the category
    certainty: float = 1.0
    held_out: bool = False

    @property
    def may_be_scored(self) -> bool:
        """Held out, its tags would show how good an encoder is: its category is certain."""
        certain = self.category is not None and self.listed and self.certainty == 1
        return certain and not self.source.startswith(GENERATED_SOURCES)

    @property
    def scored(self) -> bool:
        """Its tags show how good an encoder is."""
        return self.held_out and self.may_be_scored

    def samples(self) -> np.ndarray:
        """(n,) float32 at 16 kHz."""
        return resample(read_waveform(self.path), SAMPLE_RATE).samples


def source_of(file: str, attribution: str, key: str = "") -> str:
    """What a file was cut from: the Freesound id of its key, name or attribution; else the key, or
    the file.
    """
    found = _FREESOUND.search(key) if key else _ESC50_NAME.match(file)
    found = found or (None if key else _FREESOUND.search(attribution))
    return f"freesound {found.group(1)}" if found else key or Path(file).stem


def read_recordings(
    folder: Path, table: CategoryTable, hold_out: float, guessed: Sequence[str] = ()
) -> list[Recording]:
    """All recordings under `folder`; about `hold_out` of each listed category's sources held out.

    `guessed` names the collections whose categories are all guesses.

    Raises
    ------
    DataError : if there is no list, a list has no column `file`, or a listed file is missing.
    """
    lists = sorted(folder.glob("*.csv"))
    _check_names(folder, guessed, [path.stem for path in lists])
    recordings = [
        _recording(list_path, row, table, list_path.stem in guessed)
        for list_path in lists
        for row in read_table(list_path, needed=("file",))
    ]
    if not recordings:
        raise DataError(
            f"{folder} holds no lists of recordings. Put sounds into a folder, e.g. birds/, and "
            "beside it birds.csv with the columns file and category."
        )
    return hold_out_sources(recordings, hold_out)


def _check_names(folder: Path, guessed: Sequence[str], names: list[str]) -> None:
    for name in guessed:
        if name not in names:
            raise DataError(
                f"--guessed names '{name}', and {folder} has no list {name}.csv. Give names of "
                f"its lists: {', '.join(names)}."
            )


def _recording(list_path: Path, row: Row, table: CategoryTable, guessed: bool) -> Recording:
    path = list_path.with_suffix("") / row["file"]
    if not path.is_file():
        raise row.error(f"lists {row['file']}, but there is no file {path}. Correct the path.")
    name = tidy_name(row["category"])
    return Recording(
        path=path,
        collection=list_path.stem,
        category=table.find(name, row["file"]),
        source=source_of(row["file"], row["attribution"], row["source_key"]),
        licence=row["licence"],
        attribution=row["attribution"] or row["source"],
        listed=bool(name),
        certainty=GUESSED if guessed or row["certain"] == "0" else 1.0,
    )


def hold_out_sources(recordings: list[Recording], share: float) -> list[Recording]:
    """Mark recordings as held out, whole sources at a time.

    In each category of each collection whose lists name it for certain, or that speech or music is
    scored by, the sources are put in the order of a hash of their names and the first ones are
    held out, at least one where there are enough. Of the categories with a single source, some are
    held out whole. A source held out in one category is held out everywhere.
    """
    if not share:
        return recordings
    sources = _sources_of_categories(recordings)
    held_out: set[str] = set()
    for (_, category), names in sources.items():
        least = MIN_SOURCES_OF_EXCERPTS if category.excerpts else MIN_SOURCES_TO_HOLD_OUT
        if len(names) >= least:
            held_out.update(sorted(names, key=_order)[: max(1, round(share * len(names)))])
    alone = _single_sources(recordings)
    held_out.update(alone[name] for name in sorted(alone, key=_order)[::UNKNOWN_CLASSES])
    return [replace(item, held_out=item.source in held_out) for item in recordings]


def _sources_of_categories(
    recordings: list[Recording],
) -> dict[tuple[str, Category], set[str]]:
    """The sources of each category of each collection, where they may be held out."""
    sources: dict[tuple[str, Category], set[str]] = defaultdict(set)
    for item in recordings:
        category = item.category
        if category and (category.excerpts or item.may_be_scored):
            sources[item.collection, category].add(item.source)
    return sources


def _single_sources(recordings: list[Recording]) -> dict[str, str]:
    """The source of each listed category that has only one, by the category's name."""
    sources: dict[str, set[str]] = defaultdict(set)
    for item in recordings:
        if item.category:
            sources[item.category.name].add(item.source)
    scored = {item.category.name for item in recordings
              if item.category and item.may_be_scored}  # fmt: skip
    return {name: next(iter(of)) for name, of in sources.items() if len(of) == 1 and name in scored}


def in_order(recordings: list[Recording]) -> list[Recording]:
    """In an order that tells nothing of what they are: by a hash of their sources and names."""
    return sorted(recordings, key=lambda item: _order(f"{item.source}/{item.path.name}"))


def _order(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def at_least_one_window(samples: np.ndarray) -> np.ndarray:
    """Samples padded with silence to one window of an encoder (15,600 samples), if shorter."""
    return np.pad(samples, (0, max(0, EXAMPLE_SAMPLES - len(samples))))
