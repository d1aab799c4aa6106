"""The compact encoder: a small network, bundled, that stands in for VGGish.

It is not VGGish. It reads the same log-mel examples and was trained, by `python -m train encoder`,
to reproduce the embedding space on which the tagging models were trained (VGGish after PCA, in
[-2, 2]), so that those models can tag its output. Its convolutions are those of YAMNet (Google,
Apache-2.0; a MobileNet v1, Howard et al., arXiv 1704.04861), trained further.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from audioset_demo.embeddings.frames import (
    CLIP,
    ENCODER_TITLES,
    N_DIMS,
    quantise,
)
from audioset_demo.encoders.encoder import Encoder, Forms
from audioset_demo.encoders.logmel import LOG_OFFSET
from audioset_demo.errors import WeightsError

WEIGHTS_FILE = "compact.safetensors"
CARD_FILE = "compact.json"
SOUNDS_FILE = "sounds.csv"  # every training recording, and its author
BUNDLED = files("audioset_demo") / "assets" / "compact"
CACHED_EXAMPLES = 32  # whose maps a core's cache holds: a quarter faster than twice as many
# Added to the mel spectrogram before its logarithm, by YAMNet; less than VGGish's `LOG_OFFSET`.
YAMNET_LOG_OFFSET = 0.001
LARGEST = 10_000  # of any number in the settings


@dataclass(frozen=True)
class CompactSettings:
    """Channels (widths) and separable convolutions (depths) of each stage.

    The first convolution halves the map, and so does every stage but the first. The defaults are
    YAMNet's.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 1024)
    depths: tuple[int, ...] = (1, 2, 2, 6, 2)
    hidden_units: int = 1024

    def __post_init__(self):
        numbers = (*self.widths, *self.depths, self.hidden_units)
        if not self.widths or len(self.widths) != len(self.depths):
            raise ValueError(f"it has {len(self.widths)} widths and {len(self.depths)} depths")
        for number in numbers:
            if type(number) is not int or not 1 <= number <= LARGEST:
                raise ValueError(f"{number!r} is not a whole number from 1 to {LARGEST:,}")

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, settings: dict) -> CompactSettings:
        lists = {key: tuple(settings[key]) for key in ("widths", "depths")}
        return cls(**{**settings, **lists})


class Convolution(nn.Module):
    """A convolution with TensorFlow's padding ("same"), and values kept within [0, 6]."""

    def __init__(self, n_in: int, n_out: int, size: int, stride: int = 1, groups: int = 1):
        super().__init__()
        # At stride 2, TensorFlow pads even maps behind alone.
        self._behind = (0, 1, 0, 1) if stride == 2 else None
        padding = 0 if self._behind else size // 2
        self.conv = nn.Conv2d(n_in, n_out, size, stride, padding, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        if self._behind:
            x = F.pad(x, self._behind)
        return F.relu6(self.conv(x), inplace=True)


class CompactNet(nn.Module):
    """Log-mel examples (B, 96, 64) to components (B, 128) in [-2, 2].

    Attributes
    ----------
    convolutions : the first, and of each separable convolution the one over time and frequency
        within channels, then the one over channels.
    """

    def __init__(self, settings: CompactSettings = CompactSettings()):  # noqa: B008 (frozen)
        super().__init__()
        self.settings = settings
        channels = max(1, settings.widths[0] // 2)
        self.convolutions = nn.ModuleList([Convolution(1, channels, 3, 2)])
        for stage, (width, depth) in enumerate(zip(settings.widths, settings.depths, strict=True)):
            for layer in range(depth):
                stride = 2 if stage > 0 and layer == 0 else 1
                self.convolutions.append(Convolution(channels, channels, 3, stride, channels))
                self.convolutions.append(Convolution(channels, width, 1))
                channels = width
        self.hidden = nn.Linear(channels, settings.hidden_units)
        self.norm = nn.BatchNorm1d(settings.hidden_units)
        self.project = nn.Linear(settings.hidden_units, N_DIMS)

    def pooled(self, examples: Tensor) -> Tensor:
        """(B, 96, 64) to (B, last width): the mean of the last map, YAMNet's embedding before any
        further training.
        """
        mel = (examples.exp() - LOG_OFFSET).clamp(min=0)
        x = (mel + YAMNET_LOG_OFFSET).log().unsqueeze(1)
        x = x.contiguous(memory_format=torch.channels_last)
        for convolution in self.convolutions:
            x = convolution(x)
        return x.mean(dim=(2, 3))

    def components(self, pooled: Tensor) -> Tensor:
        """(B, last width) to (B, 128) in [-2, 2]."""
        hidden = F.relu(self.norm(self.hidden(pooled)))
        return CLIP * torch.tanh(self.project(hidden).float() / CLIP)

    def in_one_pass(self, examples: Tensor) -> Tensor:
        """What `forward` gives, slower where the maps of all examples exceed a core's cache."""
        return self.components(self.pooled(examples))

    def forward(self, examples: Tensor) -> Tensor:
        return torch.cat([self.in_one_pass(part) for part in examples.split(CACHED_EXAMPLES)])


def load_compact(folder: Path | None = None) -> tuple[CompactNet, dict]:
    """The network in evaluation mode and its card, from a folder; by default the bundled ones.

    Raises
    ------
    WeightsError : if a file is missing, damaged, or does not fit the other.
    """
    if folder is None:
        with as_file(BUNDLED) as bundled:
            return load_compact(bundled)
    try:
        card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        with torch.device("meta"):  # the file's tensors take the place of the parameters
            network = CompactNet(CompactSettings.from_json(card["settings"]))
        # Copies: tensors are mapped from the file, and would change with it.
        state = {
            name: tensor.to(torch.float32, copy=True)
            for name, tensor in load_file(folder / WEIGHTS_FILE).items()
        }
        if not all(tensor.isfinite().all() for tensor in state.values()):
            raise ValueError(f"{WEIGHTS_FILE} holds NaN or infinity")
        network.load_state_dict(state, assign=True)
    except (
        OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, SafetensorError
    ) as error:  # fmt: skip
        raise WeightsError(
            f"{folder} does not hold the compact encoder ({WEIGHTS_FILE} and {CARD_FILE}): "
            f"{error}. Install the package again, or train one with `python -m train encoder`."
        ) from error
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stubs
    return network.eval().requires_grad_(False), card


@cache
def compact_card() -> dict:
    """The bundled encoder's card: its training data, and how well it does.

    Raises
    ------
    WeightsError : if it is missing or damaged.
    """
    try:
        return json.loads((BUNDLED / CARD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"The card of the compact encoder cannot be read ({error}). Install the package again."
        ) from error


def unsure_below(model: str) -> float:
    """The top score below which half of a tagging model's top tags are wrong with this encoder.

    `model` is its card's `in_short`; 0 where this was not measured.
    """
    return compact_card().get("unsure_below", {}).get(model, 0.0)


class CompactEncoder(Encoder):
    """The compact encoder with the bundled weights, or with those in `folder`.

    Raises
    ------
    WeightsError : if the weights are missing or damaged.
    """

    name = "compact"
    title = ENCODER_TITLES["compact"]

    def __init__(self, folder: Path | None = None):
        self.network, self.card = load_compact(folder)

    def forms(self, frames: np.ndarray) -> Forms:
        """The network's output is on the scale of VGGish's after PCA."""
        return Forms(quantised=quantise(frames), pca=frames, embedding=None)
