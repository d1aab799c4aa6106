"""Dropout that spends a byte of randomness on a unit.

Drawing torch's own Bernoulli mask takes a quarter of a training step of these models on a CPU.
"""

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """As `torch.nn.Dropout`, with the probability rounded to a 256th."""

    def __init__(self, p: float):
        super().__init__()
        self.threshold = round(256 * p)

    def forward(self, hidden: Tensor) -> Tensor:
        if not self.training or self.threshold == 0:
            return hidden
        # 64-bit draws over the whole range of the type, read as eight bytes each.
        words = torch.empty(-(-hidden.numel() // 8), dtype=torch.int64, device=hidden.device)
        draws = words.random_(-(2**63), None).view(torch.uint8)[: hidden.numel()]
        keep = (draws >= self.threshold).view(hidden.shape).to(hidden.dtype)
        return hidden * keep.mul_(256 / (256 - self.threshold))
