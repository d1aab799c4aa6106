"""What visitors had is given up once they have left, although nobody else comes.

Streamlit forgets a visit two minutes after its page was closed, but only looks for such visits when
another page is closed. Results leave their shelves when others come, and what has been freed stays
with the process.
"""

from __future__ import annotations

import ctypes
import gc
from asyncio import AbstractEventLoop
from contextlib import suppress
from functools import cache as once

from streamlit import runtime
from streamlit.runtime import Runtime
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.session_manager import SessionManager

from audioset_demo.views import cache

LOOK_S = 60.0  # from one look to the next


@once
def watch() -> None:
    """Look for visitors who have left from now on; called in a run of the app."""
    server = runtime.get_instance()
    if type(server) is Runtime:  # not in Streamlit's tests
        loop = server._get_async_objs().eventloop
        loop.call_soon_threadsafe(Departures(server._session_mgr).look_again, loop)


class Departures:
    """The visits that were known at the last look."""

    def __init__(self, manager: SessionManager):
        self._manager = manager
        self._known: set[str] = set()

    def look_again(self, loop: AbstractEventLoop) -> None:
        """Look now, and every so often; in the server's own thread, which alone changes visits."""
        self.look()
        loop.call_later(LOOK_S, self.look_again, loop)

    def look(self) -> None:
        """Give up what those had who have left since the last look."""
        storage = getattr(self._manager, "_session_storage", None)
        if isinstance(storage, MemorySessionStorage):
            len(storage._cache)  # type: ignore[arg-type]  # drops those whose time is over
        here = {info.session.id for info in self._manager.list_sessions()}
        if self._known - here:
            _give_up()
        self._known = here


def _give_up() -> None:
    # Visits are full of cycles. Some are among what was loaded when a page was first run, which is
    # left out of the garbage collector's rounds (`navigation`).
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    cache.tidy()
    with suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
