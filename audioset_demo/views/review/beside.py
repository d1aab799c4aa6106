"""What can be seen beside the find that is heard, one view at a time."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from audioset_demo.views.review import figures, find_map, plane, similar_sounds
from audioset_demo.views.review.subject import Subject

VIEWS: dict[str, Callable[[Subject], None]] = {
    "Map": find_map.show,
    "Answers": figures.show,
    "Similar sounds": similar_sounds.show,
    "Plane": plane.show,
}


def show(subject: Subject) -> None:
    """The view that the visitor chose."""
    view = st.segmented_control(
        "Beside it", list(VIEWS), default=next(iter(VIEWS)), required=True, key="beside the find",
        label_visibility="collapsed",
    )  # fmt: skip
    VIEWS[view](subject)
