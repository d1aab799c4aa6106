"""The top tags of a clip as text with bars, each with the way to why it scores so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import streamlit as st

from audioset_demo.charts.style import BLUE
from audioset_demo.views import session

ATTENTION = Path(__file__).parent / "pages" / "attention.py"
_ROW = (
    '<div style="font-size:1.05rem;line-height:1.35">'
    '<div style="display:flex;justify-content:space-between;gap:0.75rem">'
    '<span style="font-weight:600;overflow-wrap:anywhere">{name}</span><span>{score}</span></div>'
    '<div style="background:rgba(128,128,128,0.2);border-radius:3px">'
    '<div style="width:{width:.1%};height:6px;background:{colour};border-radius:3px"></div></div>'
    '<div style="font-size:0.8rem;white-space:nowrap;overflow:hidden;text-overflow:ellipsis">'
    "{detail}</div></div>"
)


@dataclass(frozen=True)
class Tag:
    """A tag: its name, its score from 0 to 1, and smaller words below it."""

    name: str
    score: float
    detail: str


def show(tags: Sequence[Tag]) -> None:
    """Show tags, the first on top; *Why?* leads to the frames that a score comes from."""
    for tag in tags:
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
            st.html(
                _ROW.format(
                    name=escape(tag.name),
                    score=f"{tag.score:.2f}",
                    width=min(1.0, tag.score),
                    colour=BLUE,
                    detail=escape(tag.detail),
                )
            )
            if st.button("Why?", key=f"why {tag.name}", type="tertiary"):
                session.choose_class(tag.name)
                st.switch_page(st.Page(ATTENTION))
