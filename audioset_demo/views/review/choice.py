"""What the visitor chose on the page *Recordings*: read once a run, and passed on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from audioset_demo.recordings.finds import Find
from audioset_demo.views import session

_KEY = "review"


@dataclass(frozen=True)
class ReviewChoice:
    """Everything on the page that is not a widget's own value.

    Attributes
    ----------
    column : of the map, an hour or the place of a recording; None: all
    asked : a find to be heard before those that are next in order
    sought : the find that similar sounds were searched for
    turn : counts the sounds that were asked for: from the first one on, they begin by themselves
    error : why the last answer was not kept
    """

    column: int | None = None
    asked: Find | None = None
    sought: Find | None = None
    turn: int = 0
    error: str = ""


def read() -> ReviewChoice:
    """The choice of this run; an error is in one run alone."""
    found = _present()
    _change(error="")
    return found


def hear(find: Find) -> None:
    """Have a find heard, whatever is next in order."""
    _change(asked=find, turn=_present().turn + 1)
    session.choose_class(find.label.name)


def hear_again() -> None:
    _change(turn=_present().turn + 1)


def hear_next() -> None:
    """Have the find heard that is next in order."""
    _change(asked=None, turn=_present().turn + 1)


def choose_column(column: int | None) -> None:
    _change(column=column)


def seek_like(find: Find) -> None:
    """Search for sounds like a find."""
    _change(sought=find)


def say(error: str) -> None:
    """Have an error shown in the next run."""
    _change(error=error)


def _present() -> ReviewChoice:
    return st.session_state.get(_KEY, ReviewChoice())


def _change(**changes: Any) -> None:
    st.session_state[_KEY] = replace(_present(), **changes)
