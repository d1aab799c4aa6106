"""VGGish: the network in torch, and the encoder around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from audioset_demo.embeddings.frames import (
    ENCODER_TITLES,
    N_DIMS,
    quantise,
)
from audioset_demo.encoders.encoder import Encoder, Forms
from audioset_demo.encoders.vggish import weights
from audioset_demo.encoders.vggish.pca import load_pca
from audioset_demo.errors import WeightsError

CONV_EXAMPLES = 16  # at a time: few enough that the convolutions' outputs stay in the cache


class VggishNetwork(nn.Module):
    """The released network, from log-mel examples to embeddings before PCA.

    The last layer has no ReLU: the first public model had one, the released embeddings do not
    (tensorflow/models, pull request 9080). All is float32, unless `use_bfloat16` was called.
    """

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 3, padding=1)
        self.conv2 = nn.Conv2d(64, 128, 3, padding=1)
        self.conv3_1 = nn.Conv2d(128, 256, 3, padding=1)
        self.conv3_2 = nn.Conv2d(256, 256, 3, padding=1)
        self.conv4_1 = nn.Conv2d(256, 512, 3, padding=1)
        self.conv4_2 = nn.Conv2d(512, 512, 3, padding=1)
        self.fc1_1 = nn.Linear(6 * 4 * 512, 4096)
        self.fc1_2 = nn.Linear(4096, 4096)
        self.fc2 = nn.Linear(4096, N_DIMS)

    def forward(self, examples: torch.Tensor) -> torch.Tensor:
        """(B, 96, 64) log-mel to (B, 128)."""
        parts = examples.split(CONV_EXAMPLES)
        return self._connect(torch.cat([self._convolve(part) for part in parts]))

    def in_one_pass(self, examples: torch.Tensor) -> torch.Tensor:
        """What `forward` gives, slower where the maps of all examples exceed a core's cache."""
        return self._connect(self._convolve(examples))

    def use_bfloat16(self) -> None:
        """Compute all but the last layer in bfloat16, and so twice as fast where the processor
        multiplies it; some tag scores move by 0.01 (benchmarks/vggish.py).
        """
        for layer in self.children():
            if layer is not self.fc2:
                layer.to(dtype=torch.bfloat16)

    def _convolve(self, examples: torch.Tensor) -> torch.Tensor:
        """(B, 96, 64) to (B, 6 * 4 * 512)."""
        x = examples.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        x = x.to(self.conv1.weight.dtype)
        # ReLU after the pooling is the same as before it, on a quarter of the values.
        x = F.relu_(F.max_pool2d(self.conv1(x), 2))
        x = F.relu_(F.max_pool2d(self.conv2(x), 2))
        x = F.relu_(F.max_pool2d(self.conv3_2(F.relu_(self.conv3_1(x))), 2))
        x = F.relu_(F.max_pool2d(self.conv4_2(F.relu_(self.conv4_1(x))), 2))
        return x.permute(0, 2, 3, 1).flatten(1)  # fc1_1 was trained on N, H, W, C order

    def _connect(self, convolved: torch.Tensor) -> torch.Tensor:
        """(B, 6 * 4 * 512) to (B, 128)."""
        x = F.relu_(self.fc1_2(F.relu_(self.fc1_1(convolved))))
        return self.fc2(x.to(self.fc2.weight.dtype))


def load_network(path: Path) -> VggishNetwork:
    """The network with the weights of a safetensors file, in eval mode.

    Raises
    ------
    WeightsError : if the file is missing, cut short, or not VGGish's.
    """
    with torch.device("meta"):  # the file's tensors take the place of the parameters
        network = VggishNetwork()
    try:
        network.load_state_dict(load_file(path), assign=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(
            f"'{path}' does not hold VGGish's weights, or is damaged. Delete it and run "
            "`audioset-demo weights get`."
        ) from error
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stubs
    return network.eval().requires_grad_(False)


class VggishEncoder(Encoder):
    """VGGish with the installed weights.

    Without the PCA file there is still `embedding`; `pca` and `quantised` are then None and a note
    says so, since tagging models read the quantised values.

    Parameters
    ----------
    name : "vggish", or "vggish_bfloat16" for another precision of its network

    Raises
    ------
    WeightsError : if the network's weights are not installed, or an installed file is damaged.
    """

    def __init__(self, name: str = "vggish"):
        self.name, self.title = name, ENCODER_TITLES[name]
        weights.require_network()
        self.network = load_network(weights.vggish_path())
        if name == "vggish_bfloat16":
            self.network.use_bfloat16()
        self.pca = load_pca(weights.pca_path()) if weights.pca_path().is_file() else None
        if self.pca is None:
            self.notes = (weights.PCA_MISSING,)

    def forms(self, frames: np.ndarray) -> Forms:
        if self.pca is None:
            return Forms(quantised=None, pca=None, embedding=frames)
        components = self.pca.project(frames)
        return Forms(quantise(components), components.astype(np.float32), frames)
