"""The training of a visitor's own classes, in a process of its own: to stop it is to kill it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audioset_demo.embeddings.frames import Embeddings, Progress
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.views import own_models
from audioset_demo.views.log import logged

MAX_FRAMES = 20_000  # of all sounds together: five hours
MAX_WAITING = 10  # trainings of all visitors, the one that runs among them
LOOK_S = 0.1  # from one look at the process to the next
_ROOT = Path(__file__).parents[2]  # where this package is imported from
_turn = threading.Lock()
_waiting = threading.BoundedSemaphore(MAX_WAITING)


@dataclass(frozen=True)
class Lesson:
    """What is learned, and from what: N sounds and K classes.

    Attributes
    ----------
    name : of the model
    classes : (K,) their names
    labels : (N, K) bool; a sound without any is background
    groups : (N,) the recordings that the sounds are from
    """

    name: str
    classes: tuple[str, ...]
    labels: np.ndarray
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Learned:
    """A model, and the scores (N, K) of each sound by one that was trained without its recording.

    Scores are NaN where they are not known.
    """

    made: own_models.Made
    scores: np.ndarray


def train(
    lesson: Lesson, embeddings: Callable[[], Sequence[Embeddings]], progress: Progress
) -> Learned:
    """Learn classes. `embeddings` gives those of the sounds, and may take long.

    `progress` is called with seconds of time, several times a second; what it raises ends the work.

    Raises
    ------
    AudioSetDemoError : there is too little to learn from, or too much, or too many are waiting.
    """
    with _own_turn(progress):
        found = embeddings()
        data = _npz(lesson, found)
        with logged("learn classes", len(data)):
            answer = _answer(data, progress)
    made = own_models.made_of(answer["checkpoint"].tobytes(), lesson.name)
    return Learned(made, answer["scores"])


@contextmanager
def _own_turn(progress: Progress) -> Iterator[None]:
    """Trainings run one at a time, beside the turns of other work: they use one core."""
    if not _waiting.acquire(blocking=False):
        raise AudioSetDemoError(
            f"{MAX_WAITING} other trainings are waiting, which is as many as this server takes. "
            "Try again in a few minutes."
        )
    try:
        while not _turn.acquire(timeout=LOOK_S):
            progress(0.0, None)
        try:
            yield
        finally:
            _turn.release()
    finally:
        _waiting.release()


def _npz(lesson: Lesson, embeddings: Sequence[Embeddings]) -> bytes:
    """The examples as `train.few_shot.child` reads them."""
    encoders = sorted({one.encoder for one in embeddings})
    if len(encoders) > 1:
        raise AudioSetDemoError(
            f"The sounds were encoded by different encoders ({', '.join(encoders)}), and a model "
            "learns from one. Leave the embeddings files out, or use them alone."
        )
    frames = [one.require_quantised() for one in embeddings]
    n_frames = sum(map(len, frames))
    if n_frames > MAX_FRAMES:
        raise AudioSetDemoError(
            f"The sounds have {n_frames:,} frames in all, and a training takes {MAX_FRAMES:,}. "
            "Leave long ones out, cut parts of them, or choose a longer hop in the sidebar."
        )
    buffer = io.BytesIO()
    np.savez(
        buffer,
        frames=np.concatenate(frames) if frames else np.empty((0, 128), np.uint8),
        lengths=np.array([len(one) for one in frames], np.int64),
        labels=lesson.labels,
        groups=np.array(lesson.groups, dtype=str),
        names=np.array(lesson.classes, dtype=str),
        name=np.array(lesson.name),
        encoder=np.array(encoders[0] if encoders else ""),
        set=np.array(f"own sounds ({len(frames):,} clips)"),
    )
    return buffer.getvalue()


def _answer(data: bytes, progress: Progress) -> dict[str, np.ndarray]:
    """What the process found out.

    Raises
    ------
    AudioSetDemoError : it refused the examples, or ended without an answer.
    """
    started = time.monotonic()
    given: bytes | None = data
    with _process() as process:
        while True:
            try:
                out, _ = process.communicate(given, timeout=LOOK_S)
                break
            except subprocess.TimeoutExpired as waiting:
                given = None  # it has been taken
                elapsed, share = time.monotonic() - started, _share(waiting.stderr or b"")
                progress(elapsed, elapsed / share if share else None)
    if process.returncode:
        raise AudioSetDemoError(
            "The training ended without a model, for lack of memory or time. Give fewer or shorter "
            "sounds."
        )
    with np.load(io.BytesIO(out), allow_pickle=False) as file:
        answer = dict(file)
    if "error" in answer:
        raise AudioSetDemoError(str(answer["error"]))
    return answer


@contextmanager
def _process() -> Iterator[subprocess.Popen]:
    """The process that trains, killed at the end of the block if it is still there."""
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "train.few_shot.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # One thread: its arrays are small, and other visitors need the other cores.
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        start_new_session=True,  # Ctrl-C is the server's affair
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _share(lines: bytes) -> float:
    """The share that is done, by the last whole line that states one; 0 if there is none."""
    for line in reversed(lines.split(b"\n")[:-1]):
        try:
            return float(line)
        except ValueError:  # a warning of a library
            continue
    return 0.0
