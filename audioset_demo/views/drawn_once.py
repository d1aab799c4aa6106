"""Parts of pages that are the same for every visitor: drawn once, then sent as they are.

Streamlit records what a cached function draws, and sends that again in place of calling it. Figures
and tables are then not built, checked and serialised again for each visitor, all of whom share one
core for that.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import plotly.graph_objects as go
import streamlit as st

from audioset_demo.models.published import PublishedModel

MAX_KEPT = 128


@st.cache_resource(max_entries=MAX_KEPT, show_spinner=False, hash_funcs={PublishedModel: repr})
def draw_once(part: str, of: Hashable, _draw: Callable[[], None]) -> None:
    """Draw a part of a page; after the first time, what was drawn then.

    A part has no widgets, as each visitor has those of their own. If it raises an error or ends the
    page, it is drawn again next time.

    Parameters
    ----------
    part : its name; no other part has it
    of : everything that decides what is drawn, but for what never changes while the server runs
    """
    _draw()


@st.fragment
def draw_when_opened(part: str, of: Hashable, draw: Callable[[], None]) -> None:
    """A folded part, titled with its name, drawn once it is opened.

    A browser renders what is folded as well, and a page of many tables and figures would wait for
    that. The arguments are those of `draw_once`.
    """
    with st.expander(part, key=part, on_change="rerun") as fold:
        if fold.open:
            draw_once(part, of, draw)


@st.cache_resource(max_entries=MAX_KEPT, show_spinner=False, hash_funcs={PublishedModel: repr})
def made_once(figure: str, of: Hashable, _make: Callable[[], go.Figure]) -> go.Figure:
    """A figure that visitors click in, which therefore each of them draws.

    The parameters are those of `draw_once`.
    """
    return _make()
