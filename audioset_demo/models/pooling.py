"""The heads of the tagging models: six ways to pool the frames of a clip into its scores.

Shapes: B clips, T frames, H hidden units, K classes, M real frames in a batch. Padding has a weight
of exactly zero.

Sources: arXiv 1711.00927 (single attention), 1803.02353 (multi-level), 1903.00765 (feature-level).
"""

import torch
from torch import Tensor, nn

from audioset_demo.models.settings import ModelSettings

# The reference clips attention to this interval before it is normalised over time.
ATTENTION_MIN, ATTENTION_MAX = 1e-7, 1 - 1e-7


def one_clip(frames: Tensor) -> Tensor:
    """The mask (1, T) of one clip that has all of its T frames."""
    return torch.ones(1, len(frames), dtype=torch.bool, device=frames.device)


def to_clips(frames: Tensor, mask: Tensor) -> Tensor:
    """Put real frames (M, C) back into their clips (B, T, C); padding becomes zero."""
    if frames.shape[0] == mask.numel():
        return frames.reshape(*mask.shape, -1)
    clips = frames.new_zeros(*mask.shape, frames.shape[-1])
    clips[mask] = frames
    return clips


def attention(logits: Tensor, activation: str, mask: Tensor) -> Tensor:
    """Attention (B, T, C) before it is made to sum to 1 over time; zero for padding.

    `softmax` runs over the last axis (classes or units), as in the reference's Keras code.
    """
    activated = {
        "sigmoid": torch.sigmoid,
        "softmax": lambda values: torch.softmax(values, dim=-1),
        "relu": torch.relu,
        "exp": torch.exp,
    }[activation](logits)
    return activated.clamp(ATTENTION_MIN, ATTENTION_MAX) * mask.unsqueeze(-1)


def attention_weights(logits: Tensor, activation: str, mask: Tensor) -> Tensor:
    """Attention weights (B, T, C) that sum to 1 over the real frames of each clip."""
    unscaled = attention(logits, activation, mask)
    return unscaled / unscaled.sum(dim=1, keepdim=True)


def attention_pool(logits: Tensor, values: Tensor, activation: str, mask: Tensor) -> Tensor:
    """Values (B, T, C) averaged over time with their attention weights: (B, C).

    Divides once a clip: the weights themselves are needed to explain, not to train.
    """
    unscaled = attention(logits, activation, mask)
    return (unscaled * values).sum(dim=1) / unscaled.sum(dim=1)


def means_with_each_replaced(weights: Tensor, values: Tensor) -> Tensor:
    """Weighted means over T frames, each time with another frame replaced: (T, C).

    Parameters
    ----------
    weights, values : (T + 1, C); the last row is what stands in, with weight 0: nothing does
    """

    def sums(rows: Tensor) -> Tensor:
        return rows[:-1].sum(dim=0) - rows[:-1] + rows[-1]

    weights = weights.double()  # one frame may have all the weight, and is then subtracted again
    return (sums(weights * values) / sums(weights)).float()


class FrameClassifier(nn.Module):
    """A score for each class and frame, from the last hidden layer."""

    def __init__(self, settings: ModelSettings):
        super().__init__()
        self.classify = nn.Linear(settings.hidden_units, settings.n_classes)

    def frame_scores(self, levels: list[Tensor]) -> Tensor:
        """(M, K) probabilities of the real frames."""
        return torch.sigmoid(self.classify(levels[-1]).float())


class AverageHead(FrameClassifier):
    """The clip's score is the mean of its frames' scores."""

    def forward(self, levels: list[Tensor], mask: Tensor) -> Tensor:
        probabilities = to_clips(self.frame_scores(levels), mask)
        return probabilities.sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def explain(self, levels: list[Tensor], mask: Tensor) -> dict:
        probabilities = self.frame_scores(levels)
        attention = torch.full_like(probabilities, 1 / len(probabilities))
        return _additive_score(attention, attention * probabilities)

    def occlude(self, levels: list[Tensor], weights: Tensor) -> Tensor:
        probabilities = self.frame_scores(levels)
        return means_with_each_replaced(weights.expand_as(probabilities), probabilities)


class MaxHead(FrameClassifier):
    """The clip's score is that of its best frame; the whole of it belongs to that frame."""

    def forward(self, levels: list[Tensor], mask: Tensor) -> Tensor:
        # Probabilities are positive, so the zeros of padding never win.
        return to_clips(self.frame_scores(levels), mask).amax(dim=1)

    def explain(self, levels: list[Tensor], mask: Tensor) -> dict:
        probabilities = self.frame_scores(levels)
        winner = probabilities.argmax(dim=0, keepdim=True)
        attention = torch.zeros_like(probabilities).scatter_(0, winner, 1.0)
        return _additive_score(attention, attention * probabilities)

    def occlude(self, levels: list[Tensor], weights: Tensor) -> Tensor:
        probabilities = self.frame_scores(levels) * weights
        best, runner_up = probabilities.topk(2, dim=0).values
        return torch.where(probabilities[:-1] == best, runner_up, best)


