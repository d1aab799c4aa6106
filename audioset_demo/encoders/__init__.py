"""Encoders: a sound to frames of 128 numbers, by default one every 0.96 s.

torch is imported when an encoder is loaded, not before, so that naming one stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audioset_demo.audio.waveform import Waveform
from audioset_demo.device import multiplies_bfloat16, resolve_device
from audioset_demo.embeddings.frames import FRAME_S
from audioset_demo.encoders.vggish import weights
from audioset_demo.errors import AudioSetDemoError, WeightsError

if TYPE_CHECKING:
    from audioset_demo.encoders.encoder import Encoder

__all__ = [
    "ENCODER_CHOICES",
    "FAST_ENCODER",
    "TAILS",
    "fast_encoder",
    "load_encoder",
    "load_quantising_encoder",
    "require_quantising",
    "resolve_encoder",
    "silent_frame",
]

ENCODER_CHOICES = ("auto", "vggish", "compact")
# VGGish twice as fast where the processor multiplies bfloat16, its scores up to 0.011 away.
FAST_ENCODER = "vggish_bfloat16"

# What becomes of sound at the end that does not fill a frame: left out, as by VGGish; padded with
# silence; or padded in clips short enough for it to matter.
TAILS = ("drop", "pad", "auto")


def resolve_encoder(name: str = "auto") -> str:
    """The encoder that a choice stands for: "vggish", `FAST_ENCODER` or "compact".

    "auto" is VGGish where its network and PCA file are both installed, else the compact encoder.

    Raises
    ------
    AudioSetDemoError : if there is no such choice.
    WeightsError : if VGGish is asked for by name and its network is not installed.
    """
    if name not in (*ENCODER_CHOICES, FAST_ENCODER):
        raise AudioSetDemoError(
            f"There is no encoder '{name}'. Choose one of: {', '.join(ENCODER_CHOICES)}."
        )
    if name == "auto":
        return "vggish" if weights.is_installed() else "compact"
    if name != "compact":
        weights.require_network()
    return name


def fast_encoder(name: str, device: str = "auto") -> str:
    """`FAST_ENCODER` in place of the encoder that a choice stands for.

    Raises
    ------
    AudioSetDemoError : that encoder is not VGGish, or the device does not multiply bfloat16.
    """
    if resolve_encoder(name) != "vggish":
        raise AudioSetDemoError(
            "--fast is for VGGish, and the compact encoder would be used. Leave --fast out, or "
            "install VGGish with `audioset-demo weights get`."
        )
    on = resolve_device(device)
    if not multiplies_bfloat16(on):
        raise AudioSetDemoError(
            f"--fast needs a device that multiplies bfloat16, and this {on.type} does not: it "
            "would be slower. Leave --fast out."
        )
    return FAST_ENCODER


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
    if name != "compact":
        from audioset_demo.encoders.vggish.network import VggishEncoder

        encoder = VggishEncoder(name)
    else:
        from audioset_demo.encoders.compact import CompactEncoder

        encoder = CompactEncoder()
    encoder.network.to(on)
    return encoder


def load_quantising_encoder(name: str = "auto") -> Encoder:
    """An encoder with the quantised embeddings that tagging models read.

    Raises
    ------
    AudioSetDemoError, WeightsError : as `load_encoder` and `require_quantising`.
    """
    return load_encoder(require_quantising(name))


def require_quantising(name: str = "auto") -> str:
    """The encoder that a choice stands for, if tagging models can read what it makes.

    Raises
    ------
    AudioSetDemoError, WeightsError : as `resolve_encoder`, and for VGGish without its PCA
        parameters.
    """
    name = resolve_encoder(name)
    if name != "compact" and not weights.is_installed():
        raise WeightsError(weights.PCA_MISSING)
    return name


def silent_frame(encoder: Encoder) -> np.ndarray:
    """An encoder's embedding of digital silence: one quantised frame, (128,) uint8.

    Raises
    ------
    WeightsError : if VGGish's PCA parameters are not installed.
    """
    silence = Waveform(np.zeros(round(FRAME_S * 16_000), np.float32), 16_000, "silence")
    return encoder.encode(silence).require_quantised()[0]
