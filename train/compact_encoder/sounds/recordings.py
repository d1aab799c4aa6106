"""Folders of labelled recordings: reading their lists, and holding sources out.

The audio folder holds one folder of sound files for each collection and, beside it, a list of the
same name: `birds/` and `birds.csv`. A list has the column `file` and, where known, `category`,
`licence` and `attribution` (or `source`).
"""

from __future__ import annotations

import csv
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

# A category with fewer sources has none to spare for the held-out part; speech and music, which
# must be judged, are content with fewer.
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


def source_of(row: dict) -> str:
    """What a file was cut from: the Freesound id of its name or attribution, else the file."""
    name = _ESC50_NAME.match(row["file"])
    attribution = _FREESOUND.search(row.get("attribution") or "")
    if name or attribution:
        return f"freesound {(name or attribution).group(1)}"
    return Path(row["file"]).stem


def read_recordings(folder: Path, table: CategoryTable, hold_out: float) -> list[Recording]:
    """All recordings under `folder`; about `hold_out` of each listed category's sources held out.

    Raises
    ------
    DataError : if there is no list, a list has no column `file`, or a listed file is missing.
    """
    recordings = []
    for list_path in sorted(folder.glob("*.csv")):
        with open(list_path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                recordings.append(_recording(list_path, row, table))
    if not recordings:
        raise DataError(
            f"{folder} holds no lists of recordings. Put sounds into a folder, e.g. birds/, and "
            "beside it birds.csv with the columns file and category."
        )
    return hold_out_sources(recordings, hold_out)


def _recording(list_path: Path, row: dict, table: CategoryTable) -> Recording:
    if not row.get("file"):
        raise DataError(f"{list_path} has no column 'file', or a row without one. Add it.")
    path = list_path.with_suffix("") / row["file"]
    if not path.is_file():
        raise DataError(f"{list_path} lists {row['file']}, but there is no {path}.")
    name = row.get("category") or ""
    return Recording(
        path=path,
        collection=list_path.stem,
        category=table.find(name, row["file"]),
        source=source_of(row),
        licence=row.get("licence") or "",
        attribution=row.get("attribution") or row.get("source") or "",
        listed=bool(name),
    )


def hold_out_sources(recordings: list[Recording], share: float) -> list[Recording]:
    """Mark recordings as held out, whole sources at a time.

    In each category that a list names, or that speech or music is judged by, the sources are put
    in the order of a hash of their names and the first ones are held out, at least one where there
    are enough. A source held out in one category is held out everywhere.
    """
    sources, least = defaultdict(set), {}
    for recording in recordings:
        category = recording.category
        if recording.listed or (category and category.excerpts):
            sources[category.name].add(recording.source)
            least[category.name] = (
                MIN_SOURCES_OF_EXCERPTS if category.excerpts else MIN_SOURCES_TO_HOLD_OUT
            )
    held_out = set()
    for name, names in sources.items():
        if share > 0 and len(names) >= least[name]:
            held_out.update(sorted(names, key=_order)[: max(1, round(share * len(names)))])
    return [replace(item, held_out=item.source in held_out) for item in recordings]


def _order(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def at_least_one_window(samples: np.ndarray) -> np.ndarray:
    """Samples padded with silence to one window of an encoder (15,600 samples), if shorter."""
    return np.pad(samples, (0, max(0, EXAMPLE_SAMPLES - len(samples))))