class SingleAttentionHead(FrameClassifier):
    """Frames' scores averaged with weights that the model learned, class by class."""

    def __init__(self, settings: ModelSettings):
        super().__init__(settings)
        self.activation = settings.attention_activation
        self.attend = nn.Linear(settings.hidden_units, settings.n_classes)

    def _logits_and_values(self, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        logits = to_clips(self.attend(hidden).float(), mask)
        return logits, to_clips(self.frame_scores([hidden]), mask)

    def weights_and_values(self, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Attention weights and frame scores of one level, each (B, T, K)."""
        logits, values = self._logits_and_values(hidden, mask)
        return attention_weights(logits, self.activation, mask), values

    def forward(self, levels: list[Tensor], mask: Tensor) -> Tensor:
        logits, values = self._logits_and_values(levels[-1], mask)
        return attention_pool(logits, values, self.activation, mask)

    def explain(self, levels: list[Tensor], mask: Tensor) -> dict:
        weights, values = self.weights_and_values(levels[-1], mask)
        return _additive_score(weights[0], (weights * values)[0])

    def occlude(self, levels: list[Tensor], weights: Tensor) -> Tensor:
        logits, values = self._logits_and_values(levels[-1], one_clip(weights))
        unscaled = attention(logits, self.activation, one_clip(weights))
        return means_with_each_replaced(unscaled[0] * weights, values[0])


class MultiAttentionHead(nn.Module):
    """Single attention on each of the last two hidden layers, joined by one linear layer."""

    N_LEVELS = 2

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
        return torch.sigmoid(self.join(torch.cat(pooled, dim=-1)).float())

    def frame_scores(self, levels: list[Tensor]) -> Tensor:
        values = [head.frame_scores([level]) for head, level in self._heads_and_levels(levels)]
        return torch.sigmoid(self.join(torch.cat(values, dim=-1)).float())

    def explain(self, levels: list[Tensor], mask: Tensor) -> dict:
        pairs = [
            head.weights_and_values(level, mask) for head, level in self._heads_and_levels(levels)
        ]
        parts = torch.cat([(weights * values)[0] for weights, values in pairs], dim=-1)
        return {
            # A class's own weights, averaged over the levels.
            "attention": torch.stack([weights[0] for weights, _ in pairs]).mean(dim=0),
            "contributions": parts @ self.join.weight.T,
            "constants": self.join.bias.clone(),
            "adds_up_to": "logit",
        }

    def occlude(self, levels: list[Tensor], weights: Tensor) -> Tensor:
        pooled = [head.occlude([level], weights) for head, level in self._heads_and_levels(levels)]
        return torch.sigmoid(self.join(torch.cat(pooled, dim=-1)).float())


class FeatureAttentionHead(nn.Module):
    """Attention over the hidden features: each unit has its own weights over time."""

    def __init__(self, settings: ModelSettings):
        super().__init__()
        units = settings.hidden_units
        self.activation = settings.attention_activation
        self.attend = nn.Linear(units, units)
        self.transform = nn.Linear(units, units)
        self.norm = nn.BatchNorm1d(units)
        self.dropout = nn.Dropout(settings.dropout)
        self.classify = nn.Linear(units, settings.n_classes)

    def _logits_and_values(self, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        logits = to_clips(self.attend(hidden).float(), mask)
        return logits, to_clips(self.transform(hidden).float(), mask)

    def _classify_pooled(self, pooled: Tensor) -> Tensor:
        features = self.dropout(torch.relu(self.norm(pooled)))
        return torch.sigmoid(self.classify(features).float())

    def forward(self, levels: list[Tensor], mask: Tensor) -> Tensor:
        logits, values = self._logits_and_values(levels[-1], mask)
        return self._classify_pooled(attention_pool(logits, values, self.activation, mask))

    def frame_scores(self, levels: list[Tensor]) -> Tensor:
        return self._classify_pooled(self.transform(levels[-1]).float())

    def explain(self, levels: list[Tensor], mask: Tensor) -> dict:
        """Linear through the last layer once the mask of active units is fixed.

        A class has no attention of its own here: it reads the units through the last layer. Its
        attention is the mean of the active units' weights, each counted by |weight in that layer|.
        """
        logits, values = self._logits_and_values(levels[-1], mask)
        weights = attention_weights(logits, self.activation, mask)
        weighted = (weights * values)[0]  # (T, H)
        active = self.norm(weighted.sum(dim=0, keepdim=True))[0] > 0  # (H,)
        scale = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        shift = self.norm.bias - self.norm.running_mean * scale
        readout = self.classify.weight * active  # (K, H)
        importance = (readout * scale).abs()
        # A class that reads no active unit attends to all of them alike.
        importance = torch.where(importance.sum(1, keepdim=True) > 0, importance, 1.0)
        importance = importance / importance.sum(dim=1, keepdim=True)
        return {
            "attention": weights[0] @ importance.T,
            "contributions": (weighted * scale) @ readout.T,
            "constants": self.classify.bias + readout @ shift,
            "adds_up_to": "logit",
        }

    def occlude(self, levels: list[Tensor], weights: Tensor) -> Tensor:
        logits, values = self._logits_and_values(levels[-1], one_clip(weights))
        unscaled = attention(logits, self.activation, one_clip(weights))
        return self._classify_pooled(means_with_each_replaced(unscaled[0] * weights, values[0]))


HEADS = {
    "average": AverageHead,
    "max": MaxHead,
    "single_attention": SingleAttentionHead,
    "multi_attention": MultiAttentionHead,
    "feature_attention": FeatureAttentionHead,
    # Differs from `average` in training only: there, each frame is its own example.
    "frame_baseline": AverageHead,
}


def _additive_score(attention: Tensor, contributions: Tensor) -> dict:
    return {
        "attention": attention,
        "contributions": contributions,
        "constants": contributions.new_zeros(contributions.shape[-1]),
        "adds_up_to": "score",
    }
