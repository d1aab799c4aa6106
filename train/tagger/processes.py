"""The processes that train one model together, as `torchrun` starts them.

Each makes the whole batch and computes its share of it; sums over all of them make up what a single
process would have computed. A process on its own is all of them: nothing here changes anything.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from audioset_demo.device import resolve_device
from audioset_demo.errors import DataError

# The others wait while the first one writes a checkpoint. One that has died is noticed at once.
LONGEST_WAIT = timedelta(minutes=30)


class Place(NamedTuple):
    """Where the rows of this process lie among those of all, and how many all of them are."""

    start: int
    total: int


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Join the processes that `torchrun` has started along with this one, if it has.

    Parameters
    ----------
    device : a name of `DEVICES`; of several GPUs each process takes its own

    Raises
    ------
    DataError
        If the device is not for several processes, or this machine has fewer GPUs than processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    kind = resolve_device(device).type
    if kind == "cuda":
        _take_gpu(int(os.environ["LOCAL_RANK"]))
    elif kind != "cpu":
        raise DataError(
            f"Several processes cannot train on the device {kind}. Give --device cpu, or leave "
            "torchrun out."
        )
    # gloo for what is on the CPU, such as counts, wherever the network is.
    backend = "cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=LONGEST_WAIT)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    yield
    # Not after an error: it would wait for processes that are no more.
    dist.destroy_process_group()


def _stop(*_: Any) -> None:
    """What Ctrl-C does, once: torchrun repeats it, and sends SIGTERM where a process has died."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _take_gpu(number: int) -> None:
    if number >= (found := torch.cuda.device_count()):
        raise DataError(
            f"This machine has {found} GPUs, and torchrun started more processes on it. Give "
            f"--nproc-per-node {found}, or --device cpu."
        )
    torch.cuda.set_device(number)


def count() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this is the process that writes."""
    return _rank() == 0


def _rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def share_of(n: int) -> slice:
    """The share of this process of n clips: one run of them, as long as the others' or one off."""
    return slice(n * _rank() // count(), n * (_rank() + 1) // count())


def place_of(n_rows: int) -> Place:
    """The place of the `n_rows` rows of this process, those of the processes before it first."""
    rows = torch.zeros(count(), dtype=torch.int64)
    rows[_rank()] = n_rows
    add_up(rows)
    return Place(int(rows[: _rank()].sum()), int(rows.sum()))


def all_true(value: bool) -> bool:
    """Whether a value is true in every process."""
    return int(add_up(torch.tensor(int(value)))) == count()


def wait_for_all() -> None:
    """Go on once every process has come here."""
    add_up(torch.zeros(1))


def add_up(tensor: Tensor) -> Tensor:
    """Replace a tensor by its sum over all processes, without gradient.

    Raises
    ------
    DataError
        If a process is no more.
    """
    if count() > 1:
        try:
            dist.all_reduce(tensor)
        except RuntimeError as error:
            raise DataError(
                "Another process of this training has ended; what it printed says why. Give the "
                "same command with --resume to continue from the last checkpoint."
            ) from error
    return tensor


class _Sum(torch.autograd.Function):
    """Each process's loss depends on the sum, so its gradient is the sum of all of theirs."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return add_up(tensor.clone())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return add_up(gradient.contiguous().clone())


def summed(tensor: Tensor) -> Tensor:
    """The sum of a tensor over all processes, with its gradient."""
    return _Sum.apply(tensor)


def all_equal(value: int) -> bool:
    """Whether a number is the same in every process."""
    return all_true(int(add_up(torch.tensor(value))) == count() * value)
