"""Upload, record, or pick a sample."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from audioset_demo.audio.samples import SAMPLES
from audioset_demo.views import clips, serving, uploads
from audioset_demo.views.clips import Clip
from audioset_demo.views.names import escape
from audioset_demo.views.widgets import title

CHANGE = "change"  # the key of the popover that holds a chooser; True while it is open


def show_below_title(words: str, clip: Clip, folded: bool) -> None:
    """The title of a page of `clip`, and below it the chooser in one row.

    `folded`: the chooser is folded away beside the title.
    """
    if folded:
        for_title, for_chooser = st.columns([6, 4], vertical_alignment="center")
        with for_title:
            title(words)
        with for_chooser.expander("Open another sound", icon=":material/add:"):
            show("page", clip)
    else:
        title(words)
        show("page", clip, st.columns([4, 3, 3], gap="medium"))
    show_messages()


def show(place: str, clip: Clip, columns: Sequence[DeltaGenerator] = ()) -> None:
    """Three ways to choose another clip, below one another or in three columns.

    `place` distinguishes several choosers.
    """
    for_upload, for_recording, for_samples = columns or [st.container() for _ in range(3)]
    # An uploader keeps its file until it gets a new key. A new one after each upload is empty: it
    # never contradicts the chosen clip, and the same file can be opened again.
    turn = st.session_state.setdefault("turn", 0)
    upload, record = f"{place} upload {turn}", f"{place} record {turn}"
    embeddings = "NPZ" if serving.is_public() else "NPZ, HDF5"
    for_upload.file_uploader(
        f"Upload sounds, or embeddings ({embeddings})",
        type=serving.open_to_visitors(clips.UPLOAD_EXTENSIONS),
        accept_multiple_files=True,
        key=upload,
        on_change=_take_files,
        args=(upload,),
    )
    for_recording.audio_input(
        "Or record one",
        sample_rate=16_000,
        key=record,
        on_change=_take_recording,
        args=(record,),
    )
    samples = f"{place} samples"
    st.session_state[samples] = clip.sample or None
    for_samples.selectbox(
        "Or pick a sample made by programs",
        list(SAMPLES),
        index=None,
        key=samples,
        format_func=SAMPLES.__getitem__,
        on_change=_pick,
        args=(samples,),
        filter_mode="contains",
        placeholder="Samples",
    )


def show_messages() -> None:
    """What became of the clips opened last: errors, and which clip stays chosen; notes."""
    errors, notes = clips.errors(), clips.notes()
    if not errors and not notes:
        return
    with st.container(horizontal=True, wrap=False, vertical_alignment="top"):
        with st.container():
            for message in errors:
                st.error(escape(message), icon=":material/error:")
            for message in notes:
                st.info(escape(message), icon=":material/info:")
            if errors:
                st.caption(f"Chosen now: {escape(clips.current().name)}")
        st.button("Dismiss", type="tertiary", icon=":material/close:", on_click=clips.dismiss)


def _take_files(key: str) -> None:
    files = uploads.waiting(st.session_state[key] or ())
    if files:
        taken, refused = uploads.take(files)
        _offer(*(clips.from_file(name, data) for name, data in taken), errors=refused)


def _take_recording(key: str) -> None:
    recordings = uploads.waiting([st.session_state[key]])
    if recordings:
        number = st.session_state.recordings = st.session_state.get("recordings", 0) + 1
        taken, refused = uploads.take(recordings)
        recorded = (clips.from_file(f"recording {number}.wav", data) for _, data in taken)
        _offer(*recorded, errors=refused)


def _pick(key: str) -> None:
    if st.session_state[key] is not None:
        _offer(clips.from_sample(st.session_state[key]))


def _offer(*opened: Clip, errors: Iterable[str] = ()) -> None:
    clips.offer(*opened, errors=errors)
    st.session_state.turn += 1
    st.session_state[CHANGE] = False
