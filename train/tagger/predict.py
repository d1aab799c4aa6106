"""Scores of a whole feature set."""

import numpy as np
import torch
from tqdm import tqdm

from audioset_demo.models.network import TaggingModel
from train.data.features import FeatureSet

BATCH_SIZE = 256


@torch.inference_mode()
def predict(model: TaggingModel, features: FeatureSet, progress: bool = False) -> np.ndarray:
    """Scores (N, K) float32 of every clip, in float32 arithmetic, on the model's device."""
    device = next(model.parameters()).device
    # In place: a list of parts would leave the heap in pieces.
    scores = np.empty((len(features), features.n_classes), np.float32)
    starts = range(0, len(features), BATCH_SIZE)
    for start in tqdm(starts, unit="batch", desc="scoring", disable=not progress):
        stop = min(start + BATCH_SIZE, len(features))
        clips, mask, _ = features.batch(np.arange(start, stop))
        scores[start:stop] = model(clips.to(device), mask.to(device)).cpu().numpy()
    return scores
