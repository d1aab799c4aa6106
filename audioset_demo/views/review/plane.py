"""The plane of all finds, near one another where they sound alike."""

from __future__ import annotations

import os

import numpy as np
import streamlit as st

from audioset_demo.charts import recordings as charts
from audioset_demo.clock import stamp
from audioset_demo.views.review import choice, kept
from audioset_demo.views.review.subject import Subject
from audioset_demo.views.widgets import chart

MOST_POINTS = 3_000  # that a browser draws and picks with ease


def show(subject: Subject) -> None:
    """The plane; a click on a point has its find heard."""
    finds = subject.finds
    points, explained = kept.plane(subject.out)
    places = np.flatnonzero(np.isfinite(points[:, 0]))
    if not len(places):
        st.info("There are too few finds with embeddings for a plane.", icon=":material/info:")
        return
    n_all = len(places)
    if n_all > MOST_POINTS:
        places = np.sort(np.random.default_rng(0).choice(places, MOST_POINTS, replace=False))
    shown = [finds[int(n)] for n in places]
    said = [
        subject.given.get(find.key, "") if find.label.index == subject.k else "other"
        for find in shown
    ]
    texts = [
        f"{find.label.name} {find.score:.2f}, {os.path.basename(find.recording.path)}, "
        f"{stamp(find.start_s)}"
        for find in shown
    ]

    def choose() -> None:
        chosen = st.session_state["plane"].selection.points
        if chosen:
            choice.hear(finds[int(chosen[0]["customdata"])])

    chart(
        charts.plane(points[places], places, texts, said, explained),
        "All finds as points, near one another where they sound alike",
        key="plane",
        on_select=choose,
        selection_mode="points",
    )
    of = f" {len(places):,} of {n_all:,}, drawn at random." if n_all > len(places) else ""
    st.caption(f"Finds that sound alike are near one another. Click one to hear it.{of}")
