"""A sound, read once: its samples and log-mel go to listeners, its examples to a network.

Nothing here holds a whole sound. Decoding, resampling and log-mel run in a thread, a few batches
ahead of the network: they hold Python's lock for little of their time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from audioset_demo.audio.decoding import Sound
from audioset_demo.audio.resampling import require_resampler, resampled
from audioset_demo.audio.waveform import Waveform
from audioset_demo.embeddings.frames import FRAME_S, Progress
from audioset_demo.encoders import TAILS
from audioset_demo.encoders.logmel import (
    BLOCK_FRAMES,
    EXAMPLE_FRAMES,
    EXAMPLE_SAMPLES,
    HOP_SAMPLES,
    N_MELS,
    SAMPLE_RATE,
    WINDOW_SAMPLES,
    examples,
    hop_frames,
    log_mel,
)
from audioset_demo.errors import AudioSetDemoError

BATCH_EXAMPLES = 64  # that share one pass over a network's weights
BATCHES_AHEAD = 2

AUTO_PADS_BELOW_S = 10.0  # of the tail "auto"

Item = TypeVar("Item")


class Listener(Protocol):
    """Receives a sound while it is read. Called in order of time, in the thread that decodes."""

    def add_samples(self, samples: np.ndarray) -> None:
        """(n,) float32, mono, at the sound's own rate."""

    def add_log_mel(self, rows: np.ndarray) -> None:
        """(m, 64) float32, 10 ms a row."""


class LogMelStream:
    """The log-mel spectrogram of a sound, computed block by block; to be read once.

    Attributes
    ----------
    duration_s : seconds read so far.
    n_resampled : samples read so far, at 16 kHz.
    rest : (n,) float32, n < 400: the samples at 16 kHz from where the next row would begin.
    """

    def __init__(
        self,
        sound: Waveform | Sound,
        resampler: str = "soxr",
        listeners: Sequence[Listener] = (),
    ):
        require_resampler(resampler)
        self._sound, self._resampler, self._listeners = sound, resampler, listeners
        self._n_samples = 0
        self.n_resampled = 0
        self.rest = np.empty(0, np.float32)

    @property
    def duration_s(self) -> float:
        return self._n_samples / self._sound.sample_rate

    def blocks(self) -> Iterator[np.ndarray]:
        """(rows, 64) float32 at a time; the same however the sound's own blocks are cut."""
        samples = resampled(self._samples(), self._sound.sample_rate, SAMPLE_RATE, self._resampler)
        for block in _joined(samples, BLOCK_FRAMES * HOP_SAMPLES):
            self.n_resampled += len(block)
            held = np.concatenate([self.rest, block])
            rows = log_mel(held)
            self.rest = held[len(rows) * HOP_SAMPLES :]
            for listener in self._listeners:
                listener.add_log_mel(rows)
            yield rows

    def _samples(self) -> Iterator[np.ndarray]:
        for block in self._sound.blocks():
            self._n_samples += len(block)
            for listener in self._listeners:
                listener.add_samples(block)
            yield block


def listen(
    sound: Waveform | Sound, listeners: Sequence[Listener], progress: Progress | None = None
) -> None:
    """Read a sound to its end for listeners alone, without a network.

    Raises
    ------
    AudioError : the sound cannot be decoded.
    """
    stream = LogMelStream(sound, listeners=listeners)
    for _ in stream.blocks():
        if progress:
            progress(stream.duration_s, sound.duration_s)


