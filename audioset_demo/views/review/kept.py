"""The recordings that the app was opened with, and what was found in them: read once, and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from audioset_demo.audio.playback import Played, playback
from audioset_demo.charts.overview import DrawnSound, draw
from audioset_demo.folder.table import FILES_FILE
from audioset_demo.recordings import cuts, similar
from audioset_demo.recordings.cuts import Cut
from audioset_demo.recordings.finds import Find, Finds, read_finds
from audioset_demo.recordings.similar import Frames

MAX_CUTS = 32
_BY_KEY: dict[str | type[Any], Callable[[Any], Any]] = {
    Find: lambda find: (find.key, find.recording.mtime_ns)
}


def finds(out: Path) -> Finds:
    """All finds, read again after `tag` has ended anew.

    Raises
    ------
    AudioSetDemoError
        As of `read_finds`.
    """
    return _finds(out, _version(out))


def plane(out: Path) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) of all finds in the plane in which they differ most, and its two shares."""
    return _plane(out, _version(out))


def frames(out: Path) -> Frames:
    """The frames of all recordings."""
    return _frames(out, _version(out))


def heard(find: Find) -> tuple[Cut, DrawnSound]:
    """The sound of a find, and what its picture needs.

    Raises
    ------
    AudioError
        As of `cuts.cut`.
    """
    cuts.require_unchanged(find.recording)
    return _heard(find)


def played(find: Find, turn: int) -> Played:
    """The sound of a find for the browser: in each turn another file, or it would not begin again.

    Raises
    ------
    AudioError
        As of `cuts.cut`.
    """
    cut, _ = heard(find)
    return playback(cut.sound, hashlib.sha256(repr((find.key, turn)).encode()).hexdigest())


def _version(out: Path) -> int:
    """Changes when `tag` has written its lists again."""
    path = out / FILES_FILE
    return path.stat().st_mtime_ns if path.exists() else 0


@st.cache_resource(max_entries=1, show_spinner="Reading what was found")
def _finds(out: Path, version: int) -> Finds:
    return read_finds(out)


@st.cache_resource(max_entries=1, show_spinner="Reading the frames of all recordings")
def _frames(out: Path, version: int) -> Frames:
    return Frames.of_recordings(_finds(out, version).recordings)


@st.cache_resource(max_entries=1, show_spinner="Laying out the plane")
def _plane(out: Path, version: int) -> tuple[np.ndarray, np.ndarray]:
    return similar.plane_of(_frames(out, version).means_of(_finds(out, version)))


@st.cache_resource(max_entries=MAX_CUTS, show_spinner=False, hash_funcs=_BY_KEY)
def _heard(find: Find) -> tuple[Cut, DrawnSound]:
    cut = cuts.cut(find)
    return cut, draw(cut.sound)
