"""Sound that arrives in blocks, as from a microphone: its last minute, and the frames of that."""

from __future__ import annotations

import numpy as np

from audioset_demo.audio.waveform import Waveform
from audioset_demo.embeddings.frames import FRAME_S, N_DIMS, Embeddings
from audioset_demo.encoders.encoder import Encoder, encode_examples
from audioset_demo.encoders.logmel import (
    EXAMPLE_SAMPLES,
    HOP_SAMPLES,
    N_MELS,
    SAMPLE_RATE,
    examples,
    hop_frames,
    log_mel,
)

KEPT_S = 60.0


class LiveSound:
    """The last minute of a sound that arrives in blocks, and its embeddings.

    A frame is encoded once, as soon as its sound is complete. Whatever the lengths of the blocks,
    the frames are those that `Encoder.encode` gives of `waveform()`. What never came is silence.
    Not for several threads at once.

    Parameters
    ----------
    hop_s : seconds from one frame to the next, as in `Encoder.encode`.
    position : number of the first sample that will come, in the sender's count.
    kept_s : seconds that are kept.

    Attributes
    ----------
    position : number of the sample that comes next.
    n_lost : samples that never came.
    samples : (n,) int16 at 16 kHz. What is kept, and up to two hops more: it begins with a
        frame, and is cut when frames come.
    log_mel : (m, 64) float32 of `samples`, 10 ms a row.

    Raises
    ------
    AudioSetDemoError : the hop is not possible.
    """

    def __init__(
        self,
        encoder: Encoder,
        hop_s: float = FRAME_S,
        position: int = 0,
        kept_s: float = KEPT_S,
    ):
        self._encoder, self._hop_frames = encoder, hop_frames(hop_s)
        self._hop_samples = self._hop_frames * HOP_SAMPLES
        self._kept_samples = round(kept_s * SAMPLE_RATE)
        self.position, self.n_lost = position, 0
        self.samples = np.empty(0, np.int16)
        self.log_mel = np.empty((0, N_MELS), np.float32)
        self._frames = np.empty((0, N_DIMS), np.float32)

    def add(self, position: int, samples: np.ndarray) -> None:
        """Take a block, (n,) int16, whose first sample has this number.

        What is known of it already is left out; what is missing before it counts as lost.
        """
        lost = max(0, position - self.position)
        silence = np.zeros(min(lost, self._kept_samples), np.int16)
        new = samples[max(0, self.position - position) :]
        self.n_lost += lost
        self.position += lost + len(new)
        self.samples = np.concatenate([self.samples, silence, new])
        self._encode()

    def _encode(self) -> None:
        unseen = self.samples[len(self.log_mel) * HOP_SAMPLES :]
        rows = log_mel(unseen / np.float32(32768))
        self.log_mel = np.concatenate([self.log_mel, rows])
        complete = examples(self.log_mel[len(self._frames) * self._hop_frames :], self._hop_frames)
        if len(complete):
            frames = encode_examples(self._encoder.network, complete)
            self._frames = np.concatenate([self._frames, frames])
            self._forget()

    def _forget(self) -> None:
        n = max(0, len(self.samples) - self._kept_samples) // self._hop_samples
        self.samples = self.samples[n * self._hop_samples :]
        self.log_mel = self.log_mel[n * self._hop_frames :]
        self._frames = self._frames[n:]

    @property
    def encoded_to(self) -> int:
        """Number of the sample behind the last frame; `position` where there is no frame yet."""
        if not len(self._frames):
            return self.position
        end = (len(self._frames) - 1) * self._hop_samples + EXAMPLE_SAMPLES
        return self.position - len(self.samples) + end

    def waveform(self, name: str) -> Waveform:
        """The last minute.

        Raises
        ------
        AudioError : nothing has come yet.
        """
        return Waveform(self.samples / np.float32(32768), SAMPLE_RATE, name)

    def embeddings(self, name: str, last_s: float | None = None) -> Embeddings | None:
        """Those of the last minute, or of the frames within its last `last_s` seconds (0.975 or
        more), as of a clip of its own; None before the first frame.
        """
        frames, duration_s = self._frames, len(self.samples) / SAMPLE_RATE
        if not len(frames):
            return None
        if last_s is not None:
            n = (round(last_s * SAMPLE_RATE) - EXAMPLE_SAMPLES) // self._hop_samples + 1
            frames = frames[-n:]
            covered = (len(frames) - 1) * self._hop_samples + EXAMPLE_SAMPLES
            duration_s = covered / SAMPLE_RATE
        return Embeddings(
            encoder=self._encoder.name,
            times_s=np.arange(len(frames)) * (self._hop_samples / SAMPLE_RATE),
            duration_s=duration_s,
            name=name,
            notes=self._encoder.notes,
            **self._encoder.forms(frames)._asdict(),
        )
