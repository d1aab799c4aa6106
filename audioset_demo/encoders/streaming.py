"""A sound through a network: the front end runs in a thread, a few batches ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple, TypeVar

import numpy as np

from audioset_demo.audio.decoding import Sound
from audioset_demo.audio.waveform import Waveform
from audioset_demo.embeddings.frames import Progress
from audioset_demo.encoders.logmel import ExampleStream

BATCH_EXAMPLES = 64  # so many share one reading of a network's weights
BATCHES_AHEAD = 2

Item = TypeVar("Item")


class Encoded(NamedTuple):
    """What a network made of a sound.

    Attributes
    ----------
    frames : (T, d), T >= 1.
    times_s : (T,) float64, start of each frame in seconds.
    duration_s : length of the sound in seconds.
    notes : remarks for the user on how it was read.
    """

    frames: np.ndarray
    times_s: np.ndarray
    duration_s: float
    notes: tuple[str, ...]


def run_network(
    network: Callable[[np.ndarray], np.ndarray],
    sound: Waveform | Sound,
    hop_s: float,
    progress: Progress | None = None,
) -> Encoded:
    """Put all examples of a sound through a network, in memory that its length does not change.

    Decoding, resampling and log-mel run beside the network: they hold Python's lock for little
    of their time.

    Parameters
    ----------
    network : log-mel examples (n, 96, 64) float32 to frames (n, d).
    hop_s : seconds from one frame to the next, a multiple of 0.01 from 0.01 to 0.96.

    Raises
    ------
    AudioSetDemoError : another hop; AudioError : the sound cannot be decoded.
    """
    stream = ExampleStream(sound, hop_s)
    parts: list[np.ndarray] = []
    n = 0
    with closing(ahead(stream.batches(BATCH_EXAMPLES), BATCHES_AHEAD)) as batches:
        for batch in batches:
            parts.append(network(batch))
            n += len(batch)
            if progress:
                progress(n * hop_s, sound.duration_s)
    if progress:
        progress(stream.duration_s, stream.duration_s)
    return Encoded(np.concatenate(parts), stream.times_s(n), stream.duration_s, stream.notes)


def ahead(items: Iterator[Item], n: int) -> Iterator[Item]:
    """The same items, up to `n` of them made in a thread before they are asked for.

    What `items` raises is raised here. Closing the result ends the thread.
    """
    end = object()
    thread = ThreadPoolExecutor(1)
    try:
        waiting = deque(thread.submit(next, items, end) for _ in range(n))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(thread.submit(next, items, end))
            yield item
    finally:
        thread.shutdown(cancel_futures=True)
