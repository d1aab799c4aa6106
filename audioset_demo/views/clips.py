"""The clip that a visitor has chosen. It lives in the session and stays chosen across pages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import PurePath

import streamlit as st

from audioset_demo.audio import AUDIO_EXTENSIONS
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.samples import SAMPLES

FEATURES_EXTENSIONS = ("npz", "h5", "hdf5")
UPLOAD_EXTENSIONS = (*AUDIO_EXTENSIONS, *FEATURES_EXTENSIONS)
FIRST_SAMPLE = "sequence"  # three sounds one after another: there is something to see at once


@dataclass(frozen=True)
class Clip:
    """A sound or one clip of an embeddings file.

    Attributes
    ----------
    name : shown to the user
    data : the file's bytes; empty for a sample
    sha256 : of `data`
    sample : key of `SAMPLES`, or empty
    index : which clip of an embeddings file
    """

    name: str
    data: bytes
    sha256: str
    sample: str = ""
    index: int = 0

    @property
    def is_features(self) -> bool:
        """Whether this is an embeddings file, which holds no sound."""
        return PurePath(self.name).suffix[1:].lower() in FEATURES_EXTENSIONS and not self.sample

    def identity(self) -> tuple:
        """What tells this clip from any other. The name is part of results, so it belongs here."""
        return self.name, self.sha256, self.sample, self.index


def from_file(name: str, data: bytes) -> Clip:
    return Clip(name, data, hashlib.sha256(data).hexdigest())


def from_sample(key: str) -> Clip:
    return Clip(SAMPLES[key], b"", "", sample=key)


def current() -> Clip:
    """The chosen clip; on a first visit, the sample that the address names, or the first one."""
    if "clip" not in st.session_state:
        named = st.query_params.get("sample")
        st.session_state.clip = from_sample(named if named in SAMPLES else FIRST_SAMPLE)
    return st.session_state.clip


def put_into_address() -> None:
    """Let the address name the chosen sample, so that a link leads to it; a file has no address."""
    sample = current().sample
    if sample and sample != FIRST_SAMPLE:
        st.query_params["sample"] = sample
    else:
        st.query_params.pop("sample", None)


def choose_index(index: int) -> None:
    """Choose another clip of the embeddings file."""
    st.session_state.clip = replace(current(), index=index)


def offer(clip: Clip) -> None:
    """Put a clip forward; it is chosen on the next run if it can be read (`take_offer`)."""
    st.session_state.offered = clip


def take_offer(read) -> None:
    """Choose the clip put forward, if any and if `read(clip)` raises no error of ours.

    The former clip stays chosen otherwise, and the error is kept to be shown.
    """
    clip = st.session_state.pop("offered", None)
    if clip is None:
        return
    try:
        read(clip)
    except AudioSetDemoError as error:
        st.session_state.clip_error = str(error)
    else:
        st.session_state.clip = clip
        st.session_state.pop("clip_error", None)


def error() -> str | None:
    """Why the last clip put forward could not be read, until another one could."""
    return st.session_state.get("clip_error")
