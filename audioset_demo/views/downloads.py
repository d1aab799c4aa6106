"""Files to download.

A file is made in the run that offers it: it then belongs to the session, and the browser finds it
whatever others do. (What Streamlit has made on a click is made without a session, and is deleted as
soon as the run of anyone else ends.) Each row is kept until something else decides its files. What
takes long is made on a click, while the page shows progress.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from audioset_demo.embeddings.frames import Progress
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.views.background import Work, finish
from audioset_demo.views.names import escape


@dataclass(frozen=True)
class File:
    """A file that can be downloaded.

    Attributes
    ----------
    label : on its button
    name : of the file; unique on its page
    mime : its type
    make : called at most once for each value of what decides the row
    """

    label: str
    name: str
    mime: str
    make: Callable[[], str | bytes]


def downloads(
    row: str, of: Hashable, *files: File, title: str = "", align: Literal["left", "right"] = "left"
) -> None:
    """A row of buttons, one for each file; below it, why a file could not be made.

    `of` is everything that decides the files of the row called `row`; `title` says what they hold.
    """
    key = f"files of {row}"
    known, made = st.session_state.get(key, (None, {}))
    if known != of:
        made = {}
        st.session_state[key] = of, made
    errors = []
    with st.container(horizontal=True, horizontal_alignment=align, vertical_alignment="center"):
        if title:
            st.markdown(title, width="content")
        for file in files:
            if file.label not in made:
                try:
                    made[file.label] = _addressed(file.make(), file.mime)
                except AudioSetDemoError as error:
                    errors.append(str(error))
                    continue
            _save_button(file.label, file.name, *made[file.label])
    for message in errors:
        _show(message)


def download_made_on_click(
    label: str, name: str, mime: str, of: Hashable, make: Callable[[Progress], str | bytes]
) -> None:
    """A button that makes a file, with progress and Stop; then one that saves it.

    `of` is everything that decides the file. `make` runs in a thread without a session.
    """
    key = f"making of {name}"
    known, work = st.session_state.get(key, (of, None))

    def begin() -> None:
        st.session_state[key] = of, Work(lambda progress: _addressed(make(progress), mime))

    def drop() -> None:
        work.stop()
        del st.session_state[key]

    if known != of:
        drop()
        work = None
    if work is None:
        st.button(f"Make the {label}", key=f"make {name}", icon=":material/build:", on_click=begin)
        return
    try:
        data, typed = finish(work, f"Making the {label}", drop)
    except Exception as error:
        drop()
        if not isinstance(error, AudioSetDemoError):
            raise
        _show(str(error))
    else:
        _save_button(f"Save the {label}", name, data, typed)


def _addressed(data: str | bytes, mime: str) -> tuple[bytes, str]:
    """The bytes of a file, and its type with their hash.

    Streamlit gives a large file an address by its length, its type and parts of it: without the
    hash, two visitors with files that are alike in those parts would share one.
    """
    content = data.encode() if isinstance(data, str) else data
    return content, f"{mime}; sha256={hashlib.sha256(content).hexdigest()}"


def _save_button(label: str, name: str, data: bytes, mime: str) -> None:
    # "ignore": a run would take the file from the session until it is offered again.
    st.download_button(
        label,
        data,
        name,
        mime,
        key=f"get {name}",
        icon=":material/download:",
        on_click="ignore",
    )


def _show(message: str) -> None:
    st.error(escape(message), icon=":material/error:")
