"""Several processes that work on items, one at a time each, none of which another can bring down.

What is worked with, such as a model, is loaded once by each. A process that ends abruptly, as one
for which memory does not suffice, costs the item that it was working on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from audioset_demo.errors import AudioSetDemoError

Item = TypeVar("Item")
Work = Callable[[Any, Callable[[Any], None]], Any]

CONTEXT = multiprocessing.get_context("spawn")
# A process is for one core: threads of its own would wait for those of the others.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True)
class Died:
    """A process that ended abruptly.

    Attributes
    ----------
    at : what it last reported to work on; the item where it reported nothing.
    reason : a sentence.
    """

    at: Any
    reason: str


def default_jobs(device: str = "auto") -> int:
    """A process for each core that this one may use; a single one where a GPU does the work."""
    from audioset_demo.device import resolve_device

    if resolve_device(device).type != "cpu":
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(
    load: Callable[[], Work], items: deque[Item], jobs: int
) -> Generator[tuple[Item, Any], None, None]:
    """Work on all items; each with its result, or with `Died`, in the order in which they end.

    Parameters
    ----------
    load : called once in each process, which pickles it; gives `work(item, tell)`. What that raises
        ends the run; what it has to say of an item, it returns.
    items : taken from the left; more may be appended while the run goes on.
    jobs : number of processes at most.

    Raises
    ------
    AudioSetDemoError : one that `load` or `work` raised, or a process died while it loaded.
    """
    workers: list[_Worker] = []
    try:
        while True:
            for worker in workers:
                if items and not worker.is_busy:
                    worker.begin(items.popleft())
            while items and len(workers) < jobs:
                workers.append(_Worker(load, items.popleft()))
            busy = {worker.pipe: worker for worker in workers if worker.is_busy}
            if not busy:
                return
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                ended, item, result = worker.receive(jobs)
                if isinstance(result, Died):
                    workers.remove(worker)
                if ended:
                    yield item, result
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """One process, and what it works on."""

    def __init__(self, load: Callable[[], Work], item: Any):
        self.pipe, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_serve, args=(load, theirs), daemon=True)
        with _environment(ENVIRONMENT), _interrupts_held():
            self._process.start()
        theirs.close()
        self._has_loaded = False
        self.begin(item)

    @property
    def is_busy(self) -> bool:
        return self._item is not None

    def begin(self, item: Any) -> None:
        self._item = self._at = item
        with suppress(OSError):  # it has died, which `receive` tells
            self.pipe.send(item)

    def receive(self, jobs: int) -> tuple[bool, Any, Any]:
        """Whether the item has ended, the item, and its result; call when the pipe is ready."""
        item = self._item
        try:
            kind, value = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            value = self._death(jobs)
            kind = "done"
        if kind == "raised":
            raise value
        if kind == "done":
            self._item = None
            return True, item, value
        if kind == "at":
            self._at = value
        self._has_loaded = True
        return False, item, None

    def _death(self, jobs: int) -> Died:
        code = self._process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if not self._has_loaded:
            raise AudioSetDemoError(
                f"A process ended abruptly ({how}) before it had loaded the model. Free some "
                f"memory, or give fewer --jobs than {jobs}."
            )
        return Died(
            self._at,
            f"The process that worked on it ended abruptly ({how}), as one does for which memory "
            "does not suffice. Cut the file into shorter pieces, or give fewer --jobs.",
        )

    def end(self) -> None:
        self.pipe.close()
        if self.is_busy:
            self._process.terminate()
        self._process.join()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Variables that a process started meanwhile inherits."""
    former = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep Ctrl-C, which goes to all processes of a terminal, from one that is started meanwhile.

    This process answers it afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which lets it through again when it is started
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def end_if_orphaned(*_: Any) -> None:
    """End this process where the one that started it has gone; to be called from time to time."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        os._exit(1)


def _serve(load: Callable[[], Work], pipe: Connection) -> None:
    """What a process does: load, then work on what comes until nothing more does."""
    # On systems where it is not held back.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        work = load()
        pipe.send(("loaded", None))
        while True:
            item = pipe.recv()
            pipe.send(("done", work(item, lambda at: pipe.send(("at", at)))))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # nothing more comes
    except AudioSetDemoError as error:
        pipe.send(("raised", error))
    except Exception:
        pipe.send(("raised", RuntimeError(traceback.format_exc())))
