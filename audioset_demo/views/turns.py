"""Turns of the visitors' works: one at a time, short ones first.

A network uses all cores: thirty works side by side take longer than one after the other, and none
of them is done before the last. A work that is due before the one that runs takes its place at that
one's next progress report.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from audioset_demo.errors import AudioSetDemoError

# A work lets those pass that are shorter and come a tenth of its sound later at most, which is
# about ten times what it takes itself: ten minutes wait for a minute, two hours for twelve.
PATIENCE = 0.1
MAX_WORKS = 100


class Stopped(AudioSetDemoError):
    """The visitor has stopped the work."""


@dataclass(eq=False)
class Place:
    """The place of a work among others.

    Attributes
    ----------
    sound_s : seconds of sound that it is of, as far as is known
    stopped : whether it is not wanted any more
    """

    sound_s: float
    stopped: bool = False
    came_s: float = field(default_factory=time.monotonic)

    @property
    def due_s(self) -> float:
        return self.came_s + PATIENCE * self.sound_s


class Turns:
    """The works that wait, and the one that runs."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._places: list[Place] = []
        self._running: Place | None = None

    @contextmanager
    def turn(self, place: Place) -> Iterator[None]:
        """Wait for a turn, and end it.

        Raises
        ------
        AudioSetDemoError : too many are waiting.
        Stopped : it was stopped before its turn came.
        """
        with self._changed:
            if len(self._places) >= MAX_WORKS:
                raise AudioSetDemoError(
                    f"{MAX_WORKS} other sounds are waiting to be read, which is as many as this "
                    "server takes. Try again in a few minutes."
                )
            self._places.append(place)
        try:
            self.let_pass(place)
            yield
        finally:
            with self._changed:
                self._places.remove(place)
                self._end(place)

    def let_pass(self, place: Place) -> None:
        """Wait until no other work runs or is due before this one.

        Raises
        ------
        Stopped : it was stopped.
        """
        with self._changed:
            self._end(place)
            self._changed.wait_for(lambda: place.stopped or self._is_next(place))
            if place.stopped:
                raise Stopped("The work was stopped. Open the sound again to start over.")
            self._running = place

    def stop(self, place: Place) -> None:
        """End a work at its next progress report, or while it waits."""
        with self._changed:
            place.stopped = True
            self._changed.notify_all()

    def before(self, place: Place) -> int:
        """How many others come before this one, the one that runs among them; 0 if it runs."""
        with self._changed:
            if place not in self._places or place is self._running:
                return 0
            others = [other for other in self._places if other is not place]
            return sum(other is self._running or other.due_s < place.due_s for other in others)

    def _end(self, place: Place) -> None:
        if self._running is place:
            self._running = None
        self._changed.notify_all()

    def _is_next(self, place: Place) -> bool:
        waiting = (other for other in self._places if not other.stopped)
        return self._running is None and min(waiting, key=lambda other: other.due_s) is place
