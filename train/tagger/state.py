"""Where a run resumes: everything that a step changes, in one file of its folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from audioset_demo.errors import DataError
from audioset_demo.storage import write_atomically
from train.runs import STATE_FILE


class Resumable(Protocol):
    """What has a state: a learner."""

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs to continue bit for bit."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""


def save_state(run: Path, learner: Resumable, done: int) -> None:
    """Write the state after `done` iterations."""
    metadata = {"iteration": str(done)}
    write_atomically(
        run / STATE_FILE, lambda part: save_file(learner.state(), part, metadata=metadata)
    )


def iterations_done(run: Path) -> int:
    """How many iterations a run that goes on with --resume has behind it.

    Raises
    ------
    DataError
        If its state is damaged.
    """
    with _opened_state(run) as file:
        return int(file.metadata()["iteration"]) if file else 0


def restore_state(run: Path, learner: Resumable) -> int:
    """Load the last state; the number of iterations done, 0 if there is none."""
    with _opened_state(run) as file:
        if file is None:
            return 0
        learner.restore({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
        return int(file.metadata()["iteration"])


@contextmanager
def _opened_state(run: Path) -> Iterator[Any]:
    """The last state of a run, None if there is none."""
    path = run / STATE_FILE
    if not path.exists():
        yield None
        return
    try:
        with safe_open(path, "pt") as file:
            yield file
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is damaged ({error}). Start the run again in another folder."
        ) from None
