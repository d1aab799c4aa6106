"""The compact encoder: a small network, bundled, that stands in for VGGish.

It is not VGGish. It reads the same log-mel examples and was trained, by `python -m train encoder`,
to reproduce the embedding space on which the tagging models were trained (VGGish after PCA, in
[-2, 2]), so that those models can tag its output.
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
from audioset_demo.encoders.logmel import LOG_OFFSET, N_MELS
from audioset_demo.errors import WeightsError

WEIGHTS_FILE = "compact.safetensors"
CARD_FILE = "compact.json"
SOUNDS_FILE = "sounds.csv"  # every training recording, and its author
BUNDLED = files("audioset_demo") / "assets" / "compact"
BATCH_EXAMPLES = 64
# Log-mel of silence becomes 0 and loud sounds a few units: a scale that suits convolutions.
INPUT_SHIFT = float(-np.log(LOG_OFFSET))
INPUT_SCALE = 0.25
LARGEST = 10_000  # of any number in the settings


@dataclass(frozen=True)
class CompactSettings:
    """Channels (widths) and convolutions (depths) of each stage; a stage halves the map."""

    widths: tuple[int, ...] = (32, 64, 128, 256)
    depths: tuple[int, ...] = (1, 2, 2, 4)
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


class _Stage(nn.Module):
    """A convolution of stride 2, then residual ones; plain 3x3, which CPUs do fast."""

    def __init__(self, n_in: int, n_out: int, depth: int):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(
                n_in if layer == 0 else n_out, n_out, 3, 2 if layer == 0 else 1, 1, bias=False
            )
            for layer in range(depth)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(n_out) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        for layer, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            y = norm(conv(x))
            x = F.relu(y if layer == 0 else x + y)
        return x


class CompactNet(nn.Module):
    """Log-mel examples (B, 96, 64) to components (B, 128) in [-2, 2]."""

    def __init__(self, settings: CompactSettings = CompactSettings()):  # noqa: B008 (frozen)
        super().__init__()
        self.settings = settings
        widths = (1, *settings.widths)
        self.stages = nn.ModuleList(
            _Stage(n_in, n_out, depth)
            for n_in, n_out, depth in zip(widths, widths[1:], settings.depths, strict=False)
        )
        n_bands = -(-N_MELS // 2 ** len(settings.widths))
        n_pooled = 2 * settings.widths[-1] * n_bands
        self.hidden = nn.Linear(n_pooled, settings.hidden_units)
        self.norm = nn.BatchNorm1d(settings.hidden_units)
        self.project = nn.Linear(settings.hidden_units, N_DIMS)

    def features(self, examples: Tensor) -> Tensor:
        """(B, 96, 64) to (B, hidden units): what the last layer reads."""
        x = ((examples + INPUT_SHIFT) * INPUT_SCALE).unsqueeze(1)
        x = x.contiguous(memory_format=torch.channels_last)
        for stage in self.stages:
            x = stage(x)
        # Over time, the mean and the maximum; bands stay apart, since pitch tells sounds apart.
        pooled = torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1).flatten(1)
        return F.relu(self.norm(self.hidden(pooled)))

    def components(self, features: Tensor) -> Tensor:
        """(B, hidden units) to (B, 128) in [-2, 2]."""
        return CLIP * torch.tanh(self.project(features).float() / CLIP)

    def forward(self, examples: Tensor) -> Tensor:
        return self.components(self.features(examples))


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
