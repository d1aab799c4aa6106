"""Elements that several pages use."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import plotly.graph_objects as go
import streamlit as st

from audioset_demo.errors import AudioSetDemoError
from audioset_demo.events import THRESHOLD
from audioset_demo.labels import Label
from audioset_demo.views import cache
from audioset_demo.views.clips import Clip
from audioset_demo.views.names import escape
from audioset_demo.views.session import (
    Choice,
    choose_class,
    chosen_class,
    model_titles,
    models,
)

_BAR = {"displaylogo": False, "modeBarButtonsToRemove": ["autoScale2d", "toImage"]}
_BAR_WITHOUT_BRUSH = {
    **_BAR, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "toImage"],
}  # fmt: skip


def title(text: str, lead: str = "") -> None:
    """A page's title and, where it needs words, its purpose."""
    st.title(text, anchor=False)
    if lead:
        st.markdown(lead)


def provenance(clip: Clip, choice: Choice) -> None:
    """The encoder and the model of a clip's results, which every page names."""
    made_by(cache.encoder_title(clip, choice), choice)


def made_by(encoder_title: str, choice: Choice) -> None:
    """The encoder and the model of results."""
    card = models()[choice.model].card
    st.caption(
        f"Encoder: {escape(encoder_title)} · Model: "
        f"{escape(model_titles()[choice.model])}, trained on {escape(card.training_set)}"
    )
    if card.labels is not None and card.encoder != encoder_title:
        st.caption(
            f":material/warning: This model was trained on embeddings by another encoder: "
            f"{escape(card.encoder)}. Choose that one, or train it again."
        )


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show an error of the library as a message, and end the page there."""
    try:
        yield
    except AudioSetDemoError as error:
        st.error(escape(str(error)), icon=":material/error:")
        st.stop()


def chart(figure: go.Figure, alt: str, key: str, bar: bool = True, brush: bool = False, **options):
    """A figure over the whole width, with `alt` as its description for screen readers.

    `bar`: with buttons above it; `brush`: also for the selection of points in a box or lasso.
    """
    with_buttons = _BAR if brush else _BAR_WITHOUT_BRUSH
    config = with_buttons if bar else {"displayModeBar": False}
    return st.plotly_chart(figure, width="stretch", key=key, config=config, alt=alt, **options)


def notes(notes: tuple[str, ...]) -> None:
    """Show the library's notes on how a clip was read."""
    for note in notes:
        st.caption(f":material/info: {escape(note)}")


def class_select(words: str, labels: Sequence[Label], options: Sequence[int], usual: int) -> int:
    """A box with the class that is chosen on all pages; its index.

    Parameters
    ----------
    words : above the box
    labels : of the classes
    options : indices of the classes in the order of the list
    usual : the class where none is chosen
    """
    key = "class select"
    chosen = chosen_class(labels)
    # Set on every run: it may have been chosen elsewhere.
    st.session_state[key] = usual if chosen is None else chosen
    return st.selectbox(
        words,
        options,
        key=key,
        on_change=lambda: choose_class(labels[st.session_state[key]].name),
        format_func=lambda k: labels[k].name,
        filter_mode="contains",
    )


def threshold_slider() -> float:
    """The frame score at which events begin, the same on all pages."""
    return st.slider(
        "Events begin at a score of",
        0.02,
        0.98,
        THRESHOLD,
        0.02,
        key="threshold",
        bind="query-params",
        help="An event of a class begins where its frame score reaches this threshold, and ends "
        "where the score drops below half of it.",
    )


def shown(figure: float, digits: int = 3) -> str:
    """A figure, or that there is none."""
    return f"{figure:.{digits}f}" if math.isfinite(figure) else "not measured"


def percent(share: float | None, digits: int = 0) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
