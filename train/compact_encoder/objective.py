"""The loss of the compact encoder, through frozen tagging models that take its output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audioset_demo.embeddings.frames import CLIP, LEVELS_PER_UNIT
from audioset_demo.encoders.compact import CompactNet
from audioset_demo.models.network import TaggingModel
from train.compact_encoder.material import Batch

SCORE_MIN = 1e-6
# A class that the teacher lacks is absent where the nearest class above it scores less.
ABSENT = 0.05

# Indices of scenes (B,) to frames (B, N, 128), of which the nearest is the alignment target.
Goals = Callable[[np.ndarray], Tensor]


@dataclass(frozen=True)
class Weights:
    """Weights of the parts of the loss; the models' binary cross-entropy has weight 1."""

    ranking: float
    teacher_scores: float
    alignment: float


def as_models_read(components: Tensor) -> Tensor:
    """Components in [-2, 2] to the input of tagging models, not rounded as by quantisation."""
    return ((components + CLIP) * LEVELS_PER_UNIT - 0.5 - 128) / 128


class Student(nn.Module):
    """The encoder, and a layer that predicts the teacher's scores, which is not published."""

    def __init__(self, encoder: CompactNet, n_teacher_scores: int):
        super().__init__()
        self.encoder = encoder
        self.logits = nn.Linear(encoder.settings.widths[-1], n_teacher_scores)

    def forward(self, examples: Tensor) -> tuple[Tensor, Tensor]:
        """Log-mel (B, 96, 64) to components (B, 128), and the teacher's predicted logits (B, C)."""
        pooled = self.encoder.pooled(examples)
        return self.encoder.components(pooled), self.logits(pooled).float()


class Objective:
    """The loss of a batch.

    Parameters
    ----------
    models : frozen tagging models; in turn, one scores the scenes as clips of one frame, and
        another the clips composed of them.
    parents : (K,) for each class itself where the teacher scores it, else the nearest class above
        it that it scores, or -1.
    goals : frames to align with; None: no alignment.
    """

    def __init__(
        self,
        models: list[TaggingModel],
        parents: Tensor,
        weights: Weights,
        goals: Goals | None = None,
    ):
        self.models = [model.eval().requires_grad_(False) for model in models]
        self.parents = parents
        self.weights = weights
        self.goals = goals

    def __call__(
        self, student: Student, batch: Batch, iteration: int
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss, and its parts for the log."""
        components, logits = student(batch.examples)
        read = as_models_read(components)
        of_frames = self.models[iteration % len(self.models)]
        of_clips = self.models[(iteration + 1) % len(self.models)]
        scores = of_frames(read[:-1, None])
        clip_scores = of_clips(read[batch.clips], batch.mask)
        parts = {
            "tagging": self._tagging(scores, batch.targets),
            "clips": 0.5 * self._tagging(clip_scores, batch.clip_targets),
            "ranking": self.weights.ranking
            * (_ranking(scores, batch.targets) + 0.5 * _ranking(clip_scores, batch.clip_targets)),
        }
        read = read[:-1]
        entropy = F.binary_cross_entropy_with_logits(logits[:-1], batch.scores, reduction="none")
        parts["scores"] = self.weights.teacher_scores * (entropy.sum(dim=1) * batch.own).mean()
        if self.goals is not None:
            alignment = _alignment(read, self.goals(batch.scenes), batch.own)
            parts["alignment"] = self.weights.alignment * alignment
        loss = sum(parts.values(), start=torch.zeros(()))
        return loss, {name: part.item() for name, part in parts.items()}

    def counted(self, targets: Tensor) -> Tensor:
        """(B, K) bool: target scores (B, K) that say whether the class is there or not."""
        known = self.parents == torch.arange(len(self.parents))
        absent = (self.parents >= 0) & (targets[:, self.parents] < ABSENT)
        return known | absent | (targets > 0)

    def _tagging(self, scores: Tensor, targets: Tensor) -> Tensor:
        scores = scores.float().clamp(SCORE_MIN, 1 - SCORE_MIN)
        entropy = F.binary_cross_entropy(scores, targets, reduction="none")
        return (entropy * self.counted(targets)).sum(1).mean()


def _alignment(read: Tensor, goals: Tensor, own: Tensor) -> Tensor:
    """Squared distance of frames (B, 128) to the nearest of their goals (B, N, 128), softly chosen.

    Only scenes that were left unmixed count. The nearest, not the mean: a mean of frames lies where
    no frame lies.
    """
    distance = (read[:, None] - goals).square().mean(dim=2)  # (B, N)
    spread = 0.05
    nearest = -spread * torch.logsumexp(-distance / spread, dim=1)
    return (nearest * own).mean()


def _ranking(scores: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy between the classes: the target classes above all others."""
    share = targets.square()
    share = share / (share.sum(dim=1, keepdim=True) + 0.05)
    logits = torch.logit(scores.float(), eps=SCORE_MIN)
    return -(share * F.log_softmax(logits, dim=1)).sum(dim=1).mean()
