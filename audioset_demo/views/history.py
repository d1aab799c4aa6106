"""The browser's history: a step back is a page back, and the settings stay as they are."""

from __future__ import annotations

from importlib.resources import files

import streamlit as st

SETTINGS = ("sample", "class", "encoder", "hop", "tail", "model")  # in the address of every page

_component = st.components.v2.component(
    "audioset_demo_history",
    js=(files("audioset_demo") / "views" / "history.js").read_text(encoding="utf-8"),
)


def show() -> None:
    """Put the script into the page; it draws nothing."""
    _component(data={"settings": SETTINGS}, key="history", height=1)
