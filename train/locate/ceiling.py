"""The ceiling: classifiers of single frames that were trained on when each event sounds.

Shapes: N clips of at most T frames, M real frames, D numbers of a frame, C classes.
"""

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from audioset_demo.models.network import TaggingModel
from train.data.features import FeatureSet

BATCH_FRAMES = 1024
LEARNING_RATE = 1e-3


def cross_fitted(
    frames: Tensor,
    real: np.ndarray,
    targets: np.ndarray,
    half: np.ndarray,
    hidden: tuple[int, ...] = (),
    epochs: int = 10,
) -> np.ndarray:
    """Logits of every frame by a classifier trained on the other half of the clips.

    Parameters
    ----------
    frames : (M, D) float, the real frames in the order of the clips
    real : (N, T) bool, which frames are real
    targets : (N, T, C) bool, which classes sound in them
    half : (N,) bool, to which half of the clips each belongs
    hidden : units of hidden layers; none for logistic regression

    Returns
    -------
    (N, T, C) float32, NaN where a clip has no frame.
    """
    found = np.full(targets.shape, np.nan, np.float32)
    wanted = torch.from_numpy(targets[real]).float()
    of_half = torch.from_numpy(np.repeat(half, real.sum(axis=1)))
    logits = torch.empty_like(wanted)
    for trained_on in (of_half, ~of_half):
        network = _trained(frames[trained_on], wanted[trained_on], hidden, epochs)
        with torch.inference_mode():
            logits[~trained_on] = torch.cat(
                [network(part.float()) for part in frames[~trained_on].split(BATCH_FRAMES)]
            )
    found[real] = logits.numpy()
    return found


def _trained(frames: Tensor, targets: Tensor, hidden: tuple[int, ...], epochs: int) -> nn.Module:
    torch.manual_seed(0)
    network = _network(frames.shape[1], targets.shape[1], hidden)
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.01)
    steps = epochs * -(-len(frames) // BATCH_FRAMES)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3 * LEARNING_RATE, steps)
    for _ in tqdm(range(epochs), unit="epoch", desc="ceiling", leave=False):
        for batch in torch.randperm(len(frames)).split(BATCH_FRAMES):
            logits = network(frames[batch].float())
            loss = nn.functional.binary_cross_entropy_with_logits(logits, targets[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def _network(n_in: int, n_out: int, hidden: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = [nn.BatchNorm1d(n_in)]
    for n in hidden:
        layers += [nn.Linear(n_in, n), nn.BatchNorm1d(n), nn.ReLU(), nn.Dropout(0.5)]
        n_in = n
    return nn.Sequential(*layers, nn.Linear(n_in, n_out))


def real_frames(features: FeatureSet) -> Tensor:
    """Embeddings (M, 128) float32 of all frames, as the models read them."""
    clips, mask, _ = features.batch(np.arange(len(features)))
    return clips[mask]


@torch.inference_mode()
def hidden_features(model: TaggingModel, frames: Tensor) -> Tensor:
    """The last hidden layer (M, H) of frames (M, 128), in half precision: 2 kB a frame."""
    device = next(model.parameters()).device
    parts = frames.split(BATCH_FRAMES)
    return torch.cat([model.trunk(part.to(device))[-1].half().cpu() for part in parts])
