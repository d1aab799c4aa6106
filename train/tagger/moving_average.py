"""The exponential moving average of a network's weights."""

import torch
from torch import Tensor, nn


class MovingAverage:
    """Weights averaged over the steps of a training, BatchNorm's statistics among them.

    Attributes
    ----------
    tensors : the average, by the names of the network's state dict
    """

    def __init__(self, network: nn.Module, decay: float):
        self.decay = decay
        self.tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, steps: int) -> None:
        """Take in the weights after so many steps."""
        # The first weights are worth little: the average starts short and lengthens.
        keep = min(self.decay, steps / (steps + 10))
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                self.tensors[name].lerp_(tensor, 1 - keep)
            else:
                self.tensors[name].copy_(tensor)

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from saved tensors."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])
