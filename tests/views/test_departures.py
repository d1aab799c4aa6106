"""What a visitor had is given up, although nobody comes or leaves after them."""

import gc
import weakref
from types import SimpleNamespace

from streamlit.runtime.memory_session_storage import MemorySessionStorage

from audioset_demo.views.departures import Departures


class Visit:
    """A session: it refers to itself, as Streamlit's do."""

    def __init__(self, name: str):
        self.id = name
        self.session = self


def test_those_who_left_are_forgotten_even_if_they_were_here_when_a_page_was_first_run():
    storage = MemorySessionStorage(ttl_seconds=60)
    now_s = 0.0
    storage._cache._timer = lambda: now_s
    visits = [Visit("left"), Visit("stays")]
    left, stays = map(weakref.ref, visits)
    storage.save(visits[0])
    active = [visits[1]]
    manager = SimpleNamespace(
        _session_storage=storage, list_sessions=lambda: [*active, *storage.list()]
    )
    departures = Departures(manager)
    departures.look()
    gc.freeze()
    visits.clear()
    now_s = 59.0
    departures.look()
    assert left() and stays()
    now_s = 61.0
    departures.look()
    assert not left() and stays()
