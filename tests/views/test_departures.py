"""What visitors had is given up in time, though nobody comes or leaves, and where it is much."""

import gc
import weakref
from types import SimpleNamespace
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.state import SessionState

from audioset_demo.views import departures
from audioset_demo.views.clips import from_file
from audioset_demo.views.departures import Departures


class Visit:
    """A session: it refers to itself, as Streamlit's do."""

    def __init__(self, name: str, n_bytes: int):
        self.id = name
        self.session = self
        clip = from_file(f"{name}.wav", bytes(n_bytes))
        self.session_state = SessionState()
        self.session_state["kept"] = {clip.identity(): clip}


def manager_of(storage: MemorySessionStorage, active: list[Visit]) -> SimpleNamespace:
    return SimpleNamespace(
        _session_storage=storage, list_sessions=lambda: [*active, *storage.list()]
    )


def test_those_who_left_are_forgotten_even_if_they_were_here_when_a_page_was_first_run():
    storage = MemorySessionStorage(ttl_seconds=60)
    now_s = 0.0
    storage._cache._timer = lambda: now_s
    visits = [Visit("left", 1), Visit("stays", 1)]
    left, stays = map(weakref.ref, visits)
    storage.save(visits[0])
    active = [visits[1]]
    departures = Departures(manager_of(storage, active))
    departures.look()
    gc.freeze()
    visits.clear()
    now_s = 59.0
    departures.look()
    assert left() and stays()
    now_s = 61.0
    departures.look()
    assert not left() and stays()


@given(
    former=st.lists(st.integers(0, 60), max_size=12),
    latest=st.lists(st.integers(0, 60), max_size=4),
)
def test_of_those_who_left_long_ago_the_latest_are_kept_up_to_the_limits(former, latest):
    limits = {"MAX_LEFT": 4, "MAX_LEFT_BYTES": 100, "_give_up": lambda: None}
    storage = MemorySessionStorage()
    watch = Departures(manager_of(storage, []))
    with patch.multiple(departures, **limits):
        for place, n_bytes in enumerate(former):
            storage.save(Visit(f"former {place}", n_bytes))
        watch.look()
        assert len(storage.list()) == len(former), "their line may have been cut for a moment"
        for place, n_bytes in enumerate(latest):
            storage.save(Visit(f"latest {place}", n_bytes))
        watch.look()
    fitting = [
        f"former {place}"
        for place in range(len(former))
        if len(former) - place + len(latest) <= 4 and sum(former[place:]) + sum(latest) <= 100
    ]
    kept = [visit.id for visit in storage.list()]
    assert kept == fitting + [f"latest {place}" for place in range(len(latest))]
