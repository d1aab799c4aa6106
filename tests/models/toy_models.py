"""Models with random weights that behave as trained ones do."""

import torch

from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings


def model_that_has_seen_data(settings: ModelSettings) -> TaggingModel:
    """A model whose BatchNorm statistics and weights are not the initial ones."""
    torch.manual_seed(0)
    model = TaggingModel(settings).train()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
        for _ in range(5):
            model(torch.rand(16, 6, 128) * 2 - 1)
    return model.eval()
