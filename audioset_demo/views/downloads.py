"""Files to download, each made when it is asked for.

Streamlit makes such a file in a thread without a session, and of an error there it shows no more
than "Failed to generate file for download". So a click also runs the row of buttons again, which
waits until the file has been made and shows the error, with its remedy, if it could not be.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import streamlit as st

from audioset_demo.views.widgets import errors_shown

BEGIN_S = 5.0  # by then the browser has asked for the file that was clicked
LOOK_S = 0.1  # how often the page looks whether it is done


@dataclass(frozen=True)
class File:
    """A file that can be downloaded.

    Attributes
    ----------
    label : on its button
    name : of the file; no two on a page are alike
    mime : its type
    make : called without arguments and without a session; a partial of a function and values
    """

    label: str
    name: str
    mime: str
    make: Callable[[], str | bytes]


class Making:
    """One file in the making, known to the thread that makes it and to the page that waits."""

    def __init__(self):
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
        """Show that the file is being prepared until it has been; then raise its error, if any."""
        place = st.empty()
        if self._begun.wait(BEGIN_S):
            while not self._done.wait(LOOK_S):
                place.caption("Preparing the file")
        place.empty()
        if self._error:
            raise self._error


@st.fragment
def downloads(*files: File, align: str = "left") -> None:
    """A row of buttons, one for each file; below it, why a file could not be made."""
    clicked = []
    with st.container(horizontal=True, horizontal_alignment=align):
        for file in files:
            # What a click is about was offered by the run before.
            offered = st.session_state.get(f"making of {file.name}")
            making = st.session_state[f"making of {file.name}"] = Making()
            if st.download_button(
                file.label,
                partial(making.run, file.make),
                file.name,
                file.mime,
                key=f"get {file.name}",
                icon=":material/download:",
            ):
                clicked.append(offered)
    for making in clicked:
        with errors_shown():
            making.wait()
