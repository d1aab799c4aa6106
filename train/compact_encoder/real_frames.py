"""Real embeddings to align with: for each scene, frames of AudioSet with similar scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from audioset_demo.models.network import TaggingModel, as_input
from audioset_demo.storage import write_atomically
from train.compact_encoder.material import Material
from train.data.features import FeatureSet

N_NEIGHBOURS = 8
MAX_FRAMES = 60_000
BLOCK = 1_000
# The model's score of a class that the clip is not labelled with is scaled by this.
UNLABELLED_SHARE = 0.3


class Neighbours:
    """Real frames to align scenes with, for a teacher that is not in the embedding space."""

    def __init__(self, real: RealFrames, of_scenes: np.ndarray):
        self._real, self._of_scenes = real, of_scenes

    def __call__(self, scenes: np.ndarray) -> Tensor:
        """(B,) indices of scenes to (B, N_NEIGHBOURS, 128), as tagging models read them."""
        return self._real.frames[torch.from_numpy(self._of_scenes[scenes]).long()]


def draw_frames(features: FeatureSet, seed: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (F,) of clip and frame of up to `most` real frames drawn at random."""
    clip, frame = np.nonzero(np.arange(features.x.shape[1]) < features.n_frames[:, None])
    chosen = np.sort(np.random.default_rng(seed).permutation(len(clip))[:most])
    return clip[chosen], frame[chosen]


class RealFrames:
    """Frames of a feature set, drawn at random, with a signature of each.

    Attributes
    ----------
    frames : (F, 128) float32, as tagging models read them.
    signatures : (F, K) bfloat16 of length 1: roots of the frozen model's scores of each frame,
        scaled down where the clip does not carry the label.
    """

    def __init__(self, features: FeatureSet, model: TaggingModel, seed: int):
        clip, frame = draw_frames(features, seed, MAX_FRAMES)
        self.frames = as_input(features.x[clip, frame])
        signatures = []
        for start in range(0, len(clip), BLOCK):
            rows = slice(start, start + BLOCK)
            with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
                scores = model.frame_scores(self.frames[rows]).float()
            labelled = torch.from_numpy(features.y[clip[rows]])
            signatures.append(signature(scores * torch.where(labelled, 1.0, UNLABELLED_SHARE)))
        self.signatures = torch.cat(signatures)

    def nearest(self, targets: Tensor) -> Tensor:
        """(B, K) target scores to (B, N_NEIGHBOURS) indices of frames, the most similar first."""
        return (signature(targets) @ self.signatures.T).topk(N_NEIGHBOURS, dim=1).indices


def signature(scores: Tensor) -> Tensor:
    """(B, K) scores to (B, K) bfloat16 of length 1; roots, so that weak classes count too."""
    return torch.nn.functional.normalize(scores.sqrt(), dim=1).bfloat16()


@torch.inference_mode()
def find_neighbours(material: Material, real: RealFrames, path: Path) -> np.ndarray:
    """(n scenes, N_NEIGHBOURS) int32, from `path` if it is there, else computed and written."""
    if path.is_file():
        return np.load(path, allow_pickle=False)
    found = np.empty((len(material), N_NEIGHBOURS), np.int32)
    for start in tqdm(range(0, len(material), BLOCK), desc="real neighbours", unit="block"):
        scenes = np.arange(start, min(start + BLOCK, len(material)))
        found[scenes] = real.nearest(torch.from_numpy(material.targets(scenes))).numpy()
    write_atomically(path, lambda part: np.save(part, found))
    return found
