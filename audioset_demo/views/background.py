"""Long work that shows its progress and can be stopped.

The work runs in a thread of its own while the page watches it. If the visitor does something else
in the meantime, it continues, and the next run that needs the same result finds it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from typing import Generic, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from audioset_demo.clock import whole
from audioset_demo.embeddings.frames import Progress
from audioset_demo.views.line import LINE
from audioset_demo.views.names import escape
from audioset_demo.views.turns import Place, Stopped, Turns

PATIENCE_S = 0.4  # work that is done by then shows no progress
SHORT_S = 60.0  # work on such a sound comes before the pages that wait to be drawn
LOOK_S = 0.1  # from one look of the page at it to the next

Result = TypeVar("Result")


# Of all visitors.
TURNS = Turns()


class Work(Generic[Result]):
    """One piece of work, started at once, or in its turn if `sound_s` says how long its sound is.

    A work in its turn never waits for another one's result: that one's turn would not come.
    """

    def __init__(self, do: Callable[[Progress], Result], sound_s: float | None = None):
        self._future: Future[Result] = Future()
        self._place = Place(sound_s or 0.0)
        self._has_turn = sound_s is not None
        self.done_s = 0.0
        self.total_s: float | None = None
        threading.Thread(target=self._run, args=(do,), daemon=True).start()

    def _run(self, do: Callable[[Progress], Result]) -> None:
        try:
            with self._turn():
                result = do(self._progress)
            self._future.set_result(result)
        except BaseException as error:  # `result` raises it
            self._future.set_exception(error)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._has_turn:
            yield
            return
        with TURNS.turn(self._place):
            short = self._place.sound_s <= SHORT_S
            with LINE.turn(first=True) if short else nullcontext():
                yield

    def _progress(self, done_s: float, total_s: float | None) -> None:
        self.done_s, self.total_s = done_s, total_s
        if self._place.stopped:
            raise Stopped(f"Stopped after {done_s:,.0f} s of sound.")
        if self._has_turn:
            self._place.sound_s = max(done_s, total_s or 0.0)
            with LINE.aside():  # those that pass need it
                TURNS.let_pass(self._place)

    def before(self) -> int:
        """How many works of all visitors come before this one."""
        return TURNS.before(self._place)

    def stop(self) -> None:
        """End the work at its next progress report; its result is then a `Stopped`."""
        TURNS.stop(self._place)

    def wait(self, seconds: float) -> bool:
        """Whether it is done, after waiting for at most this long."""
        try:
            self._future.exception(seconds)
        except TimeoutError:
            return False
        return True

    def has_result(self) -> bool:
        """Whether it is done, without an error."""
        return self._future.done() and self._future.exception() is None

    def result(self) -> Result:
        """The result of work that is done; its error is raised."""
        return self._future.result()


def finish(work: Work[Result], what: str, on_stop: Callable[[], None]) -> Result:
    """Wait for the result; until then the page shows progress and a button that calls `on_stop`.

    In a thread without a page, such as that which makes the ZIP, nothing is shown.

    Raises
    ------
    Stopped : if a visitor has stopped the work.
    """
    if get_script_run_ctx(suppress_warning=True):
        with LINE.aside():
            _watch(work, escape(what), on_stop)
    return work.result()


def _watch(work: Work, what: str, on_stop: Callable[[], None]) -> None:
    if work.wait(PATIENCE_S):
        return
    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, what)
        st.button("Stop", key=f"stop {id(work)}", icon=":material/stop:", on_click=on_stop)
    shown = None
    while not work.wait(LOOK_S):
        if (now := (_share(work), _standing(work))) != shown:
            bar.progress(now[0], f"{what}: {now[1]}")
            shown = now
    place.empty()


def _share(work: Work) -> float:
    return min(work.done_s / work.total_s, 1.0) if work.total_s else 0.0


def _standing(work: Work) -> str:
    before = work.before()
    if before:
        return f"waiting, {before:,} before you"
    of = f" of {whole(work.total_s)} min" if work.total_s else ""
    return f"{whole(work.done_s)} min{of}"
