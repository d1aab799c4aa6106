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

# Indices of scenes (B,) to frames (B, N, 128), of which the nearest is the alignment target.
Goals = Callable[[np.ndarray], Tensor]


@dataclass(frozen=True)
class Weights:
    """Weights of the parts of the loss; the models' binary cross-entropy has weight 1."""

    ranking: float
    teacher_embedding: float
    alignment: float


def as_models_read(components: Tensor) -> Tensor:
    """Components in [-2, 2] to the input of tagging models, not rounded as by quantisation."""
    return ((components + CLIP) * LEVELS_PER_UNIT - 0.5 - 128) / 128


class Student(nn.Module):
    """The encoder, and a head that predicts the teacher's embedding; the head is not published."""

    def __init__(self, encoder: CompactNet, n_teacher_features: int):
        super().__init__()
        self.encoder = encoder
        self.guess = nn.Linear(encoder.settings.hidden_units, n_teacher_features)

    def forward(self, examples: Tensor) -> tuple[Tensor, Tensor]:
        """Log-mel (B, 96, 64) to components (B, 128) and the predicted embedding (B, E)."""
        hidden = self.encoder.features(examples)
        return self.encoder.components(hidden), self.guess(hidden).float()


class Objective:
    """The loss of a batch.

    Parameters
    ----------
    models : frozen tagging models; in turn, one scores the scenes as clips of one frame, and
        another the clips composed of them.
    known : (K,) bool, classes that the teacher scores; others have labels alone.
    goals : frames to align with; None: no alignment.
    """

    def __init__(
        self,
        models: list[TaggingModel],
        known: Tensor,
        weights: Weights,
        goals: Goals | None = None,
    ):
        self.models = [model.eval().requires_grad_(False) for model in models]
        self.known = known
        self.weights = weights
        self.goals = goals

    def __call__(
        self, student: Student, batch: Batch, iteration: int
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss, and its parts for the log."""
        components, guess = student(batch.examples)
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
        read, guess = read[:-1], guess[:-1]
        difference = F.smooth_l1_loss(guess, batch.embeddings, reduction="none").mean(dim=1)
        parts["teacher"] = self.weights.teacher_embedding * (difference * batch.own).mean()
        if self.goals is not None:
            alignment = _alignment(read, self.goals(batch.scenes), batch.own)
            parts["alignment"] = self.weights.alignment * alignment
        loss = sum(parts.values(), start=torch.zeros(()))
        return loss, {name: part.item() for name, part in parts.items()}

    def _tagging(self, scores: Tensor, targets: Tensor) -> Tensor:
        counted = self.known | (targets > 0)
        scores = scores.float().clamp(SCORE_MIN, 1 - SCORE_MIN)
        return (F.binary_cross_entropy(scores, targets, reduction="none") * counted).sum(1).mean()


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
