"""The exponential moving average of a network's weights."""

import torch
from torch import Tensor, nn


class MovingAverage:
    """The average of the weights over the steps of a training, with BatchNorm's statistics.

    Attributes
    ----------
    tensors : the average, under the names of the network's state dict
    """

    def __init__(self, network: nn.Module, decay: float):
        self.decay = decay
        self.tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, steps: int) -> None:
        """Include the weights after `steps` steps."""
        # The first weights are worth little: the average starts short and grows longer.
        keep = min(self.decay, steps / (steps + 10))
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                self.tensors[name].lerp_(tensor, 1 - keep)
            else:
                self.tensors[name].copy_(tensor)

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Restore saved tensors."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])
