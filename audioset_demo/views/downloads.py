"""Files to download, each made when its button is clicked.

Streamlit makes such a file in a thread without a session, and shows an error there only as "Failed
to generate file for download". So a click also runs the row of buttons again, which waits until the
file has been made, and shows the error with its remedy if it could not be made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import streamlit as st

from audioset_demo.views.widgets import errors_shown

BEGIN_S = 5.0  # by then the browser has requested the file
LOOK_S = 0.1  # from one look of the page at it to the next


@dataclass(frozen=True)
class File:
    """A file that can be downloaded.

    Attributes
    ----------
    label : on its button
    name : of the file; unique on its page
    mime : its type
    make : called without arguments and in a thread without a session
    """

    label: str
    name: str
    mime: str
    make: Callable[[], str | bytes]


class Making:
    """A file being made, shared by the thread that makes it and the page that waits for it."""

    def __init__(self) -> None:
        self._begun, self._done = threading.Event(), threading.Event()
        self._error: Exception | None = None

    def run(self, make: Callable[[], str | bytes]) -> str | bytes:
        """Make the file; an error is kept for `wait` as well."""
        self._begun.set()
        try:
            return make()
        except Exception as error:
            self._error = error
            raise
        finally:
            self._done.set()

    def wait(self) -> None:
        """Show that the file is being prepared until it is done; then raise its error, if any."""
        place = st.empty()
        if self._begun.wait(BEGIN_S):
            while not self._done.wait(LOOK_S):
                place.caption("Preparing the file")
        place.empty()
        if self._error:
            raise self._error


@st.fragment
def downloads(*files: File, align: Literal["left", "right"] = "left") -> None:
    """A row of buttons, one for each file; below it, why a file could not be made."""
    clicked: list[Making] = []
    with st.container(horizontal=True, horizontal_alignment=align):
        for file in files:
            # A click is on a button that the previous run drew.
            previous: Making | None = st.session_state.get(f"making of {file.name}")
            making = st.session_state[f"making of {file.name}"] = Making()
            is_clicked = st.download_button(
                file.label,
                partial(making.run, file.make),
                file.name,
                file.mime,
                key=f"get {file.name}",
                icon=":material/download:",
            )
            if is_clicked and previous:
                clicked.append(previous)
    for making in clicked:
        with errors_shown():
            making.wait()
