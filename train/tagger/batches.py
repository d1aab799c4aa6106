"""The batch of an iteration: clips drawn, some of their frames, mixup, noise.

A batch depends on (seed, iteration) alone, and on no random generator that anything else uses: a
resumed run trains on the same batches as one never stopped, and batches can be made ahead.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from train.data.features import FeatureSet
from train.tagger.config import FitConfig
from train.tagger.missing_labels import MissingLabels
from train.tagger.sampling import make_sampler

AHEAD = 2


@dataclass(frozen=True)
class Batch:
    """B clips of at most T frames.

    Attributes
    ----------
    clips : (B, T, 128) float32, `(uint8 - 128) / 128`
    mask : (B, T) bool, True for real frames; each clip has at least one
    targets : (B, K) float32 in [0, 1], NaN where a label is not known
    frame_targets : (B, T, K) float32 in [0, 1]; None: frames have none of their own
    """

    clips: Tensor
    mask: Tensor
    targets: Tensor
    frame_targets: Tensor | None = None

    def map(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """The batch with every tensor changed."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{n: change(t) for n, t in given.items() if t is not None})


class Batches:
    """The batches of one run.

    Parameters
    ----------
    teacher_scores : (N, K) float16, the teacher's scores of `features`; None: no teacher
    teacher_frame_scores : (N, T, K) float16, the same of their frames
    """

    def __init__(
        self,
        config: FitConfig,
        features: FeatureSet,
        teacher_scores: np.ndarray | None = None,
        teacher_frame_scores: np.ndarray | None = None,
    ):
        self.config = config
        self.features = features
        self.teacher_scores = teacher_scores
        self.teacher_frame_scores = teacher_frame_scores
        self.missing = MissingLabels(features.labels) if config.mask_missing else None
        self.sampler = make_sampler(config.sampling, features, config.batch_size, config.seed)

    def batch(self, iteration: int) -> Batch:
        """The batch of one iteration, counted from 0."""
        config = self.config
        rng = np.random.default_rng([config.seed, 2, iteration])
        indices = self.sampler.batch(iteration)
        batch = Batch(*self.features.batch(indices))
        if self.missing:
            batch = replace(batch, targets=self.missing.mark(batch.targets))
        if self.teacher_scores is not None:
            scores = torch.from_numpy(self.teacher_scores[indices]).float()
            batch = replace(batch, targets=torch.lerp(batch.targets, scores, config.teacher_weight))
        if self.teacher_frame_scores is not None:
            scores = torch.from_numpy(self.teacher_frame_scores[indices]).float()
            batch = replace(batch, frame_targets=scores)
        if config.frames:
            batch = pick_frames(batch, config.frames, rng)
        if config.mixup > 0:
            batch = mix(batch, config.mixup, rng)
        if config.noise > 0:
            noise = rng.standard_normal(batch.clips.shape, np.float32)
            batch = replace(batch, clips=batch.clips + config.noise * torch.from_numpy(noise))
        return batch

    def ahead(self, iterations: range) -> Iterator[Batch]:
        """The batches of `iterations`, each made while those before it are trained on."""
        with ThreadPoolExecutor(1, "batches") as maker:
            waiting: deque[Future[Batch]] = deque()
            for iteration in iterations:
                waiting.append(maker.submit(self.batch, iteration))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


def pick_frames(batch: Batch, n_frames: int, rng: np.random.Generator) -> Batch:
    """`n_frames` random real frames of each clip, all of them where it has no more.

    The order of frames does not matter to the models, so they stay as drawn.
    """
    keys = rng.random(batch.mask.shape) + ~batch.mask.numpy()
    picked = torch.from_numpy(np.argsort(keys, axis=1)[:, :n_frames])
    of_frames = {"clips": batch.clips, "mask": batch.mask[:, :, None]}
    if batch.frame_targets is not None:
        of_frames["frame_targets"] = batch.frame_targets
    kept = {
        name: torch.take_along_dim(tensor, picked[:, :, None], dim=1)
        for name, tensor in of_frames.items()
    }
    return replace(batch, **kept | {"mask": kept["mask"][:, :, 0]})


def mix(batch: Batch, alpha: float, rng: np.random.Generator) -> Batch:
    """Mix each clip with another of the batch, in a share drawn from Beta(alpha, alpha).

    A mixed clip is as long as the shorter of the two, so that no padding is mixed in.
    """
    n = len(batch.clips)
    share = torch.from_numpy(rng.beta(alpha, alpha, size=n)).float()
    other = torch.from_numpy(rng.permutation(n))

    def mixed(tensor: Tensor) -> Tensor:
        if tensor.dtype == torch.bool:
            return tensor & tensor[other]
        return torch.lerp(tensor[other], tensor, share.reshape(-1, *[1] * (tensor.ndim - 1)))

    return batch.map(mixed)
