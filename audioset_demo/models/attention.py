"""Attention over the frames of a clip, as every head with attention computes it.

Shapes: B clips, T frames, M real frames in a batch; C classes or units, whichever are pooled.
Padding has a weight of exactly zero.
"""

import torch
from torch import Tensor

# The reference clips attention to this interval before it is normalised over time.
ATTENTION_MIN, ATTENTION_MAX = 1e-7, 1 - 1e-7


def to_clips(frames: Tensor, mask: Tensor) -> Tensor:
    """Put real frames (M, C) back into their clips (B, T, C); padding becomes zero."""
    if frames.shape[0] == mask.numel():
        return frames.reshape(*mask.shape, -1)
    clips = frames.new_zeros(*mask.shape, frames.shape[-1])
    clips[mask] = frames
    return clips


def activated(logits: Tensor, activation: str) -> Tensor:
    """Attention before it is normalised over time, clipped as in the reference.

    `softmax` runs over the last axis (classes or units), as in the reference's Keras code.
    """
    values = {
        "sigmoid": torch.sigmoid,
        "softmax": lambda values: torch.softmax(values, dim=-1),
        "relu": torch.relu,
        "exp": torch.exp,
    }[activation](logits)
    return values.clamp(ATTENTION_MIN, ATTENTION_MAX)


def attention_pool(logits: Tensor, values: Tensor, activation: str, mask: Tensor) -> Tensor:
    """Values (B, T, C) averaged over time with their attention weights: (B, C).

    Divides once a clip: the weights themselves are needed to explain, not to train.
    """
    unscaled = activated(logits, activation) * mask.unsqueeze(-1)
    return (unscaled * values).sum(dim=1) / unscaled.sum(dim=1)
