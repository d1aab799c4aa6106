"""What every encoder does: a sound through its network to embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from audioset_demo.audio.decoding import Sound
from audioset_demo.audio.waveform import Waveform
from audioset_demo.embeddings.frames import FRAME_S, N_DIMS, Embeddings, Progress
from audioset_demo.encoders.streaming import BATCH_EXAMPLES, ExampleStream, Listener, run_network


class Forms(NamedTuple):
    """A network's output in the forms of `Embeddings`, each (T, 128) or None."""

    quantised: np.ndarray | None
    pca: np.ndarray | None
    embedding: np.ndarray | None


class Encoder:
    """What every encoder offers; one of them says what its network is and how its output is kept.

    Attributes
    ----------
    name : a key of `ENCODER_TITLES`, `title` its value.
    network : log-mel examples (B, 96, 64) to (B, 128); it runs on the device it is moved to.
    notes : remarks for the user on every result.
    """

    name: str
    title: str
    network: nn.Module
    notes: tuple[str, ...] = ()

    def forms(self, frames: np.ndarray) -> Forms:
        """The network's output (T, 128) float32 in the forms that are kept of it."""
        raise NotImplementedError

    def encode(
        self,
        sound: Waveform | Sound,
        hop_s: float = FRAME_S,
        progress: Progress | None = None,
        *,
        tail: str = "drop",
        resampler: str = "soxr",
        listeners: Sequence[Listener] = (),
    ) -> Embeddings:
        """Embeddings of a sound; one shorter than 0.975 s is padded with silence to one frame.

        Parameters
        ----------
        hop_s : seconds from one frame to the next, a multiple of 0.01 from 0.01 to 0.96; each
            frame covers 0.96 s.
        progress : called with the seconds done and the seconds in all, or None where the file does
            not state its length. To end the work, raise an exception.
        tail : what becomes of sound at the end that does not fill a frame: "drop", as by VGGish;
            "pad" keeps it in a frame padded with silence; "auto" pads sounds below ten seconds. A
            note says how long it is.
        resampler : to 16 kHz: "soxr", or "resampy", the one of Google's own front end.
        listeners : receive the samples and the log-mel of the same pass over the sound.

        Raises
        ------
        AudioSetDemoError : another hop, tail or resampler, or one that is not installed;
            AudioError : the sound cannot be decoded.
        """
        stream = ExampleStream(sound, hop_s, tail, resampler, listeners)
        encoded = run_network(self._run, stream, progress)
        return Embeddings(
            encoder=self.name,
            times_s=encoded.times_s,
            duration_s=encoded.duration_s,
            name=sound.name,
            notes=encoded.notes + self.notes,
            **self.forms(encoded.frames)._asdict(),
        )

    def _run(self, examples: np.ndarray) -> np.ndarray:
        return encode_examples(self.network, examples)


@torch.inference_mode()
def encode_examples(network: nn.Module, examples: np.ndarray) -> np.ndarray:
    """(T, 96, 64) log-mel to (T, 128) float32, on the network's device."""
    device = next(network.parameters()).device
    out = np.empty((len(examples), N_DIMS), np.float32)
    for start in range(0, len(examples), BATCH_EXAMPLES):
        batch = examples[start : start + BATCH_EXAMPLES]
        frames = network(torch.tensor(batch, dtype=torch.float32, device=device))
        out[start : start + len(batch)] = frames.cpu().numpy()
    return out
