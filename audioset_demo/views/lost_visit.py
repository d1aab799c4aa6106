"""The message on a page that was open when the server lost its session."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from audioset_demo.views import clips

WORDS = (
    "The server was restarted, or this page was offline for too long, and the clips of this visit "
    "are gone. Upload them again."
)


def show() -> None:
    """Say that the clips are gone, until the visitor has opened others."""
    if _is_lost() and all(clip.sample for clip in clips.kept()):
        st.warning(WORDS, icon=":material/restart_alt:")


def _is_lost() -> bool:
    """Whether the page asked for a session that the server no longer has.

    When it connects again, a page states its former session third in this header; one that has just
    been opened states none.
    """
    context = get_script_run_ctx()
    stated = st.context.headers.get("Sec-WebSocket-Protocol", "").split(",")
    former = stated[2].strip() if len(stated) > 2 else ""
    return context is not None and former not in ("", context.session_id)
