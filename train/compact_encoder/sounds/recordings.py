"""Labelled recordings: reading their lists, and holding sources out.

The audio folder holds one folder of sound files for each collection and, beside it, a list of the
same name: `birds/` and `birds.csv`. A list has the column `file` and, where known, `category`,
`licence` and `attribution` (or `source`).
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
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
_FREESOUND = re.compile(r"(?:sounds/|freesound )(\d+)")
_ESC50_NAME = re.compile(r"^\d-(\d+)-[A-Z]\b")


@dataclass(frozen=True)
class Recording:
    """One sound file. Files cut from the same original share `source`."""

    path: Path
    collection: str
    category: Category | None
    source: str
    licence: str
    attribution: str
    listed: bool  # the list itself names the category
    held_out: bool = False

    def samples(self) -> np.ndarray:
        """(n,) float32 at 16 kHz."""
        return resample(read_waveform(self.path), SAMPLE_RATE).samples


def source_of(file: str, attribution: str) -> str:
    """What a file was cut from: the Freesound id of its name or attribution, else the file."""
    found = _ESC50_NAME.match(file) or _FREESOUND.search(attribution)
    return f"freesound {found.group(1)}" if found else Path(file).stem


def read_recordings(folder: Path, table: CategoryTable, hold_out: float) -> list[Recording]:
    """All recordings under `folder`; about `hold_out` of each listed category's sources held out.

    Raises
    ------
    DataError : if there is no list, a list has no column `file`, or a listed file is missing.
    """
    recordings = [
        _recording(list_path, row, table)
        for list_path in sorted(folder.glob("*.csv"))
        for row in read_table(list_path, needed=("file",))
    ]
    if not recordings:
        raise DataError(
            f"{folder} holds no lists of recordings. Put sounds into a folder, e.g. birds/, and "
            "beside it birds.csv with the columns file and category."
        )
    return hold_out_sources(recordings, hold_out)


def _recording(list_path: Path, row: Row, table: CategoryTable) -> Recording:
    path = list_path.with_suffix("") / row["file"]
    if not path.is_file():
        raise row.error(f"lists {row['file']}, but there is no file {path}. Correct the path.")
    name = tidy_name(row["category"])
    return Recording(
        path=path,
        collection=list_path.stem,
        category=table.find(name, row["file"]),
        source=source_of(row["file"], row["attribution"]),
        licence=row["licence"],
        attribution=row["attribution"] or row["source"],
        listed=bool(name),
    )


def hold_out_sources(recordings: list[Recording], share: float) -> list[Recording]:
    """Mark recordings as held out, whole sources at a time.

    In each category that a list names, or that speech or music is scored by, the sources are put
    in the order of a hash of their names and the first ones are held out, at least one where there
    are enough. A source held out in one category is held out everywhere.
    """
    sources: dict[str, set[str]] = defaultdict(set)
    least = {}
    for recording in recordings:
        category = recording.category
        if category and (recording.listed or category.excerpts):
            sources[category.name].add(recording.source)
            least[category.name] = (
                MIN_SOURCES_OF_EXCERPTS if category.excerpts else MIN_SOURCES_TO_HOLD_OUT
            )
    held_out: set[str] = set()
    for name, names in sources.items():
        if share > 0 and len(names) >= least[name]:
            held_out.update(sorted(names, key=_order)[: max(1, round(share * len(names)))])
    return [replace(item, held_out=item.source in held_out) for item in recordings]


def _order(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def at_least_one_window(samples: np.ndarray) -> np.ndarray:
    """Samples padded with silence to one window of an encoder (15,600 samples), if shorter."""
    return np.pad(samples, (0, max(0, EXAMPLE_SAMPLES - len(samples))))