class ExampleStream:
    """The log-mel examples of a sound, in batches and bounded memory; to be read once.

    A sound shorter than an example (15,600 samples at 16 kHz) is padded with silence at its end to
    exactly one. The end of a longer one that does not fill an example is dropped or padded; a note
    says how long it is, from 10 ms on.

    Parameters
    ----------
    hop_s : seconds from one example to the next, a multiple of 0.01 from 0.01 to 0.96.
    tail : one of `TAILS`; "auto" pads sounds below ten seconds.
    resampler : one of `audio.resampling.RESAMPLERS`.

    Attributes
    ----------
    hop_s : as given.
    stated_s : seconds that the sound states, None where it does not.
    duration_s : seconds read so far.
    notes : remarks for the user: the sound's, and on its end. Complete at the end.

    Raises
    ------
    AudioSetDemoError : another hop, tail or resampler.
    """

    def __init__(
        self,
        sound: Waveform | Sound,
        hop_s: float = FRAME_S,
        tail: str = "drop",
        resampler: str = "soxr",
        listeners: Sequence[Listener] = (),
    ):
        if tail not in TAILS:
            raise AudioSetDemoError(
                f"There is no tail '{tail}'. Choose one of: {', '.join(TAILS)}."
            )
        self._sound, self._tail = sound, tail
        self._log_mel = LogMelStream(sound, resampler, listeners)
        self._hop_frames = hop_frames(hop_s)
        self._own_notes: list[str] = []
        if resampler != "soxr" and sound.sample_rate != SAMPLE_RATE:
            self._own_notes.append(f"The sound was resampled with {resampler}.")
        self.hop_s = hop_s
        self.stated_s = sound.duration_s

    @property
    def duration_s(self) -> float:
        return self._log_mel.duration_s

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self._sound.notes, *self._own_notes)

    def times_s(self, n: int) -> np.ndarray:
        """(n,) float64, starts of the first n examples in seconds."""
        return np.arange(n) * (self._hop_frames * HOP_SAMPLES / SAMPLE_RATE)

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """(size, 96, 64) float32, the last one with what is left; at least one example."""
        n, hop = 0, self._hop_frames
        rows = np.empty((0, N_MELS), np.float32)  # from the first one of example n on
        for block in _joined(self._log_mel.blocks(), size * hop):
            rows = np.concatenate([rows, block])
            cut = examples(rows, hop)
            whole = len(cut) // size * size
            for start in range(0, whole, size):
                yield cut[start : start + size].copy()
            rows = rows[whole * hop :]
            n += whole
        n_left = len(examples(rows, hop))
        if self._keeps_tail(n + n_left):
            missing = n_left * hop + EXAMPLE_FRAMES - len(rows)
            rows = np.concatenate([rows, self._rows_of_tail(missing)])
        rest = examples(rows, hop)
        if len(rest):
            yield rest.copy()

    def _keeps_tail(self, n: int) -> bool:
        """Whether a padded example follows the n whole ones. Adds a note where sound is left."""
        if n == 0:
            self._own_notes.append(
                f"The sound lasts {self.duration_s:.3f} s, less than one frame "
                f"({EXAMPLE_SAMPLES / SAMPLE_RATE:.3f} s), and was padded with silence."
            )
            return True
        covered = (n - 1) * self._hop_frames * HOP_SAMPLES + EXAMPLE_SAMPLES
        left = self._log_mel.n_resampled - covered
        if left < HOP_SAMPLES:
            return False
        what = f"The last {left / SAMPLE_RATE:.2f} s do not fill a frame"
        if self._tail == "pad" or self._tail == "auto" and self.duration_s < AUTO_PADS_BELOW_S:
            self._own_notes.append(f"{what} and were padded with silence.")
            return True
        self._own_notes.append(f"{what} and were left out. Pad the tail (--tail pad) to keep them.")
        return False

    def _rows_of_tail(self, n: int) -> np.ndarray:
        """(n, 64), the spectrogram of the rest of the sound, followed by silence."""
        samples = np.zeros((n - 1) * HOP_SAMPLES + WINDOW_SAMPLES, np.float32)
        samples[: len(self._log_mel.rest)] = self._log_mel.rest
        return log_mel(samples)


class Encoded(NamedTuple):
    """A network's output for a sound.

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
    stream: ExampleStream,
    progress: Progress | None = None,
) -> Encoded:
    """Run a network over all examples of a sound, in memory that only the result adds to.

    Parameters
    ----------
    network : log-mel examples (n, 96, 64) float32 to frames (n, d).

    Raises
    ------
    AudioError : the sound cannot be decoded.
    """
    parts: list[np.ndarray] = []
    n = 0
    with closing(ahead(stream.batches(BATCH_EXAMPLES), BATCHES_AHEAD)) as batches:
        for batch in batches:
            parts.append(network(batch))
            n += len(batch)
            if progress:
                progress(min(n * stream.hop_s, stream.duration_s), stream.stated_s)
    if progress:
        progress(stream.duration_s, stream.duration_s)
    return Encoded(np.concatenate(parts), stream.times_s(n), stream.duration_s, stream.notes)


def ahead(items: Iterator[Item], n: int) -> Generator[Item, None, None]:
    """The same items, up to `n` of them computed ahead in a thread.

    What `items` raises is raised here. Closing the result ends the thread.
    """

    def following() -> list[Item]:
        return list(islice(items, 1))  # none at the end

    thread = ThreadPoolExecutor(1)
    try:
        waiting = deque(thread.submit(following) for _ in range(n))
        while found := waiting.popleft().result():
            waiting.append(thread.submit(following))
            yield found[0]
    finally:
        thread.shutdown(cancel_futures=True)


def _joined(blocks: Iterable[np.ndarray], least: int) -> Iterator[np.ndarray]:
    """The same rows in blocks of at least `least`, except the last."""
    waiting: list[np.ndarray] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= least:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)
