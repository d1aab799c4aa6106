"""The keys of the answers work right after a class was chosen in a list."""

from __future__ import annotations

from importlib.resources import files

import streamlit as st

_component = st.components.v2.component(
    "audioset_demo_review_keys",
    js=(files("audioset_demo") / "views" / "review_keys.js").read_text(encoding="utf-8"),
)


def free(shown: str) -> None:
    """Have a list let go of the keys when another thing is `shown`; it draws nothing."""
    _component(data={"shown": shown}, key="keys of answers", height=1)
