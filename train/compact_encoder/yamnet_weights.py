"""YAMNet's weights, out of its TFLite file, as those that the compact encoder starts from.

The file holds them in 8 bits, with a scale for each channel and batch normalisation folded in. In
their places in the encoder they give YAMNet's embedding and scores but for the rounding of its maps
to 8 bits.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from audioset_demo.errors import DataError

N_CONVOLUTIONS = 27


def convolutions(interpreter) -> dict[str, Tensor]:
    """Kernels and biases of the convolutions, by their names in `CompactNet.convolutions`.

    Raises
    ------
    DataError : if the file is of another network.
    """
    tensors = {}
    for place in range(N_CONVOLUTIONS):
        within_channels = place % 2 == 1
        kind = "sepconv" if within_channels else "conv"
        kernel, bias = _constants(interpreter, f"layer{place + 1}/{kind}/")
        # TensorFlow: (out, rows, columns, in), and (1, rows, columns, channels) within channels.
        axes = (3, 0, 1, 2) if within_channels else (0, 3, 1, 2)
        tensors[f"{place}.conv.weight"] = kernel.permute(axes).contiguous()
        tensors[f"{place}.conv.bias"] = bias
    return tensors


def logits(interpreter) -> dict[str, Tensor]:
    """Weight (521, 1024) and bias (521,) of the layer from embedding to logits."""
    weight, bias = _constants(interpreter, "layer29/fc/")
    return {"weight": weight, "bias": bias}


def _constants(interpreter, layer: str) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a layer: the first two tensors named after it."""
    beginnings = f"network/{layer}", f"tower0/network/{layer}"
    named = [
        item for item in interpreter.get_tensor_details() if item["name"].startswith(beginnings)
    ]
    if len(named) < 2:
        raise DataError(
            f"The teacher's file has no layer {layer}, so it is not the TFLite file of YAMNet. "
            "Give --teacher that file."
        )
    return _values(interpreter, named[0]), _values(interpreter, named[1])


def _values(interpreter, tensor: dict) -> Tensor:
    """A constant of the graph as float32, from its 8 or 32 bits, scales and zero points."""
    how = tensor["quantization_parameters"]
    integers = interpreter.get_tensor(tensor["index"]).astype(np.float64)
    shape = [1] * integers.ndim
    if len(how["scales"]) > 1:
        shape[how["quantized_dimension"]] = -1
    scales, zeros = (
        how[key].astype(np.float64).reshape(shape) for key in ("scales", "zero_points")
    )
    return torch.from_numpy(((integers - zeros) * scales).astype(np.float32))
