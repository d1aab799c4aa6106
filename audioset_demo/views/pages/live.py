"""Live: what the microphone hears, as it is heard."""

from pathlib import Path

import streamlit as st

from audioset_demo.embeddings.frames import ENCODER_TITLES
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.views import live, session, uploads, visits
from audioset_demo.views.session import Choice
from audioset_demo.views.widgets import errors_shown, made_by, title


@st.fragment
def listen(choice: Choice) -> None:
    """Everything that changes with each block: the page around it is not run again."""
    visits.admit()  # who listens is here, without a click
    error = ""
    try:
        live.hear(choice)
    except AudioSetDemoError as refused:
        error = str(refused)
    listening = live.current()
    live.show(listening, error)
    sound = listening.last_minute() if listening else None
    if st.button(
        "Open the last minute as a clip", icon=":material/open_in_new:", disabled=sound is None
    ):
        open_as_clip(sound or b"")


def open_as_clip(sound: bytes) -> None:
    number = st.session_state.minutes = st.session_state.get("minutes", 0) + 1
    uploads.open_made(f"live {number}.wav", sound)
    st.switch_page(Path(__file__).with_name("tag.py"))


# Streamlit fades what is about to change, which here is everything, twice a second.
st.html("<style>[data-stale=true] { opacity: 1 !important; }</style>")
title(
    "Live",
    "What the microphone hears, and when. The tags are those of the last ten seconds.",
)
with errors_shown():
    choice = session.choice()
    made_by(ENCODER_TITLES[choice.encoder], choice)
listen(choice)
