"""The heads of the tagging models: six ways to pool the frames of a clip into its scores.

Shapes: B clips, T frames, H hidden units, K classes, M real frames in a batch or in a block of one
clip; C classes or units, whichever are pooled. Padding has a weight of exactly zero.

`forward` scores a batch of clips. A single clip of any length comes in blocks of frames, which
every head reads twice: `summarise` keeps of them what its pooling needs, and with that
`explain` and `occlude` take one block after the other.

Sources: arXiv 1711.00927 (single attention), 1803.02353 (multi-level), 1903.00765 (feature-level).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from audioset_demo.models.settings import ModelSettings
from audioset_demo.models.weighted_means import MeanHead, Weighted, means_of

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
    """Attention before it is made to sum to 1 over time, clipped as in the reference.

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


class FrameClassifier(nn.Module):
    """A score for each class and frame, from the last hidden layer."""

    def __init__(self, settings: ModelSettings):
        super().__init__()
        self.classify = nn.Linear(settings.hidden_units, settings.n_classes)

    def frame_scores(self, levels: list[Tensor]) -> Tensor:
        """(M, K) probabilities of the real frames."""
        return torch.sigmoid(self.classify(levels[-1]).float())


class MeanOfScores(FrameClassifier, MeanHead):
    """A head whose clip score is a weighted mean of its frames' scores."""

    def score_means(self, means: list[Tensor]) -> Tensor:
        return means[0]

    def read_out(
        self, means: list[Tensor], shares: list[Tensor], parts: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        return shares[0], parts[0]

    def constants(self, summary: list[Weighted]) -> Tensor:
        return torch.zeros_like(self.classify.bias)


class AverageHead(MeanOfScores):
    """The clip's score is the mean of its frames' scores."""

    def forward(self, levels: list[Tensor], mask: Tensor) -> Tensor:
        probabilities = to_clips(self.frame_scores(levels), mask)
        return probabilities.sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def weighted(self, levels: list[Tensor]) -> list[Weighted]:
        probabilities = self.frame_scores(levels)
        return [Weighted(torch.ones_like(probabilities), probabilities)]


class Winners(NamedTuple):
    """Of each class (K,): the highest score, the next one (0 where there is none), whose it is."""

    best: Tensor
    runner_up: Tensor
    frame: Tensor


class MaxHead(FrameClassifier):
    """The clip's score is that of its best frame; the whole of it belongs to that frame."""

    adds_up_to = "score"

    def forward(self, levels: list[Tensor], mask: Tensor) -> Tensor:
        # Probabilities are positive, so the zeros of padding never win.
        return to_clips(self.frame_scores(levels), mask).amax(dim=1)

    def summarise(self, blocks: Iterable[list[Tensor]]) -> Winners:
        winners, n = None, 0
        for levels in blocks:
            scores = self.frame_scores(levels)
            frame = scores.argmax(dim=0)
            rows = [scores, torch.zeros_like(scores[:1])]
            if winners is not None:
                won = winners.best >= scores.amax(dim=0)  # of equals, the first frame
                frame = torch.where(won, winners.frame, n + frame)
                rows += [winners.best[None], winners.runner_up[None]]
            best, runner_up = torch.cat(rows).topk(2, dim=0).values
            winners = Winners(best, runner_up, frame)
            n += len(scores)
        return winners

    def score(self, summary: Winners) -> Tensor:
        return summary.best

    def constants(self, summary: Winners) -> Tensor:
        return torch.zeros_like(summary.best)

    def explain(
        self, blocks: Iterable[list[Tensor]], summary: Winners
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        n = 0
        for levels in blocks:
            scores = self.frame_scores(levels)
            frames = torch.arange(n, n + len(scores), device=scores.device)
            attention = (frames[:, None] == summary.frame).float()
            yield scores, attention, attention * scores
            n += len(scores)

    def occlude(
        self, blocks: Iterable[list[Tensor]], summary: Winners, stand_in: list[Tensor] | None
    ) -> Iterator[Tensor]:
        for levels in blocks:
            scores = self.frame_scores(levels)
            others = torch.where(scores == summary.best, summary.runner_up, summary.best)
            yield others if stand_in is None else torch.maximum(others, self.frame_scores(stand_in))


class SingleAttentionHead(MeanOfScores):
    """Frames' scores averaged with weights that the model learned, class by class."""

    def __init__(self, settings: ModelSettings):
        super().__init__(settings)
        self.activation = settings.attention_activation
        self.attend = nn.Linear(settings.hidden_units, settings.n_classes)

    def forward(self, levels: list[Tensor], mask: Tensor) -> Tensor:
        logits = to_clips(self.attend(levels[-1]).float(), mask)
        values = to_clips(self.frame_scores(levels), mask)
        return attention_pool(logits, values, self.activation, mask)

    def weighted(self, levels: list[Tensor]) -> list[Weighted]:
        weights = activated(self.attend(levels[-1]).float(), self.activation)
        return [Weighted(weights, self.frame_scores(levels))]


class MultiAttentionHead(MeanHead):
    """Single attention on each of the last two hidden layers, joined by one linear layer."""

    N_LEVELS = 2
    adds_up_to = "logit"

    def __init__(self, settings: ModelSettings):
        super().__init__()
        n_heads = 1 if settings.shared_head else self.N_LEVELS
        self.heads = nn.ModuleList(SingleAttentionHead(settings) for _ in range(n_heads))
        self.join = nn.Linear(self.N_LEVELS * settings.n_classes, settings.n_classes)
        self._start_from_the_mean()

    @torch.no_grad()
    def _start_from_the_mean(self) -> None:
        """Each class first reads its own scores alone: -5 to 5 on the logit for 0 to 1.

        Scores start near zero, and random weights on them take many thousand iterations to grow.
        """
        own = torch.eye(self.join.out_features).repeat(1, self.N_LEVELS)
        self.join.weight.copy_(own * 10 / self.N_LEVELS)
        self.join.bias.fill_(-5.0)

    def _heads_and_levels(self, levels: list[Tensor]) -> list[tuple[SingleAttentionHead, Tensor]]:
        heads = [self.heads[min(level, len(self.heads) - 1)] for level in range(self.N_LEVELS)]
        return list(zip(heads, levels[-self.N_LEVELS :], strict=True))

    def forward(self, levels: list[Tensor], mask: Tensor) -> Tensor:
        pooled = [head([level], mask) for head, level in self._heads_and_levels(levels)]
        return self.score_means(pooled)

    def frame_scores(self, levels: list[Tensor]) -> Tensor:
        values = [head.frame_scores([level]) for head, level in self._heads_and_levels(levels)]
        return self.score_means(values)

    def weighted(self, levels: list[Tensor]) -> list[Weighted]:
        pairs = self._heads_and_levels(levels)
        return [weighted for head, level in pairs for weighted in head.weighted([level])]

    def score_means(self, means: list[Tensor]) -> Tensor:
        return torch.sigmoid(self.join(torch.cat(means, dim=-1)).float())

    def read_out(
        self, means: list[Tensor], shares: list[Tensor], parts: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        # A class's own weights, averaged over the levels.
        attention = torch.stack(shares).mean(dim=0)
        return attention, torch.cat(parts, dim=-1) @ self.join.weight.T

    def constants(self, summary: list[Weighted]) -> Tensor:
        return self.join.bias.clone()


class FeatureAttentionHead(MeanHead):
    """Attention over the hidden features: each unit has its own weights over time.

    It is explained as linear through the last layer once the mask of active units is fixed. A class
    has no attention of its own here: it reads the units through the last layer. Its attention is
    the mean of the active units' weights, each counted by |weight in that layer|.
    """

    adds_up_to = "logit"

    def __init__(self, settings: ModelSettings):
        super().__init__()
        units = settings.hidden_units
        self.activation = settings.attention_activation
        self.attend = nn.Linear(units, units)
        self.transform = nn.Linear(units, units)
        self.norm = nn.BatchNorm1d(units)
        self.dropout = nn.Dropout(settings.dropout)
        self.classify = nn.Linear(units, settings.n_classes)

    def _classify_pooled(self, pooled: Tensor) -> Tensor:
        features = self.dropout(torch.relu(self.norm(pooled)))
        return torch.sigmoid(self.classify(features).float())

    def forward(self, levels: list[Tensor], mask: Tensor) -> Tensor:
        logits = to_clips(self.attend(levels[-1]).float(), mask)
        values = to_clips(self.transform(levels[-1]).float(), mask)
        return self._classify_pooled(attention_pool(logits, values, self.activation, mask))

    def frame_scores(self, levels: list[Tensor]) -> Tensor:
        return self._classify_pooled(self.transform(levels[-1]).float())

    def weighted(self, levels: list[Tensor]) -> list[Weighted]:
        weights = activated(self.attend(levels[-1]).float(), self.activation)
        return [Weighted(weights, self.transform(levels[-1]).float())]

    def score_means(self, means: list[Tensor]) -> Tensor:
        return self._classify_pooled(means[0])

    def _readout(self, mean: Tensor) -> Tensor:
        """(K, H), the last layer's weights of the units that are active in a clip."""
        return self.classify.weight * (self.norm(mean[None])[0] > 0)

    def _scale(self) -> Tensor:
        return self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)

    def read_out(
        self, means: list[Tensor], shares: list[Tensor], parts: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        readout, scale = self._readout(means[0]), self._scale()
        importance = (readout * scale).abs()
        # A class that reads no active unit attends to all of them alike.
        importance = torch.where(importance.sum(1, keepdim=True) > 0, importance, 1.0)
        importance = importance / importance.sum(dim=1, keepdim=True)
        return shares[0] @ importance.T, (parts[0] * scale) @ readout.T

    def constants(self, summary: list[Weighted]) -> Tensor:
        shift = self.norm.bias - self.norm.running_mean * self._scale()
        return self.classify.bias + self._readout(means_of(summary)[0]) @ shift


HEADS = {
    "average": AverageHead,
    "max": MaxHead,
    "single_attention": SingleAttentionHead,
    "multi_attention": MultiAttentionHead,
    "feature_attention": FeatureAttentionHead,
    # Differs from `average` in training only: there, each frame is its own example.
    "frame_baseline": AverageHead,
}
