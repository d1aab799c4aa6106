"""All recordings of a folder, each worked on once, whatever ends the run in between."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from audioset_demo.embeddings.frames import Progress
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.folder.inputs import Input, Inputs
from audioset_demo.folder.store import Store
from audioset_demo.folder.times import recording_start
from audioset_demo.folder.work import Died, Work, end_if_orphaned, run


@dataclass(frozen=True)
class Made:
    """What is made of one recording.

    Attributes
    ----------
    facts : plain JSON, for the list of files.
    rows : of the table, plain JSON.
    files : bytes of further files, by the subfolder and the end of the name.
    """

    facts: dict[str, Any]
    rows: list[list] = field(default_factory=list)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)


ROWS = ("event", "frame", "clip")  # what a row of the table can stand for
Maker = Callable[[Input, Progress], Made]


class Job(Protocol):
    """What is to be done with each recording; small and plain, since processes receive it.

    Attributes
    ----------
    file_columns : facts about each recording that are listed.
    has_rows : whether it makes rows of a table.
    """

    file_columns: ClassVar[tuple[str, ...]]
    has_rows: ClassVar[bool]

    def settings(self) -> dict[str, Any]:
        """What decides the results, under the names of the options."""

    def load(self) -> Maker:
        """Load what is needed, once in each process."""


@dataclass(frozen=True)
class Shard:
    """The part of the recordings that one run takes: each `n`-th from the `index`-th on."""

    index: int
    n: int

    def of(self, inputs: list[Input]) -> list[Input]:
        return inputs[self.index - 1 :: self.n]

    @property
    def name(self) -> str:
        return f"{self.index}-of-{self.n}"


def work_through(
    job: Job, inputs: Inputs, store: Store, jobs: int, shard: Shard | None = None
) -> None:
    """Work on every recording that has no result yet, and on those that failed.

    Parameters
    ----------
    jobs : number of processes.
    shard : which of the recordings; None: all.

    Raises
    ------
    StorageError
        If another run is at the same shard, or a result cannot be written.
    AudioSetDemoError
        What `job.load` raises.
    """
    shard = shard or Shard(1, 1)
    with store.locked(shard.name):
        mine = shard.of(inputs.found)
        waiting = [given for given in mine if not store.is_done(given)]
        n_done = len(mine) - len(waiting)
        task = _Task(job, store)
        with _Bar(mine, waiting) as bar:
            try:
                with closing(run(task.load, deque(waiting), jobs)) as results:
                    for given, result in results:
                        error = result
                        if isinstance(result, Died):
                            error = result.reason
                            store.write_result(given, {"error": error}, [])
                        n_done += 1
                        bar.add(given, error)
            except KeyboardInterrupt:
                bar.say(f"Stopped: {n_done:,} of {len(mine):,} files. The same command goes on.")
                raise


@dataclass(frozen=True)
class _Task:
    """A job whose results go to a store."""

    job: Job
    store: Store

    def load(self) -> Work:
        make = self.job.load()

        def work(given: Input, _) -> str | None:
            """Write the result of one recording; why there is none, or None."""
            made, error = _attempt(make, given)
            if made is None:
                self.store.write_result(given, {"error": error}, [])
                return error
            for (kind, end), content in made.files.items():
                self.store.write_file(self.store.path_of(given, kind, end), content)
            start = recording_start(given.path)
            facts = {"start_time": start and start.isoformat(), **made.facts}
            self.store.write_result(given, facts, made.rows)
            return None

        return work


def _attempt(make: Maker, given: Input) -> tuple[Made | None, str]:
    """What is made of a recording, or None and why not: one file must not end a night's work."""
    try:
        return make(given, end_if_orphaned), ""
    except AudioSetDemoError as error:
        return None, str(error)
    except MemoryError:
        return None, "It needs more memory than there is. Cut it into shorter pieces."
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        return None, f"It could not be processed ({what}). Give this file alone to see where."


class _Bar:
    """Progress on stderr, in bytes since recordings differ in length; failures stand above it."""

    def __init__(self, mine: list[Input], waiting: list[Input]):
        from tqdm import tqdm

        self._n, self._n_all = len(mine) - len(waiting), len(mine)
        self._bar = tqdm(
            total=sum(given.size for given in mine),
            initial=sum(given.size for given in mine) - sum(given.size for given in waiting),
            unit="B",
            unit_scale=True,
            mininterval=0.5 if sys.stderr.isatty() else 30,
            desc=self._title,
        )

    @property
    def _title(self) -> str:
        return f"{self._n:,} of {self._n_all:,} files"

    def add(self, given: Input, error: str | None) -> None:
        self._n += 1
        self._bar.set_description(self._title, refresh=False)
        self._bar.update(given.size)
        if error:
            self.say(f"error: {error}")

    def say(self, text: str) -> None:
        from audioset_demo.names import one_line

        self._bar.write(one_line(text), file=sys.stderr)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()
