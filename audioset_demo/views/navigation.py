"""The app's pages and their navigation."""

import gc
from pathlib import Path

import streamlit as st

from audioset_demo.views import (
    clips,
    departures,
    live,
    lost_visit,
    media,
    serving,
    sidebar,
    uploads,
    visits,
)
from audioset_demo.views.line import LINE

PAGES = Path(__file__).parent / "pages"
STYLE = Path(__file__).with_name("page.css")
ICON = Path(__file__).parents[1] / "assets" / "icon.svg"


def show() -> None:
    """Draw the current page; the script that Streamlit runs calls this once per run."""
    with LINE.turn():
        _draw()


def _draw() -> None:
    # Set first: otherwise the browser would fetch each page's icon from another server.
    st.set_page_config(page_icon=str(ICON), layout="wide")
    st.html(STYLE)
    if not visits.admit():
        st.warning(
            f"{visits.MAX_VISITS} visitors are here, which is as many as this server takes. Reload "
            "the page in a few minutes.",
            icon=":material/groups:",
        )
        return
    uploads.limit()
    media.keep()
    departures.watch()
    page = st.navigation(
        [
            st.Page(
                PAGES / "tag.py", title="Tag a sound", icon=":material/graphic_eq:", default=True
            ),
            st.Page(PAGES / "live.py", title="Live", icon=":material/mic:"),
            st.Page(
                PAGES / "attention.py", title="Attention", icon=":material/center_focus_strong:"
            ),
            st.Page(PAGES / "embeddings.py", title="Embeddings", icon=":material/grid_on:"),
            st.Page(PAGES / "visit.py", title="This visit", icon=":material/playlist_play:"),
            *_recordings(),
            st.Page(PAGES / "own_classes.py", title="Your classes", icon=":material/school:"),
            st.Page(PAGES / "classes.py", title="Classes", icon=":material/category:"),
            st.Page(PAGES / "models.py", title="Models", icon=":material/model_training:"),
            st.Page(PAGES / "encoder.py", title="Compact encoder", icon=":material/hearing:"),
        ]
    )
    st.set_page_config(page_title=f"{page.title} · AudioSet demo")
    clips.turn_to(page.title)
    sidebar.show(choose_clip=page.title != "Tag a sound")
    lost_visit.show()
    if page.title != "Live":
        live.forget()
    page.run()
    media.complete()
    _keep_what_is_loaded(page.title)


def _recordings() -> list[st.Page]:
    """The page of the recordings that the app was opened with, where it was."""
    if serving.recordings_folder() is None:
        return []
    return [st.Page(PAGES / "recordings.py", title="Recordings", icon=":material/library_music:")]


@st.cache_resource(show_spinner=False)
def _keep_what_is_loaded(page: str) -> None:
    """Take the modules of a page out of the garbage collector's rounds, after its first run.

    Streamlit has garbage collected after each run. Through all of torch, plotly and pandas, this
    takes longer than most runs, and all visitors wait for it.
    """
    gc.collect()
    gc.freeze()
