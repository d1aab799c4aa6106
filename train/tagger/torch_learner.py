"""The PyTorch learner: one update of a tagging model at a time."""

import math

import torch
from torch import Tensor

from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from train.tagger.batches import Batch
from train.tagger.config import FitConfig
from train.tagger.cpu_layers import use_cpu_layers
from train.tagger.losses import LOSSES

ADAM_STATE = ("step", "exp_avg", "exp_avg_sq")


class TorchLearner:
    """A model, its optimizer and, where asked for, the moving average of its weights."""

    def __init__(self, settings: ModelSettings, config: FitConfig):
        torch.manual_seed(config.seed)
        self.config = config
        self.network = TaggingModel(settings)
        use_cpu_layers(self.network)
        parameters = list(self.network.parameters())
        # Biases and BatchNorm are few and have nothing to gain from decay.
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, eps=1e-7, fused=True)
        self.loss = LOSSES[config.loss]
        self.average = TaggingModel(settings) if config.ema else None
        if self.average:
            self.average.load_state_dict(self.network.state_dict())

    def step(self, batch: Batch, learning_rate: float, seed: int) -> float:
        """One update of the weights; the loss before it, not finite where the model diverged."""
        torch.manual_seed(seed)
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.precision == "bf16"):
            scores, targets = training_scores(self.network, batch)
        if not torch.isfinite(scores).all():
            return math.nan
        # A weighted mean of probabilities can exceed 1 by rounding.
        scores = scores.clamp(1e-7, 1 - 1e-7)
        # What is not known teaches nothing: a target that equals the score has no gradient.
        targets = torch.where(targets.isnan(), scores.detach(), targets)
        loss = self.loss(scores, targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if self.average:
            self._update_average()
        return loss.item()

    @torch.no_grad()
    def _update_average(self) -> None:
        steps = self.optimizer.state[next(self.network.parameters())]["step"].item()
        # The first weights are worth little: the average starts short and lengthens.
        keep = min(self.config.ema, steps / (steps + 10))
        present = self.network.state_dict()
        for name, tensor in self.average.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(present[name], 1 - keep)
            else:
                tensor.copy_(present[name])

    def model(self) -> TaggingModel:
        """The weights that count, in evaluation mode: their moving average where there is one."""
        return (self.average or self.network).eval()

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs to go on bit for bit."""
        tensors = {f"model.{name}": value for name, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            for key, value in self.optimizer.state[parameter].items():
                tensors[f"adam.{key}.{name}"] = value
        if self.average:
            average = self.average.state_dict()
            tensors |= {f"average.{name}": value for name, value in average.items()}
        return tensors

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        self.network.load_state_dict(_part(state, "model."))
        for name, parameter in self.network.named_parameters():
            self.optimizer.state[parameter] = {
                key: state[f"adam.{key}.{name}"] for key in ADAM_STATE
            }
        if self.average:
            self.average.load_state_dict(_part(state, "average."))


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}


def training_scores(model: TaggingModel, batch: Batch) -> tuple[Tensor, Tensor]:
    """Scores and what they should be: of clips, or for the frame baseline of their frames.

    There, each frame is an example of its own that inherits the clip's labels.
    """
    if model.settings.pooling == "frame_baseline":
        lengths = batch.mask.sum(dim=1)
        targets = batch.targets.repeat_interleave(lengths, dim=0)
        return model.frame_scores(batch.clips[batch.mask]), targets
    return model(batch.clips, batch.mask), batch.targets
