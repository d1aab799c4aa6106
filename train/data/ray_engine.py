"""Shards encoded by Ray Data, on one machine or on those of a cluster: a shard is a task.

Ray repeats a task whose machine or process was lost, and may repeat others. That does no harm: a
part that is there is not made again, and a repeated one is renamed over its equal.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from audioset_demo.errors import AudioSetDemoError, DataError
from train.data import shards
from train.data.shards import Encoding, Shard, encoded, progress_of


def require_ray() -> None:
    """Raise a DataError, with the remedy, unless Ray Data can be imported."""
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise DataError(
            f"--engine ray needs Ray Data, which cannot be imported ({error}). Install it with "
            "`pip install 'audioset-demo[ray]'` on every machine, or leave --engine out."
        ) from None


def encode_on_ray(every: Sequence[Shard], encoder: str, jobs: int | None) -> None:
    """Make the parts that are missing, by the cores of a cluster.

    That is the cluster of RAY_ADDRESS, the one that `ray start` started on this machine, or else
    this machine alone.

    Parameters
    ----------
    jobs : number of tasks at a time; None: as many as the cluster has cores

    Raises
    ------
    DataError
        If parts could not be made.
    """
    waiting = [shard for shard in every if not shard.is_done]
    if not waiting:
        return
    with _cluster(), progress_of(every) as bar:
        errors = []
        for row in _tasks(waiting, shards.Encoding(encoder), jobs):
            bar.update(row["n_files"])
            if row["error"]:
                errors.append(row["error"])
    if errors:
        raise DataError(
            f"{len(errors)} of {len(waiting)} shards failed. The first error: {errors[0]} The same "
            "command goes on with them."
        )


def _tasks(waiting: list[Shard], encoding: Encoding, jobs: int | None) -> Iterator[dict[str, Any]]:
    """What became of each shard, in the order in which they end."""
    from ray.data import TaskPoolStrategy, from_items

    rows = [
        {
            "folder": str(shard.folder.absolute()),
            "files": list(shard.files),
            "part": str(shard.part.absolute()),
        }
        for shard in waiting
    ]
    tasks = from_items(rows, override_num_blocks=len(rows)).map(
        partial(_encode, encoding), compute=TaskPoolStrategy(jobs), num_cpus=1
    )
    return iter(tasks.iter_rows())


@contextmanager
def _cluster() -> Iterator[None]:
    import ray
    from ray.data import DataContext

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # the bar here says how far it is
    is_joined = ray.is_initialized()
    if not is_joined:
        ray.init(log_to_driver=False, logging_level=logging.WARNING)
    DataContext.get_current().enable_progress_bars = False
    try:
        yield
    finally:
        if not is_joined:
            ray.shutdown()


def _encode(encoding: Encoding, row: dict[str, Any]) -> dict[str, Any]:
    """The task: make the part of a shard; an error is part of the answer."""
    shard = Shard(Path(row["folder"]), tuple(map(str, row["files"])), Path(row["part"]))
    error = ""
    try:
        for folder in (shard.folder, shard.part.parent):
            if not folder.is_dir():
                raise DataError(
                    f"{folder} is not on every machine. Put the sounds and --output on a disk that "
                    "all of them share."
                )
        if not shard.is_done:
            _encoder(encoding).encode(shard)
    except AudioSetDemoError as known:
        error = str(known)
    except Exception:
        error = traceback.format_exc()
    return {"n_files": len(shard.files), "error": error}


class _Encoder:
    """A process that a task's own one keeps from task to task: the encoder is loaded once, and a
    sound that brings it down costs itself alone."""

    def __init__(self, encoding: Encoding):
        self.waiting: deque[Shard] = deque()
        self.done = encoded(encoding, self.waiting, jobs=1)

    def encode(self, shard: Shard) -> None:
        self.waiting.append(shard)
        try:
            next(self.done)
        except BaseException:
            _encoder.cache_clear()  # it has ended
            raise


@cache
def _encoder(encoding: Encoding) -> _Encoder:
    return _Encoder(encoding)
