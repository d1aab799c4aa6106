"""Upload, record, or pick a sample."""

from __future__ import annotations

import streamlit as st

from audioset_demo.samples import SAMPLES
from audioset_demo.views import clips
from audioset_demo.views.parts import escape


def show(place: str) -> None:
    """The three ways to choose a clip; `place` tells several choosers apart."""
    # An uploader keeps its file until it gets a new key; emptied, it never contradicts the clip
    # that is chosen, and the same file can be given again.
    turn = st.session_state.setdefault("turn", 0)
    upload, record = f"{place} upload {turn}", f"{place} record {turn}"
    st.file_uploader(
        "A sound (WAV, FLAC, OGG, MP3, AIFF), or its embeddings (NPZ, HDF5)",
        type=list(clips.UPLOAD_EXTENSIONS),
        key=upload,
        on_change=_take,
        args=(upload,),
    )
    st.audio_input(
        "Or record one",
        sample_rate=16_000,
        key=record,
        on_change=_take,
        args=(record, "recording.wav"),
    )
    samples = f"{place} samples"
    st.session_state[samples] = clips.current().sample or None
    st.pills(
        "Or pick a sample, made by this program",
        list(SAMPLES),
        key=samples,
        format_func=SAMPLES.__getitem__,
        on_change=_pick,
        args=(samples,),
        wrap=True,
    )
    if message := clips.error():
        st.error(escape(message), icon=":material/error:")
        st.caption(f"Still chosen: {escape(clips.current().name)}")


def _take(key: str, name: str | None = None) -> None:
    file = st.session_state[key]
    if file is not None:
        clips.offer(clips.from_file(name or file.name, file.getvalue()))
        st.session_state.turn += 1


def _pick(key: str) -> None:
    if st.session_state[key] is not None:
        clips.offer(clips.from_sample(st.session_state[key]))
