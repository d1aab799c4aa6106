"""Encoders: a sound to frames of 128 numbers, by default one every 0.96 s.

torch is imported when an encoder is loaded, not before, so that naming one stays quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from audioset_demo.audio.decoding import Sound
from audioset_demo.audio.waveform import Waveform
from audioset_demo.device import resolve_device
from audioset_demo.embeddings.frames import FRAME_S, Embeddings, Progress
from audioset_demo.encoders.vggish import weights
from audioset_demo.errors import AudioSetDemoError, WeightsError

if TYPE_CHECKING:
    from torch import nn

    from audioset_demo.encoders.streaming import Listener

__all__ = [
    "ENCODER_CHOICES",
    "TAILS",
    "Encoder",
    "load_encoder",
    "load_quantising_encoder",
    "resolve_encoder",
    "silent_frame",
]

ENCODER_CHOICES = ("auto", "vggish", "compact")

# What becomes of sound at the end that does not fill a frame: left out, as by VGGish; padded with
# silence; or padded in clips short enough for it to matter.
TAILS = ("drop", "pad", "auto")


class Encoder(Protocol):
    """What every encoder offers.

    Attributes
    ----------
    name : a key of `ENCODER_TITLES`, `title` its value.
    network : log-mel examples (B, 96, 64) to (B, 128); it runs on the device it is moved to.
    """

    name: str
    title: str

    @property
    def network(self) -> nn.Module: ...

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


def resolve_encoder(name: str = "auto") -> str:
    """The encoder that a choice stands for: "vggish" or "compact".

    "auto" is VGGish where its network and PCA file are both installed, else the compact encoder.

    Raises
    ------
    AudioSetDemoError : if there is no such choice.
    WeightsError : if VGGish is asked for by name and its network is not installed.
    """
    if name not in ENCODER_CHOICES:
        raise AudioSetDemoError(
            f"There is no encoder '{name}'. Choose one of: {', '.join(ENCODER_CHOICES)}."
        )
    if name == "auto":
        return "vggish" if weights.is_installed() else "compact"
    if name == "vggish":
        weights.require_network()
    return name


def load_encoder(name: str = "auto", device: str = "auto") -> Encoder:
    """Load an encoder, ready to use and safe to share between threads.

    Parameters
    ----------
    device : what its network runs on, as in `resolve_device`.

    Raises
    ------
    AudioSetDemoError, WeightsError : as `resolve_encoder` and `resolve_device`, and if an installed
        file is damaged.
    """
    name, on = resolve_encoder(name), resolve_device(device)
    encoder: Encoder
    if name == "vggish":
        from audioset_demo.encoders.vggish.network import VggishEncoder

        encoder = VggishEncoder()
    else:
        from audioset_demo.encoders.compact import CompactEncoder

        encoder = CompactEncoder()
    encoder.network.to(on)
    return encoder


def load_quantising_encoder(name: str = "auto") -> Encoder:
    """An encoder with the quantised embeddings that tagging models read.

    Raises
    ------
    AudioSetDemoError, WeightsError : as `load_encoder`, and for VGGish without its PCA parameters.
    """
    if resolve_encoder(name) == "vggish" and not weights.is_installed():
        raise WeightsError(weights.PCA_MISSING)
    return load_encoder(name)


def silent_frame(encoder: Encoder) -> np.ndarray:
    """An encoder's embedding of digital silence: one quantised frame, (128,) uint8.

    Raises
    ------
    WeightsError : if VGGish's PCA parameters are not installed.
    """
    silence = Waveform(np.zeros(round(FRAME_S * 16_000), np.float32), 16_000, "silence")
    return encoder.encode(silence).require_quantised()[0]
