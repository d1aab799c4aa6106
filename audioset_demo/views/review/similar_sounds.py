"""Sounds that are like a find, whether or not anything was found there."""

from __future__ import annotations

import os

import numpy as np
import streamlit as st

from audioset_demo.clock import stamp, stamp_range
from audioset_demo.recordings.finds import Find, Finds
from audioset_demo.recordings.similar import Similar
from audioset_demo.views.names import escape
from audioset_demo.views.review import choice, kept
from audioset_demo.views.review.subject import Subject

N_SIMILAR = 20


def show(subject: Subject) -> None:
    """Similar sounds as a table, of which each can be heard."""
    if subject.find is not None:
        st.button(
            "Search for sounds like the one heard",
            icon=":material/search:",
            on_click=choice.seek_like,
            args=(subject.find,),
        )
    sought = subject.sought
    if sought is None:
        st.caption(
            "Finds the parts of all recordings whose embeddings are most like this find's, whether "
            "or not something was found there."
        )
        return
    found = kept.frames(subject.out).nearest(sought, N_SIMILAR)
    if not found:
        st.info(
            "These recordings were tagged before embeddings were kept. Tag them into another "
            "folder.",
            icon=":material/info:",
        )
        return
    key = f"similar {hash(sought.key)}"

    def choose() -> None:
        ticked = st.session_state[key].selection.rows
        if ticked:
            choice.hear(_as_find(found[ticked[0]], subject.finds, sought))

    st.dataframe(
        {
            "Cosine": [one.cosine for one in found],
            "Recording": [os.path.basename(one.recording.path) for one in found],
            "At": [stamp(one.start_s) for one in found],
            "Found there": [_found_at(one, subject.finds) for one in found],
        },
        hide_index=True,
        key=key,
        selection_mode="single-row",
        on_select=choose,
        column_config={"Cosine": st.column_config.NumberColumn(format="%.3f", width="small")},
        alt="The most similar sounds",
    )
    where = (
        f"{os.path.basename(sought.recording.path)}, {stamp_range(sought.start_s, sought.end_s)}"
    )
    st.caption(
        f"Like {escape(sought.label.name)} in {escape(where)}. Tick a row to hear it; yes and no "
        "then say whether it is this class."
    )


def _beside(one: Similar, finds: Finds) -> np.ndarray:
    """The finds that a similar sound overlaps, the highest-scored first."""
    r = finds.recordings.index(one.recording)
    overlap = (finds.of_recording == r) & (finds.start_s < one.end_s) & (finds.end_s > one.start_s)
    places = np.flatnonzero(overlap)
    return places[np.argsort(-finds.score[places], kind="stable")]


def _found_at(one: Similar, finds: Finds) -> str:
    names = dict.fromkeys(finds.labels[finds.of_label[n]].name for n in _beside(one, finds))
    return ", ".join(names)


def _as_find(one: Similar, finds: Finds, sought: Find) -> Find:
    """The find of the same class there; where there is none, the similar sound itself."""
    own = [n for n in _beside(one, finds) if finds[n].label == sought.label]
    if own:
        return finds[own[0]]
    return Find(one.recording, sought.label, one.start_s, one.end_s, None)
