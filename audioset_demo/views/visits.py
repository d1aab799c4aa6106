"""The visitors who are here."""

from __future__ import annotations

import time
from weakref import WeakSet

import streamlit as st

MAX_VISITS = 100
STAY_S = 600.0  # from a visitor's last click; Streamlit keeps sessions for longer


class _Visit:
    """Lives as long as its session."""

    def __init__(self) -> None:
        self.seen_s = time.monotonic()


_visits: WeakSet[_Visit] = WeakSet()


def n_here() -> int:
    """How many visitors have done something lately."""
    now_s = time.monotonic()
    return sum(now_s - visit.seen_s < STAY_S for visit in list(_visits))


def admit() -> bool:
    """Whether this visitor is one of those who are here; a new one is let in if there is room."""
    if "visit" not in st.session_state:
        if n_here() >= MAX_VISITS:
            return False
        st.session_state.visit = _Visit()
        _visits.add(st.session_state.visit)
    st.session_state.visit.seen_s = time.monotonic()
    return True
