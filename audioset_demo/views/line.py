"""One at a time: the runs of the app's pages, in the order in which visitors asked for them.

Python runs one thread at a time. Thirty pages drawn side by side are all done at the end; one after
the other, half of them are done in half of that time, and nobody's second page comes before
another's first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_S = 5.0  # what takes longer, by something that nobody foresaw, keeps no other waiting
PASSED_S = 2.6  # who has waited for longer is passed by nobody


class Line:
    """The thread that draws, and those that wait to."""

    def __init__(self, longest_s: float = LONGEST_S, passed_s: float = PASSED_S):
        self._longest_s = longest_s
        self._passed_s = passed_s
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, float]] = []  # threads, and since when
        self._drawing: int | None = None
        self._since_s = 0.0

    @contextmanager
    def turn(self, first: bool = False) -> Iterator[None]:
        """Wait for this thread's turn, and end it; `first`: before those that came lately."""
        self._join(first)
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let others draw while this thread waits for something; then it is among the first."""
        had_turn = self._leave()
        try:
            yield
        finally:
            if had_turn:
                self._join(first=True)

    def _join(self, first: bool) -> None:
        me = threading.get_ident(), time.monotonic()
        with self._changed:
            self._waiting.insert(self._n_long(me[1]) if first else len(self._waiting), me)
            while not (self._waiting[0] == me and self._is_free()):
                self._changed.wait(self._longest_s)
            self._waiting.remove(me)
            self._drawing, self._since_s = me[0], time.monotonic()

    def _n_long(self, now_s: float) -> int:
        """How many at the head of the line have waited for so long that nobody passes them."""
        lately = (
            k for k, (_, since_s) in enumerate(self._waiting) if now_s - since_s <= self._passed_s
        )
        return next(lately, len(self._waiting))

    def _is_free(self) -> bool:
        return self._drawing is None or time.monotonic() - self._since_s > self._longest_s

    def _leave(self) -> bool:
        """Whether it was this thread's turn."""
        with self._changed:
            had_turn = self._drawing == threading.get_ident()
            if had_turn:
                self._drawing = None
                self._changed.notify_all()
        return had_turn


LINE = Line()  # of all visitors
