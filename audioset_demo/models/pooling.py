"""The heads of the tagging models: six ways to pool the frames of a clip into its scores.

Shapes: B clips, T frames, H hidden units, K classes, M real frames in a batch or in a block of one
clip. `head` says what each method is for, and what a head must provide.

Sources: arXiv 1711.00927 (single attention), 1803.02353 (multi-level), 1903.00765 (feature-level).
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from audioset_demo.models.attention import activated, attention_pool, to_clips
from audioset_demo.models.head import Head, Strand
from audioset_demo.models.settings import ModelSettings
from audioset_demo.models.weighted_means import MeanHead, Reading, Weighted


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
    """Of each class (K,): the highest score, the next one (0 if there is none), the best frame."""

    best: Tensor
    runner_up: Tensor
    frame: Tensor


class MaxHead(FrameClassifier, Head[Winners]):
    """The clip's score is that of its best frame; the whole of it belongs to that frame."""

    def forward(self, levels: list[Tensor], mask: Tensor) -> Tensor:
        # Probabilities are positive, so the zeros of padding never win.
        return to_clips(self.frame_scores(levels), mask).amax(dim=1)

    def summarise(self, blocks: Iterable[list[Tensor]]) -> Winners:
        winners: Winners | None = None
        n = 0
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
        assert winners is not None  # a clip has at least one frame
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

    def strands(
        self, blocks: Iterable[list[Tensor]], summary: Winners, k: int, most: int
    ) -> Iterator[list[Strand]]:
        return ([] for _ in blocks)

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
        heads = cast(list[SingleAttentionHead], list(self.heads))  # ModuleList does not say so
        heads *= self.N_LEVELS // len(heads)
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

    def readings(self, means: list[Tensor], k: int, most: int) -> list[Reading]:
        """The two hidden layers, the deeper one last. Each reads the scores of all classes."""
        columns = torch.arange(self.join.out_features)
        gains = self.join.weight[k].chunk(self.N_LEVELS)
        names = ("Hidden layer before the last", "Last hidden layer")
        return [
            Reading(name, level, k, columns, gain)
            for level, (name, gain) in enumerate(zip(names, gains, strict=True))
        ]

    def constants(self, summary: list[Weighted]) -> Tensor:
        return self.join.bias.clone()


class FeatureAttentionHead(MeanHead):
    """Attention over the hidden features: each unit has its own weights over time.

    Contributions take the last layer as linear, with the mask of active units fixed. Attention
    weights belong to units here, not to classes: a class is shown the mean of the active units'
    attention, each unit weighted by |its normalised weight for the class|.
    """

    adds_up_to = "logit"

    def __init__(self, settings: ModelSettings):
        super().__init__()
        units = settings.hidden_units
        self.activation = settings.attention_activation
        self.attend = nn.Linear(units, units)
        self.transform = nn.Linear(units, units)
        self.norm = nn.BatchNorm1d(units, settings.norm_epsilon, settings.norm_momentum)
        self.dropout = nn.Dropout(settings.dropout)
        self.classify = nn.Linear(units, settings.n_classes)

    def _classify_pooled(self, pooled: Tensor) -> Tensor:
        return self._classify_normed(self.norm(pooled))

    def _classify_normed(self, normed: Tensor) -> Tensor:
        return torch.sigmoid(self.classify(self.dropout(torch.relu(normed))).float())

    def forward(self, levels: list[Tensor], mask: Tensor) -> Tensor:
        logits = to_clips(self.attend(levels[-1]).float(), mask)
        values = to_clips(self.transform(levels[-1]).float(), mask)
        return self._classify_pooled(attention_pool(logits, values, self.activation, mask))

    def frame_scores(self, levels: list[Tensor]) -> Tensor:
        return self._classify_pooled(self.transform(levels[-1]).float())

    def clip_and_frame_scores(self, levels: list[Tensor], mask: Tensor) -> tuple[Tensor, Tensor]:
        # Normalised together: as clips of their own, frames share the statistics of the clips.
        values = self.transform(levels[-1]).float()
        logits = to_clips(self.attend(levels[-1]).float(), mask)
        pooled = attention_pool(logits, to_clips(values, mask), self.activation, mask)
        clips, frames = self.norm(torch.cat([pooled, values])).split([len(pooled), len(values)])
        return self._classify_normed(clips), self._classify_normed(frames)

    def weighted(self, levels: list[Tensor]) -> list[Weighted]:
        weights = activated(self.attend(levels[-1]).float(), self.activation)
        return [Weighted(weights, self.transform(levels[-1]).float())]

    def score_means(self, means: list[Tensor]) -> Tensor:
        return self._classify_pooled(means[0])

    def _active_weights(self, mean: Tensor) -> Tensor:
        """(K, H), the last layer's weights of the units that are active in a clip."""
        return self.classify.weight * (self.norm(mean[None])[0] > 0)

    def _scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """(H,) each: in evaluation the BatchNorm of x is `x * scale + shift`."""
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None and variance is not None  # BatchNorm tracks them by default
        scale = self.norm.weight / torch.sqrt(variance + self.norm.eps)
        return scale, self.norm.bias - mean * scale

    def read_out(
        self, means: list[Tensor], shares: list[Tensor], parts: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        active, (scale, _) = self._active_weights(means[0]), self._scale_and_shift()
        importance = (active * scale).abs()
        # A class without active units has the mean of all units' weights.
        importance = torch.where(importance.sum(1, keepdim=True) > 0, importance, 1.0)
        importance = importance / importance.sum(dim=1, keepdim=True)
        return shares[0] @ importance.T, (parts[0] * scale) @ active.T

    def readings(self, means: list[Tensor], k: int, most: int) -> list[Reading]:
        """The units that add most to the class, or take most from it, over the whole clip."""
        gains = self._active_weights(means[0])[k] * self._scale_and_shift()[0]
        units = torch.argsort((means[0] * gains).abs(), descending=True, stable=True)[:most]
        return [
            Reading(f"Unit {unit}", 0, unit, torch.tensor([unit]), gains[[unit]])
            for unit in units.tolist()
        ]

    def constants(self, summary: list[Weighted]) -> Tensor:
        _, shift = self._scale_and_shift()
        return self.classify.bias + self._active_weights(self.means(summary)[0]) @ shift


HEADS: dict[str, type[Head[Any]]] = {
    "average": AverageHead,
    "max": MaxHead,
    "single_attention": SingleAttentionHead,
    "multi_attention": MultiAttentionHead,
    "feature_attention": FeatureAttentionHead,
    # Differs from `average` in training only: there, each frame is its own example.
    "frame_baseline": AverageHead,
}
