"""Upload, record, or pick a sample."""

from __future__ import annotations

import streamlit as st

from audioset_demo.audio.samples import SAMPLES
from audioset_demo.views import clips, serving, uploads
from audioset_demo.views.names import escape


def show(place: str) -> None:
    """Three ways to choose a clip; `place` distinguishes several choosers."""
    # An uploader keeps its file until it gets a new key. A new one after each upload is empty: it
    # never contradicts the chosen clip, and the same file can be opened again.
    turn = st.session_state.setdefault("turn", 0)
    upload, record = f"{place} upload {turn}", f"{place} record {turn}"
    embeddings = "NPZ" if serving.is_public() else "NPZ, HDF5"
    st.file_uploader(
        f"Upload sounds (WAV, FLAC, OGG, MP3, AIFF, M4A, WebM) or embeddings ({embeddings})",
        type=serving.open_to_visitors(clips.UPLOAD_EXTENSIONS),
        accept_multiple_files=True,
        key=upload,
        on_change=_take_files,
        args=(upload,),
    )
    st.audio_input(
        "Or record one",
        sample_rate=16_000,
        key=record,
        on_change=_take_recording,
        args=(record,),
    )
    samples = f"{place} samples"
    st.session_state[samples] = clips.current().sample or None
    st.pills(
        "Or pick a synthesised sample",
        list(SAMPLES),
        key=samples,
        format_func=SAMPLES.__getitem__,
        on_change=_pick,
        args=(samples,),
        wrap=True,
    )
    show_errors()


def show_errors() -> None:
    """Why opened clips could not be read, and which clip stays chosen."""
    for message in clips.errors():
        st.error(escape(message), icon=":material/error:")
    if clips.errors():
        st.caption(f"Chosen now: {escape(clips.current().name)}")


def _take_files(key: str) -> None:
    files = uploads.waiting(st.session_state[key] or ())
    if files:
        taken, refused = uploads.take(files)
        clips.offer(*(clips.from_file(name, data) for name, data in taken), errors=refused)
        st.session_state.turn += 1


def _take_recording(key: str) -> None:
    recordings = uploads.waiting([st.session_state[key]])
    if recordings:
        number = st.session_state.recordings = st.session_state.get("recordings", 0) + 1
        taken, refused = uploads.take(recordings)
        recorded = (clips.from_file(f"recording {number}.wav", data) for _, data in taken)
        clips.offer(*recorded, errors=refused)
        st.session_state.turn += 1


def _pick(key: str) -> None:
    if st.session_state[key] is not None:
        clips.offer(clips.from_sample(st.session_state[key]))
