"""Tensors from a file, checked before they become a model's parameters."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from audioset_demo.errors import CheckpointError


def trained_values(tensor: Tensor, name: str, path: Path) -> Tensor:
    """A parameter or a statistic of a checkpoint in float32.

    Raises
    ------
    CheckpointError
        If it is not floating-point, is not held in full, or holds values that no trained model has.
    """
    # A few bytes of a file, or none, can be read as a tensor of any size.
    if tensor.is_meta or tensor.nbytes > tensor.untyped_storage().nbytes():
        raise CheckpointError(
            f"The file {path} does not hold all values of {name}, {tuple(tensor.shape)}. Copy the "
            "checkpoint again."
        )
    if not tensor.is_floating_point():
        raise CheckpointError(
            f"{name} in {path} holds {tensor.dtype}, and must hold floating-point numbers. Copy "
            "the checkpoint again."
        )
    # A copy: the tensor is mapped from the file, and would change with it.
    values = tensor.detach().to(torch.float32, copy=True)
    if not values.isfinite().all() or (name.endswith("running_var") and (values < 0).any()):
        raise CheckpointError(
            f"{name} in {path} holds NaN, infinity or a variance below zero: the training "
            "diverged, or the file is damaged. Copy it again, or take an earlier checkpoint."
        )
    return values
