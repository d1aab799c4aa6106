"""The PyTorch learner: one update of a tagging model at a time."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from audioset_demo.device import resolve_device
from audioset_demo.errors import DataError
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from train.tagger import processes
from train.tagger.adam import adamw, part_of, restore_training, set_learning_rate, training_state
from train.tagger.batches import Batch
from train.tagger.config import FitConfig
from train.tagger.cpu_layers import use_cpu_layers
from train.tagger.losses import LOSSES
from train.tagger.moving_average import MovingAverage
from train.tagger.shared_layers import share_layers


class Lesson(NamedTuple):
    """Scores (M, K) and what they should be; `weight` of its loss among the others."""

    scores: Tensor
    targets: Tensor
    weight: float


class TorchLearner:
    """A model, its optimizer and, if `ema` is set, the moving average of its weights.

    Where several processes train it, each takes its share of every batch, and all have the same
    weights.
    """

    def __init__(self, settings: ModelSettings, config: FitConfig, device: str = "auto"):
        self.device = resolve_device(device)
        if config.batch_size < (n := processes.count()):
            raise DataError(
                f"--batch-size {config.batch_size} gives some of the {n} processes no clip. Raise "
                "it, or start fewer processes."
            )
        torch.manual_seed(config.seed)
        self.config = config
        # Weights are drawn on the CPU, so that a seed gives the same ones on every device.
        self.network = TaggingModel(settings)
        if self.device.type == "cpu":
            use_cpu_layers(self.network)
        if n > 1:
            share_layers(self.network)
        self.network.to(self.device)
        self.optimizer = adamw(self.network, config.learning_rate, config.weight_decay, eps=1e-7)
        self.loss = LOSSES[config.loss]
        self.average = MovingAverage(self.network, config.ema) if config.ema else None

    def step(self, batch: Batch, learning_rate: float, seed: int) -> float:
        """One update of the weights; the loss before it, not finite where the model diverged."""
        torch.manual_seed(seed)
        self.network.train()
        set_learning_rate(self.optimizer, learning_rate)
        share = processes.share_of(len(batch.clips))
        batch = batch.map(lambda tensor: tensor[share].to(self.device))
        is_bf16 = self.config.precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=is_bf16):
            lessons = lessons_of(self.network, batch, self.config.frame_weight)
        finite = all(bool(torch.isfinite(lesson.scores).all()) for lesson in lessons)
        if not processes.all_true(finite):
            return math.nan
        loss = torch.stack([self._loss(lesson) for lesson in lessons]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for parameter in self.network.parameters():
            if parameter.grad is not None:
                processes.add_up(parameter.grad)
        self.optimizer.step()
        if self.average:
            self.average.update(self.network, self._steps())
        return processes.add_up(loss.detach()).item()

    def _loss(self, lesson: Lesson) -> Tensor:
        # A weighted mean of probabilities can exceed 1 by rounding.
        scores = lesson.scores.clamp(1e-7, 1 - 1e-7)
        # An unknown label is not trained on: a target that equals the score has no gradient.
        targets = torch.where(lesson.targets.isnan(), scores.detach(), lesson.targets)
        # The loss is a mean: that of all scores is the sum of what each process has of it.
        share = len(scores) / processes.place_of(len(scores)).total
        return lesson.weight * share * self.loss(scores, targets)

    def _steps(self) -> int:
        return int(self.optimizer.state[next(self.network.parameters())]["step"].item())

    def model(self) -> TaggingModel:
        """The model to save, in evaluation mode; with `ema`, the moving average of the weights."""
        if not self.average:
            return self.network.eval()
        model = TaggingModel(self.network.settings).to(self.device)
        model.load_state_dict(self.average.tensors)
        return model.eval()

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs to continue bit for bit."""
        tensors = training_state(self.network, "model", self.optimizer)
        if self.average:
            for name, value in self.average.tensors.items():
                tensors[f"average.{name}"] = value.cpu()
        return tensors

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        restore_training(self.network, "model", self.optimizer, state)
        if self.average:
            self.average.restore(part_of(state, "average"))


def lessons_of(model: TaggingModel, batch: Batch, frame_weight: float) -> list[Lesson]:
    """The clips with their labels; then the frames with targets of their own, if they have any.

    To the frame baseline each frame is an example of its own that inherits the clip's labels.
    """
    levels = model.trunk(batch.clips[batch.mask])
    if model.settings.pooling == "frame_baseline":
        scores = frames = model.head.frame_scores(levels)
        targets = batch.targets.repeat_interleave(batch.mask.sum(dim=1), dim=0)
    elif batch.frame_targets is None:
        scores, targets = model.head(levels, batch.mask), batch.targets
    else:
        scores, frames = model.head.clip_and_frame_scores(levels, batch.mask)
        targets = batch.targets
    lessons = [Lesson(scores, targets, 1.0)]
    if batch.frame_targets is not None:
        lessons.append(Lesson(frames, batch.frame_targets[batch.mask], frame_weight))
    return lessons
