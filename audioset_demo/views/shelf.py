"""Results of the clips, kept while a visitor has them and up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import fields, is_dataclass
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

import numpy as np

from audioset_demo.views.background import Work, finish
from audioset_demo.views.clips import Clip, give_up
from audioset_demo.views.turns import Stopped

Result = TypeVar("Result")


class _Kept(Generic[Result]):
    """A work, and the clips that it is of: alike, each of another visitor."""

    def __init__(self, work: Work[Result]):
        self.work = work
        self.clips: WeakValueDictionary[int, Clip] = WeakValueDictionary()
        self._n_bytes: int | None = None

    def n_bytes(self) -> int:
        """Bytes of the result, once there is one."""
        if self._n_bytes is None and self.work.has_result():
            self._n_bytes = size_of(self.work.result())
        return self._n_bytes or 0


class Shelf(Generic[Result]):
    """Works by what decides their results: a clip's identity, and a key.

    Visitors with the same clip share them. They leave with the last visitor who has the clip, and
    beyond `max_bytes`, the ones that were used least recently leave first.
    """

    def __init__(self, max_bytes: int):
        self._max_bytes = max_bytes
        self._kept: OrderedDict[tuple[tuple, Hashable], _Kept[Result]] = OrderedDict()
        self._lock = threading.Lock()

    def work(self, clip: Clip, key: Hashable, start: Callable[[], Work[Result]]) -> Work[Result]:
        """The work of this clip and key; where there is none, `start` starts it."""
        with self._lock:
            self._tidy()
            place = clip.identity(), key
            if place not in self._kept:
                self._kept[place] = _Kept(start())
            kept = self._kept[place]
            kept.clips[id(clip)] = clip
            self._kept.move_to_end(place)
            return kept.work

    def put(self, clip: Clip, key: Hashable, result: Result) -> None:
        """Keep a result that other work has given, unless there is one already."""
        self.work(clip, key, lambda: Work(lambda progress: result))

    def result(
        self,
        what: str,
        clip: Clip,
        key: Hashable,
        start: Callable[[], Work[Result]],
        on_stop: Callable[[], None] | None = None,
    ) -> Result:
        """The result of a work, when it is done; one that failed or was stopped leaves the shelf.

        Until then the page shows its progress under the name `what`. When the visitor stops it,
        the clip is given up, or `on_stop` called in place of that.
        """
        work = self.work(clip, key, start)

        def stop() -> None:
            work.stop()
            self.forget(clip, key, work)
            on_stop() if on_stop else give_up(clip)

        try:
            return finish(work, what, stop)
        except Stopped:  # by another visitor, who has the same file
            self.forget(clip, key, work)
            return self.result(what, clip, key, start, on_stop)
        except Exception:
            self.forget(clip, key, work)
            raise

    def forget(self, clip: Clip, key: Hashable, work: Work[Result]) -> None:
        """Start again next time, unless that has happened already."""
        with self._lock:
            place = clip.identity(), key
            if place in self._kept and self._kept[place].work is work:
                del self._kept[place]

    def n_bytes(self, identities: Collection[tuple]) -> int:
        """Bytes of the results of clips with these identities."""
        with self._lock:
            return sum(
                kept.n_bytes()
                for (identity, _), kept in self._kept.items()
                if identity in identities
            )

    def tidy(self) -> None:
        """Give up what no visitor has."""
        with self._lock:
            self._tidy()

    def _tidy(self) -> None:
        for place in [place for place, kept in self._kept.items() if not kept.clips]:
            del self._kept[place]
        surplus = sum(kept.n_bytes() for kept in self._kept.values()) - self._max_bytes
        for place, kept in list(self._kept.items()):
            if surplus <= 0:
                break
            if kept.n_bytes():
                surplus -= kept.n_bytes()
                del self._kept[place]


def size_of(value: object) -> int:
    """Bytes of the arrays and texts in a value, in its fields and in theirs."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, bytes):
        return len(value)
    if is_dataclass(value) and not isinstance(value, type):
        return sum(size_of(getattr(value, own.name)) for own in fields(value))
    return 0
