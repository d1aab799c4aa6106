"""Layers that compute on the rows of one process what they would on those of all processes.

Their parameters are those of the layers that they replace, so a state dict fits both.
"""

import torch
from torch import Tensor, nn

from train.tagger import cpu_layers, processes


class BatchNorm(nn.BatchNorm1d):
    """As `torch.nn.BatchNorm1d` on (M, C), with the statistics of the rows of all processes.

    (`torch.nn.SyncBatchNorm` does not run on a CPU.)
    """

    def forward(self, rows: Tensor) -> Tensor:
        if not self.training:
            return super().forward(rows)
        values = rows.float()
        sums = processes.summed(torch.cat([values.sum(dim=0), values.new_tensor([len(values)])]))
        n = sums[-1].detach()
        mean = sums[:-1] / n
        centred = values - mean
        variance = processes.summed(centred.square().sum(dim=0)) / n
        self._track(mean.detach(), variance.detach() * n / (n - 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return torch.addcmul(self.bias, centred, scale).to(rows.dtype)

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked.add_(1)


class Dropout(nn.Dropout):
    """Drops of the rows of one process what `torch.nn.Dropout` drops there of the rows of all.

    All processes have set the same seed, and draw for all rows.
    """

    def forward(self, hidden: Tensor) -> Tensor:
        if not self.training:
            return hidden
        start, total = processes.place_of(len(hidden))
        kept = super().forward(hidden.new_ones(total, *hidden.shape[1:]))
        return hidden * kept[start : start + len(hidden)]


class CpuDropout(cpu_layers.Dropout):
    """The same of `cpu_layers.Dropout`."""

    def draws(self, hidden: Tensor) -> Tensor:
        start, total = processes.place_of(len(hidden))
        shape = torch.Size((total, *hidden.shape[1:]))
        return cpu_layers.random_bytes(shape, hidden.device)[start : start + len(hidden)]


def share_layers(model: nn.Module) -> None:
    """Replace every BatchNorm and dropout of a model; its parameters stay the same objects."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.BatchNorm1d):
                setattr(parent, name, _batch_norm_like(layer))
            elif isinstance(layer, nn.Dropout):
                setattr(parent, name, Dropout(layer.p))
            elif isinstance(layer, cpu_layers.Dropout):
                setattr(parent, name, CpuDropout(layer.threshold / 256))


def _batch_norm_like(layer: nn.BatchNorm1d) -> BatchNorm:
    twin = BatchNorm(layer.num_features, layer.eps, layer.momentum)
    twin.weight, twin.bias = layer.weight, layer.bias
    twin.running_mean, twin.running_var = layer.running_mean, layer.running_var
    twin.num_batches_tracked = layer.num_batches_tracked
    return twin
