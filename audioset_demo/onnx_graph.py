"""A tagging model and its encoder as one ONNX graph: a waveform in, scores out.

The graph does what `Tagger.tag` does at its own hop and tail: frames of 0.96 s one after the other,
the end that does not fill a frame left out, a sound shorter than a frame padded with silence to
one. It reads the sound as a whole: its memory grows with the sound's length.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from audioset_demo.audio.samples import synthesise
from audioset_demo.embeddings.frames import CLIP, FRAME_S, LEVELS_PER_UNIT
from audioset_demo.encoders.compact import CompactNet
from audioset_demo.encoders.encoder import Encoder
from audioset_demo.encoders.logmel import (
    EXAMPLE_FRAMES,
    EXAMPLE_SAMPLES,
    FFT_SIZE,
    HOP_SAMPLES,
    LOG_OFFSET,
    N_BINS,
    N_MELS,
    SAMPLE_RATE,
    WINDOW_SAMPLES,
    mel_matrix,
    window,
)
from audioset_demo.encoders.vggish.network import VggishEncoder, VggishNetwork
from audioset_demo.encoders.vggish.pca import PcaParameters
from audioset_demo.encoders.vggish.weights import PCA_MISSING
from audioset_demo.errors import AudioSetDemoError, WeightsError
from audioset_demo.storage import json_text, write_atomically
from audioset_demo.tagging import Tagger

NEEDED = ("onnx", "onnxruntime", "onnxscript")
INPUT = "waveform"
OUTPUTS = ("scores", "frame_scores", "embeddings")
MOST_DIFFERENT = 1e-3  # of scores; where a number lies on the border of two levels, it may move one
EXAMPLE_HOP = EXAMPLE_FRAMES * HOP_SAMPLES  # samples from one frame of 0.96 s to the next


class FrontEnd(nn.Module):
    """A waveform (n,) at 16 kHz to its log-mel examples (T, 96, 64): `logmel`, as matrices.

    In float64 as there: in float32, the logarithm of a quiet band beside a loud one is 1e-4 off.
    """

    spectrum: Tensor
    mel: Tensor

    def __init__(self):
        super().__init__()
        angles = 2 * np.pi / FFT_SIZE * np.outer(np.arange(WINDOW_SAMPLES), np.arange(N_BINS))
        waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
        self.register_buffer("spectrum", torch.from_numpy(window()[:, None] * waves))
        self.register_buffer("mel", torch.from_numpy(mel_matrix().copy()))

    def forward(self, waveform: Tensor) -> Tensor:
        n_whole = (waveform.shape[0] - EXAMPLE_SAMPLES + EXAMPLE_HOP) // EXAMPLE_HOP
        n_examples = torch.sym_max(1, n_whole)
        padded = torch.cat([waveform, waveform.new_zeros(EXAMPLE_SAMPLES)])
        starts = torch.arange(n_examples * EXAMPLE_FRAMES) * HOP_SAMPLES
        windows = padded[starts[:, None] + torch.arange(WINDOW_SAMPLES)]
        real, imaginary = (windows.double() @ self.spectrum).chunk(2, dim=1)
        magnitudes = (real * real + imaginary * imaginary).sqrt()
        log_mel = (magnitudes @ self.mel + LOG_OFFSET).log().float()
        return log_mel.reshape(n_examples, EXAMPLE_FRAMES, N_MELS)


class Projection(nn.Module):
    """VGGish's PCA: `PcaParameters.project` in torch, embeddings (T, 128) to components."""

    means: Tensor
    eigen_vectors: Tensor

    def __init__(self, pca: PcaParameters):
        super().__init__()
        self.register_buffer("means", torch.from_numpy(pca.means))
        self.register_buffer("eigen_vectors", torch.from_numpy(pca.eigen_vectors))

    def forward(self, embeddings: Tensor) -> Tensor:
        components = (embeddings.double() - self.means) @ self.eigen_vectors.T
        return components.clamp(-CLIP, CLIP)


