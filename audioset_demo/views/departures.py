"""What visitors had is given up once they have left, although nobody else comes.

Streamlit forgets a visit two minutes after its page was closed, but only looks for such visits when
another page is closed, and holds up to 128 of them whatever their size. Results leave their shelves
when others come, and what has been freed stays with the process.
"""

from __future__ import annotations

import ctypes
import gc
from asyncio import AbstractEventLoop
from contextlib import suppress
from functools import cache as once

from streamlit import runtime
from streamlit.runtime import Runtime
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.session_manager import SessionManager

from audioset_demo.views import cache, clips

LOOK_S = 20.0  # from one look to the next; whose line was cut for a moment is back by then
MAX_LEFT, MAX_LEFT_BYTES = 16, 32 * 2**20  # visits that nobody came back to from look to look


@once
def watch() -> None:
    """Look for visitors who have left from now on; called in a run of the app."""
    server = runtime.get_instance()
    if type(server) is Runtime:  # not in Streamlit's tests
        loop = server._get_async_objs().eventloop
        loop.call_soon_threadsafe(Departures(server._session_mgr).look_again, loop)


class Departures:
    """The visits that were known at the last look, and those of them that nobody was at."""

    def __init__(self, manager: SessionManager):
        self._manager = manager
        self._known: set[str] = set()
        self._left: set[str] = set()

    def look_again(self, loop: AbstractEventLoop) -> None:
        """Look now, and every so often; in the server's own thread, which alone changes visits."""
        loop.call_later(LOOK_S, self.look_again, loop)
        self.look()

    def look(self) -> None:
        """Give up what those had who have left since the last look."""
        storage = getattr(self._manager, "_session_storage", None)
        if isinstance(storage, MemorySessionStorage):
            len(storage._cache)  # type: ignore[arg-type]  # drops those whose time is over
            self._drop_surplus(storage)
        here = {info.session.id for info in self._manager.list_sessions()}
        if self._known - here:
            _give_up()
        self._known = here

    def _drop_surplus(self, storage: MemorySessionStorage) -> None:
        """Of the visits that nobody was at when last looked, keep the latest, up to the limits."""
        left = [info.session for info in storage.list()]
        n_bytes = 0
        for place, session in enumerate(reversed(left)):
            n_bytes += _held_bytes(session)
            is_surplus = place >= MAX_LEFT or n_bytes > MAX_LEFT_BYTES
            if is_surplus and session.id in self._left:
                storage.delete(session.id)
        self._left = {session.id for session in left}


def _held_bytes(session: AppSession) -> int:
    """Bytes of the files of a visit, and of their results."""
    state = session.session_state
    kept = state["kept"].values() if "kept" in state else ()
    return clips.n_bytes(kept) + cache.n_bytes(kept)


def _give_up() -> None:
    # Visits are full of cycles. Some are among what was loaded when a page was first run, which is
    # left out of the garbage collector's rounds (`navigation`).
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    cache.tidy()
    with suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
