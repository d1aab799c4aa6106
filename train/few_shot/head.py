"""A linear head with attention pooling, fitted to a few clips of each class in seconds.

Embeddings stay as they are. Each class has two linear functions of a frame: its score, and how much
the frame counts. Both are fitted at once to all clips, so that a class is learned from the frames
that have it, though a clip is labelled as a whole.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from audioset_demo.embeddings.frames import N_DIMS
from audioset_demo.models.network import TaggingModel, as_input
from audioset_demo.models.settings import ModelSettings
from audioset_demo.models.weighted_means import MeanHead
from train.data.folds import folds_of
from train.few_shot.examples import Examples

N_FOLDS = 5
STEPS = 40
LEARNING_RATE = 0.02
WEIGHT_DECAY = 10.0  # strong: five clips do not tell which of 128 numbers matter

Progress = Callable[[float], object]  # called with the share that is done, 0 to 1


@dataclass(frozen=True)
class FittedHead:
    """A model of one's own classes, and what to expect of it.

    Attributes
    ----------
    model : single attention without hidden layers, fitted to all clips
    scores : (N, K) float32, of each clip by a head that was fitted without its recording; NaN where
        that one had no clip of one of the clip's classes
    n_folds : in how many parts the clips were held out for that
    """

    model: TaggingModel
    scores: np.ndarray
    n_folds: int

    @property
    def judged(self) -> np.ndarray:
        """(N,) bool: whether a clip was scored by a head that could find its classes."""
        return np.isfinite(self.scores).all(axis=1)


def fit_head(examples: Examples, *, seed: int = 0, progress: Progress | None = None) -> FittedHead:
    """Learn K classes from N clips, and try them by cross-validation over the recordings.

    Parameters
    ----------
    seed : which recordings are held out together
    progress : called now and then; an exception that it raises ends the work
    """
    labels = examples.labels
    folds = folds_of(labels, examples.groups, N_FOLDS, seed)
    n_folds = int(folds.max()) + 1
    clips = _Clips.of(examples)
    fits = n_folds + 1
    scores = np.full(labels.shape, np.nan, np.float32)
    for fold in range(n_folds):
        held_out = folds == fold
        if held_out.all():
            break
        model = _fitted(clips.subset(~held_out), _part(progress, fold, fits))
        can_be_found = ~(labels & ~labels[~held_out].any(axis=0)).any(axis=1)
        judged = held_out & can_be_found
        scores[judged] = _scores(model, clips.subset(judged)).detach().numpy()
    return FittedHead(_fitted(clips, _part(progress, fits - 1, fits)), scores, n_folds)


@dataclass(frozen=True)
class _Clips:
    """N clips as one run of frames.

    Attributes
    ----------
    frames : (M, 128) float32
    clip_of : (M,) the clip that each is from
    targets : (N, K) float32
    """

    frames: Tensor
    clip_of: Tensor
    targets: Tensor

    @classmethod
    def of(cls, examples: Examples) -> "_Clips":
        frames = [as_input(frames) for frames in examples.embeddings]
        lengths = torch.tensor([len(one) for one in frames])
        return cls(
            torch.cat(frames),
            torch.arange(len(frames)).repeat_interleave(lengths),
            torch.from_numpy(examples.labels).float(),
        )

    def subset(self, chosen: np.ndarray) -> "_Clips":
        """Those of the clips that are chosen (N,) bool."""
        kept = torch.from_numpy(chosen)
        number = kept.cumsum(0) - 1
        of_kept = kept[self.clip_of]
        return _Clips(self.frames[of_kept], number[self.clip_of[of_kept]], self.targets[kept])


def _fitted(clips: _Clips, progress: Progress) -> TaggingModel:
    model = _start(clips)
    importance = _importance(clips.targets)
    optimizer = torch.optim.AdamW(model.head.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for step in range(STEPS):
        progress(step / STEPS)
        # A weighted mean of probabilities can exceed 1 by rounding.
        scores = _scores(model, clips).clamp(1e-6, 1 - 1e-6)
        loss = binary_cross_entropy(scores, clips.targets, importance, reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.requires_grad_(False)


def _start(clips: _Clips) -> TaggingModel:
    """A head that has learned nothing: weights of zero, on frames of mean 0 and deviation 1."""
    settings = ModelSettings(
        "single_attention", clips.targets.shape[1], hidden_units=N_DIMS, hidden_layers=0
    )
    model = TaggingModel(settings).eval()
    norm = model.trunk.input_norm
    norm.running_mean = clips.frames.mean(dim=0)
    norm.running_var = clips.frames.var(dim=0, correction=0)
    for parameter in model.head.parameters():
        torch.nn.init.zeros_(parameter)
    return model


def _importance(targets: Tensor) -> Tensor:
    """How much each clip counts for each class (N, K): those with it as much as those without."""
    n_with = targets.sum(dim=0)
    return torch.where(targets > 0, 0.5 / n_with, 0.5 / (len(targets) - n_with))


def _scores(model: TaggingModel, clips: _Clips) -> Tensor:
    """Scores (N, K) of clips of any lengths, without padding."""
    head = cast(MeanHead, model.head)
    (weighted,) = head.weighted(model.trunk(clips.frames))
    sums = torch.zeros_like(clips.targets)
    total = sums.index_add(0, clips.clip_of, weighted.weights)
    return sums.index_add(0, clips.clip_of, weighted.weights * weighted.values) / total


def _part(progress: Progress | None, done: int, fits: int) -> Progress:
    """The progress of one of several fits, as a share of them all."""

    def of_all(share: float) -> None:
        if progress:
            progress((done + share) / fits)

    return of_all
