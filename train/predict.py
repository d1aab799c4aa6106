"""Scores of a whole feature set."""

import numpy as np
import torch
from tqdm import tqdm

from audioset_demo.models.pooling import TaggingModel
from train.data import FeatureSet

BATCH_SIZE = 512


@torch.inference_mode()
def predict(model: TaggingModel, features: FeatureSet, progress: bool = False) -> np.ndarray:
    """Scores (N, K) float32 of every clip, in float32 arithmetic."""
    starts = range(0, len(features), BATCH_SIZE)
    parts = []
    for start in tqdm(starts, unit="batch", desc="scoring", disable=not progress):
        stop = min(start + BATCH_SIZE, len(features))
        clips, mask, _ = features.batch(np.arange(start, stop))
        parts.append(model(clips, mask).numpy())
    return np.concatenate(parts)