class WaveformTagger(nn.Module):
    """What `Tagger` does with a waveform (1, n), for K classes and T frames.

    Gives scores (1, K), frame scores (1, T, K) and embeddings (1, T, 128): these are `pca` of
    `Embeddings`, in [-2, 2], before they are quantised.
    """

    def __init__(self, tagger: Tagger):
        super().__init__()
        encoder = tagger.encoder
        self.front_end = FrontEnd()
        self.network = cast(CompactNet | VggishNetwork, encoder.network)
        self.project = _projection(encoder)
        self.model = tagger.model

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        components = self.encode(waveform)
        scores, frame_scores = self.tag(components)
        return scores[None], frame_scores[None], components.float()[None]

    def encode(self, waveform: Tensor) -> Tensor:
        """(1, n) -> components (T, 128)."""
        return self.project(self.network.in_one_pass(self.front_end(waveform[0])))

    def tag(self, components: Tensor) -> tuple[Tensor, Tensor]:
        """(T, 128) -> scores (K,) and frame scores (T, K)."""
        quantised = ((components.clamp(-CLIP, CLIP) + CLIP) * LEVELS_PER_UNIT).floor()
        levels = self.model.trunk((quantised.float() - 128) / 128)
        head = self.model.head
        return head.score(head.summarise([levels])), head.frame_scores(levels)


def _projection(encoder: Encoder) -> nn.Module:
    if not isinstance(encoder, VggishEncoder):
        return nn.Identity()
    if encoder.pca is None:
        raise WeightsError(PCA_MISSING)
    return Projection(encoder.pca)


def require_onnx() -> None:
    """Raise `AudioSetDemoError` unless the packages that write and run a graph are installed."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise AudioSetDemoError(
            f"To write ONNX, these packages are missing: {', '.join(missing)}. Install them with "
            "`pip install 'audioset-demo[onnx]'`."
        )


def write_onnx(path: Path, tagger: Tagger) -> float:
    """Write the graph of a tagger on the CPU to one file, and run it once to check it.

    Returns
    -------
    The largest difference between its scores and the tagger's, for ten seconds of sound.

    Raises
    ------
    AudioSetDemoError
        If packages are missing, or the graph's scores are others.
    """
    require_onnx()
    difference = 0.0

    def write(part: Path) -> None:
        nonlocal difference
        program = _exported(WaveformTagger(tagger))
        program.model.metadata_props.update(metadata(tagger))
        program.save(part, external_data=False)
        difference = _difference(part, tagger)

    write_atomically(path, write)
    return difference


def metadata(tagger: Tagger) -> dict[str, str]:
    """What the graph's `metadata_props` say: texts, `labels` and `mids` as JSON lists."""
    return {
        "labels": json_text([label.name for label in tagger.labels]),
        "mids": json_text([label.mid for label in tagger.labels]),
        "model": tagger.card.name,
        "title": tagger.card.title,
        "training_set": tagger.card.training_set,
        "encoder": tagger.encoder.title,
        "sample_rate": str(SAMPLE_RATE),
        "frame_s": str(FRAME_S),
    }


def _exported(graph: WaveformTagger) -> torch.onnx.ONNXProgram:
    with _without_remarks():
        program = torch.onnx.export(
            graph.eval(),
            (torch.zeros(1, 3 * SAMPLE_RATE),),
            dynamo=True,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes=({1: torch.export.Dim("samples")},),
            verbose=False,
        )
    assert program is not None  # it is not, with `dynamo`
    for node in program.model.graph:
        node.metadata_props.clear()  # lines of our source, and paths of this machine
    for output in program.model.graph.outputs[1:]:
        assert output.shape is not None
        output.shape[1] = "frames"
    return program


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Leave out what torch's exporter says of packages that no graph here needs, and of itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _difference(path: Path, tagger: Tagger) -> float:
    """The largest difference of a graph's scores from the tagger's."""
    import onnxruntime

    sound = synthesise("sequence")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (scores,) = session.run(["scores"], {INPUT: sound.samples[None]})
    difference = float(np.abs(scores[0] - tagger.tag(sound).scores).max())
    if not difference <= MOST_DIFFERENT:  # so that NaN fails
        raise AudioSetDemoError(
            f"The graph's scores differ from PyTorch's by {difference:.2g}, and it was not kept. "
            "Install other versions of torch and onnxruntime."
        )
    return difference
