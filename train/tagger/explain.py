"""What the frames of every clip of a feature set say of some classes, as the app would show it.

Shapes: N clips of at most T frames, C classes that are looked at, H hidden units.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from audioset_demo.models.head import Head
from audioset_demo.models.localisation import SIGNALS
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.pooling import FeatureAttentionHead
from train.data.features import FeatureSet

BATCH_SIZE = 64


@dataclass(frozen=True)
class Explanations:
    """Of each clip and class: its score, and what each frame has to do with it.

    Attributes
    ----------
    scores : (N, C) float32
    signals : by a name of `SIGNALS`, (N, T, C) float32, NaN where a clip has no frame. Occlusion is
        the score drop when the frame is left out; of a clip of one frame it is its score.
    """

    scores: np.ndarray
    signals: dict[str, np.ndarray]


@torch.inference_mode()
def explain_all(model: TaggingModel, features: FeatureSet, classes: np.ndarray) -> Explanations:
    """Scores and signals of every clip for some classes, as `explain` and `occlude` of the model.

    Parameters
    ----------
    classes : indices (C,) of classes of the model
    """
    n, frames = len(features), int(features.n_frames.max())
    scores = np.empty((n, len(classes)), np.float32)
    signals = {s: np.full((n, frames, len(classes)), np.nan, np.float32) for s in SIGNALS}
    device = next(model.parameters()).device
    head, kept = _narrowed(model.head, torch.from_numpy(classes).to(device))
    batches = _batches(features.n_frames)
    for rows in tqdm(batches, unit="batch", desc="explaining", leave=False):
        clips, mask, _ = features.batch(rows)
        clips = clips[:, : int(mask[0].sum())].to(device)
        levels = [level.view(*clips.shape[:2], -1) for level in model.trunk(clips.flatten(0, 1))]
        found = torch.vmap(lambda *of_clip: _of_clip(head, list(of_clip), kept))(*levels)
        scores[rows] = found[0].cpu().numpy()
        for name, values in zip(SIGNALS, found[1:], strict=True):
            signals[name][rows, : values.shape[1]] = values.cpu().numpy()
    return Explanations(scores, signals)


def _batches(n_frames: np.ndarray) -> list[np.ndarray]:
    """Indices of clips in batches, all clips of one having the same number of frames."""
    return [
        batch
        for length in np.unique(n_frames)
        for rows in [np.flatnonzero(n_frames == length)]
        for batch in np.split(rows, range(BATCH_SIZE, len(rows), BATCH_SIZE))
    ]


def _narrowed(head: Head, classes: Tensor) -> tuple[Head, Tensor]:
    """A head with the same figures for the classes, and where it has them.

    Feature attention weights every unit for every class anew in each clip: most of the time would
    go into classes that nobody looks at.
    """
    if not isinstance(head, FeatureAttentionHead):
        return head, classes
    narrow = copy.deepcopy(head)
    narrow.classify.weight = nn.Parameter(head.classify.weight[classes])
    narrow.classify.bias = nn.Parameter(head.classify.bias[classes])
    return narrow, torch.arange(len(classes), device=classes.device)


def _of_clip(head: Head, levels: list[Tensor], classes: Tensor) -> tuple[Tensor, ...]:
    """Score (C,) of one clip, and its signals (T, C) in the order of `SIGNALS`."""
    summary = head.summarise([levels])
    score = head.score(summary)[classes]
    frame_scores, attention, contributions = next(head.explain([levels], summary))
    if len(levels[0]) > 1:
        without = next(head.occlude([levels], summary, None))[:, classes]
    else:
        without = torch.zeros_like(score)[None]
    parts = attention[:, classes], frame_scores[:, classes], contributions[:, classes]
    return score, *parts, score - without
