"""The encoders behind the HEAR API, so that its tools can compare them with others.

HEAR (Holistic Evaluation of Audio Representations) defines the functions and their rules:
https://hearbenchmark.com/hear-api.html. `hear-validator audioset_demo.hear` checks them, and
`python -m heareval.embeddings.runner audioset_demo.hear` runs the benchmark.

An embedding is the 128 components after PCA, in [-2, 2], that the tagging models read, before they
are rounded to 8 bits. Both encoders have them (the compact one has no others); rounded, they are
what AudioSet released and what HEAR's own wrapper of VGGish returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from audioset_demo.audio.waveform import Waveform
from audioset_demo.device import resolve_device
from audioset_demo.embeddings.frames import FRAME_S, N_DIMS, Embeddings
from audioset_demo.encoders import ENCODER_CHOICES, load_encoder, resolve_encoder
from audioset_demo.encoders.compact import CompactEncoder
from audioset_demo.encoders.encoder import Encoder
from audioset_demo.encoders.logmel import EXAMPLE_SAMPLES, SAMPLE_RATE
from audioset_demo.encoders.vggish import weights
from audioset_demo.errors import AudioError, WeightsError

HOP_MS = 50  # from one timestamp to the next: the longest that HEAR suggests


class HearModel(nn.Module):
    """An encoder with the attributes that HEAR requires; `to` moves its network.

    Attributes
    ----------
    sample_rate : of the audio to give, Hz.
    scene_embedding_size, timestamp_embedding_size : numbers per embedding.
    """

    sample_rate = SAMPLE_RATE
    scene_embedding_size = N_DIMS
    timestamp_embedding_size = N_DIMS

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = encoder
        self.network = encoder.network


def load_model(model_file_path: str = "", device: str = "auto") -> HearModel:
    """Load an encoder.

    Parameters
    ----------
    model_file_path : "vggish", "compact", or a folder that `python -m train encoder` wrote a
        compact encoder to. "" and "auto" are VGGish if it is installed, else the bundled compact
        encoder.
    device : "cpu", "cuda", "mps", or "auto" for a GPU if torch finds one.

    Raises
    ------
    AudioSetDemoError : this machine lacks the device.
    WeightsError : there is no such encoder, its weights are damaged, or VGGish or its PCA
        parameters are not installed.
    """
    name = model_file_path or "auto"
    encoder: Encoder
    if name in ENCODER_CHOICES:
        if resolve_encoder(name) == "vggish" and not weights.is_installed():
            raise WeightsError(f"HEAR gets the embeddings after PCA. {weights.PCA_MISSING}")
        encoder = load_encoder(name, device)
    elif Path(name).is_dir():
        encoder = CompactEncoder(Path(name))
    else:
        raise WeightsError(
            f"There is no encoder '{name}'. Choose one of {', '.join(ENCODER_CHOICES)}, or give a "
            "folder that holds a compact encoder."
        )
    return HearModel(encoder).eval().to(resolve_device(device))


def get_timestamp_embeddings(audio: Tensor, model: HearModel) -> tuple[Tensor, Tensor]:
    """Embeddings every 50 ms, each of the 0.975 s around its timestamp.

    The first timestamp is 0, the last lies less than 50 ms before the sound's end, or on it. The
    sound is padded with silence at both ends.

    Parameters
    ----------
    audio : (n_sounds, n_samples) float32 in [-1, 1], mono, at `model.sample_rate`; at least one
        sample.

    Returns
    -------
    embeddings : (n_sounds, n_timestamps, 128) float32 in [-2, 2], on the audio's device;
        n_timestamps is `1 + n_samples // 800`.
    timestamps : (n_sounds, n_timestamps) float32, milliseconds, the same for every sound.

    Raises
    ------
    AudioError : audio of another shape or type, without samples, or with NaN or infinity.
    """
    # Half an example at each end: the first example is centred on the sound's first sample.
    silence = EXAMPLE_SAMPLES // 2
    embeddings = [
        _pca(
            model.encoder.encode(
                replace(sound, samples=np.pad(sound.samples, silence)), HOP_MS / 1000
            )
        )
        for sound in _sounds(audio)
    ]
    timestamps = HOP_MS * torch.arange(len(embeddings[0]), dtype=torch.float32)
    return (
        torch.from_numpy(np.stack(embeddings)).to(audio.device),
        timestamps.repeat(len(embeddings), 1).to(audio.device),
    )


def get_scene_embeddings(audio: Tensor, model: HearModel) -> Tensor:
    """One embedding of each sound: the mean over its frames of 0.96 s, as they are tagged.

    Parameters
    ----------
    audio : as `get_timestamp_embeddings`; a sound shorter than 0.975 s is padded with silence.

    Returns
    -------
    (n_sounds, 128) float32 in [-2, 2], on the audio's device.

    Raises
    ------
    AudioError : as `get_timestamp_embeddings`.
    """
    scenes = [_pca(model.encoder.encode(sound, FRAME_S)).mean(axis=0) for sound in _sounds(audio)]
    return torch.from_numpy(np.stack(scenes)).to(audio.device)


def _pca(embeddings: Embeddings) -> np.ndarray:
    assert embeddings.pca is not None  # `load_model` refuses VGGish without its PCA parameters
    return embeddings.pca


def _sounds(audio: Tensor) -> Iterator[Waveform]:
    """The sounds of a batch, checked."""
    if not isinstance(audio, Tensor):
        raise AudioError(
            f"The audio is a {type(audio).__name__}. Give a float32 tensor of shape (n_sounds, "
            "n_samples)."
        )
    if audio.ndim != 2 or audio.dtype != torch.float32 or not len(audio):
        raise AudioError(
            f"The audio is {audio.dtype} of shape {tuple(audio.shape)}. Give float32 of shape "
            "(n_sounds, n_samples), mono, scaled to [-1, 1]."
        )
    for k, samples in enumerate(audio.detach().cpu().numpy()):
        yield Waveform(samples, SAMPLE_RATE, f"sound {k} of the batch")
