"""Deletion and insertion: what the score does as frames go or come in the order of a signal.

Shapes: P pairs of a clip and a class, T frames, K classes of the model, H hidden units.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from audioset_demo.models.network import TaggingModel

BATCH_PAIRS = 64


@dataclass(frozen=True)
class Areas:
    """Areas (P,) under the curves: means of the score over the numbers of frames that are left.

    Deletion leaves out the highest frames first, and is low for a faithful signal; insertion
    starts from the highest frame and is high. Both include the whole clip.
    """

    deletion: np.ndarray
    insertion: np.ndarray


@torch.inference_mode()
def areas(model: TaggingModel, clips: Tensor, classes: np.ndarray, signal: np.ndarray) -> Areas:
    """Deletion and insertion of a class in each clip.

    Parameters
    ----------
    clips : (P, T, 128) float32 without padding
    classes : (P,) indices of classes
    signal : (P, T), which orders the frames; of equals the first is higher
    """
    order = torch.from_numpy(np.argsort(-signal, axis=1, kind="stable"))
    parts = [
        (_area(model, *part, order.flip(1)[at]), _area(model, *part, order[at]))
        for at in torch.arange(len(clips)).split(BATCH_PAIRS)
        for part in [(clips[at], torch.from_numpy(classes)[at])]
    ]
    deletion, insertion = (torch.cat(each).numpy() for each in zip(*parts, strict=True))
    return Areas(deletion, insertion)


def _area(model: TaggingModel, clips: Tensor, classes: Tensor, order: Tensor) -> Tensor:
    """Mean over j of the score (P,) of a clip of the first j frames in an order (P, T)."""
    device = next(model.parameters()).device
    pairs, n_frames = torch.arange(len(clips)), clips.shape[1]
    places = pairs[:, None].to(device), order.to(device)
    levels = [
        level.view(*clips.shape[:2], -1)[places]
        for level in model.trunk(clips.flatten(0, 1).to(device))
    ]
    total = torch.zeros(len(clips))
    for j in range(1, n_frames + 1):
        mask = torch.ones(len(clips), j, dtype=torch.bool, device=device)
        scores = model.head([level[:, :j].flatten(0, 1) for level in levels], mask)
        total += scores.cpu()[pairs, classes]
    return total / n_frames
