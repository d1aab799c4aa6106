"""Layers that train faster on a CPU than torch's own, which they replace before training.

Their parameters are those of the layers that they replace, so a state dict fits both.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

ROWS = 256


class Linear(nn.Linear):
    """As `torch.nn.Linear` on (M, C); computed on a multiple of `ROWS` rows if M is above it.

    Only real frames are computed, so a batch with short clips has fewer rows. oneDNN compiles and
    keeps a matrix product for each number of rows that it meets: memory grows with every batch.
    """

    def forward(self, rows: Tensor) -> Tensor:
        missing = -len(rows) % ROWS
        if len(rows) <= ROWS or not missing:
            return super().forward(rows)
        return super().forward(pad(rows, (0, 0, 0, missing)))[: len(rows)]


class Dropout(nn.Module):
    """As `torch.nn.Dropout`, with the probability rounded to a 256th: a byte of randomness a unit.

    Drawing torch's own Bernoulli mask takes a quarter of a training step of these models on a CPU.
    """

    def __init__(self, p: float):
        super().__init__()
        self.threshold = round(256 * p)

    def forward(self, hidden: Tensor) -> Tensor:
        if not self.training or self.threshold == 0:
            return hidden
        keep = (self.draws(hidden) >= self.threshold).to(hidden.dtype)
        return hidden * keep.mul_(256 / (256 - self.threshold))

    def draws(self, hidden: Tensor) -> Tensor:
        """A random byte for each unit."""
        return random_bytes(hidden.shape, hidden.device)


def random_bytes(shape: torch.Size, device: torch.device) -> Tensor:
    # 64-bit draws over the whole range of the type, read as eight bytes each.
    words = torch.empty(-(-shape.numel() // 8), dtype=torch.int64, device=device)
    return words.random_(-(2**63), None).view(torch.uint8)[: shape.numel()].view(shape)


def use_cpu_layers(model: nn.Module) -> None:
    """Replace every linear layer and dropout of a model; its parameters stay the same objects."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Linear:
                setattr(parent, name, _linear_like(layer))
            elif type(layer) is nn.Dropout:
                setattr(parent, name, Dropout(layer.p))


def _linear_like(layer: nn.Linear) -> Linear:
    with torch.device("meta"):
        twin = Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
    twin.weight, twin.bias = layer.weight, layer.bias
    return twin
