"""A training step: ours against a plain formulation, for the three attention models.

    python benchmarks/training_step.py [bal_train.h5]

The plain one is how the reference trains: 1x1 convolutions in fp32, torch's Dropout and Adam, a
sampler that walks a queue of classes in Python, padding taken for sound. Ours is a step of `fit`
with the reference's settings: the same model, batch, loss and dropout, no mixup. Both draw a batch,
convert it, and update the weights, in turns; printed are the medians, and the median of the pairs'
ratios. Without a file, clips and labels are random, and none has padding.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor, nn

from train.data.features import FeatureSet, load_features
from train.tagger.batches import Batches
from train.tagger.config import FitConfig
from train.tagger.torch_learner import TorchLearner

MODELS = ("single_attention", "multi_attention", "feature_attention")
N_CLIPS, N_FRAMES, N_DIMS, N_CLASSES = 22_160, 10, 128, 527
UNITS, DROPOUT, LEARNING_RATE = 1024, 0.5, 1e-3


class PlainSampler:
    """Classes from a queue of shuffled permutations, clips in turn from each class's own list."""

    def __init__(self, targets: np.ndarray, batch_size: int):
        self.rng = np.random.default_rng(0)
        self.batch_size = batch_size
        self.clips = [self.rng.permutation(np.flatnonzero(column)) for column in targets.T]
        self.places = [0] * len(self.clips)
        self.queue: list[int] = []

    def batch(self) -> np.ndarray:
        while len(self.queue) < self.batch_size:
            self.queue += self.rng.permutation(len(self.clips)).tolist()
        classes, self.queue = self.queue[: self.batch_size], self.queue[self.batch_size :]
        return np.array([self._next(k) for k in classes])

    def _next(self, k: int) -> int:
        if self.places[k] == len(self.clips[k]):
            self.rng.shuffle(self.clips[k])
            self.places[k] = 0
        self.places[k] += 1
        return self.clips[k][self.places[k] - 1]


class PlainModel(nn.Module):
    """An attention model over (B, channels, T, 1)."""

    def __init__(self, pooling: str, n_classes: int):
        super().__init__()
        self.pooling = pooling
        self.input_norm = nn.BatchNorm2d(N_DIMS)
        self.hidden = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(n_in, UNITS, 1, bias=False),
                nn.BatchNorm2d(UNITS),
                nn.ReLU(),
                nn.Dropout(DROPOUT),
            )
            for n_in in (N_DIMS, UNITS, UNITS)
        )
        width = UNITS if pooling == "feature_attention" else n_classes
        self.attention, self.values = nn.Conv2d(UNITS, width, 1), nn.Conv2d(UNITS, width, 1)
        if pooling == "multi_attention":
            self.last = nn.Linear(2 * n_classes, n_classes)
        if pooling == "feature_attention":
            norm = nn.BatchNorm1d(UNITS)
            drop = nn.Dropout(DROPOUT)
            self.last = nn.Sequential(norm, nn.ReLU(), drop, nn.Linear(UNITS, n_classes))

    def attend(self, hidden: Tensor) -> Tensor:
        attention = torch.sigmoid(self.attention(hidden)).clamp(1e-7, 1 - 1e-7)
        values = self.values(hidden)
        if self.pooling != "feature_attention":
            values = torch.sigmoid(values)
        weights = attention / attention.sum(dim=2, keepdim=True)
        return (weights * values).sum(dim=2)[:, :, 0]

    def forward(self, clips: Tensor) -> Tensor:
        """(B, T, D) -> (B, K)."""
        hidden, levels = self.input_norm(clips.transpose(1, 2)[:, :, :, None].contiguous()), []
        for layer in self.hidden:
            hidden = layer(hidden)
            levels.append(hidden)
        if self.pooling == "single_attention":
            return self.attend(hidden)
        if self.pooling == "multi_attention":
            pooled = [self.attend(level) for level in (levels[-1], levels[-2])]
            return torch.sigmoid(self.last(torch.cat(pooled, dim=1)))
        return torch.sigmoid(self.last(self.attend(hidden)))


def plain_step(pooling: str, features: FeatureSet, batch_size: int) -> Callable[[int], None]:
    x, y = features.x, features.y
    sampler = PlainSampler(y, batch_size)
    model = PlainModel(pooling, features.n_classes).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, eps=1e-7)

    def step(iteration: int) -> None:
        indices = sampler.batch()
        clips = torch.from_numpy((x[indices].astype(np.float32) - 128) / 128)
        targets = torch.from_numpy(y[indices].astype(np.float32))
        scores = model(clips)
        # A weighted mean of probabilities can exceed 1 by rounding.
        loss = nn.functional.binary_cross_entropy(scores.clamp(max=1), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def our_step(pooling: str, features: FeatureSet, batch_size: int) -> Callable[[int], None]:
    config = FitConfig(
        model=pooling,
        batch_size=batch_size,
        learning_rate=LEARNING_RATE,
        mixup=0.0,
        frames=0,
        sampling="balanced",
        hidden_units=UNITS,
        dropout=DROPOUT,
        shared_head=True,
    )
    batches = Batches(config, features)
    learner = TorchLearner(config.model_settings(features.n_classes), config)
    return lambda i: learner.step(batches.batch(i), LEARNING_RATE, seed=i)


def compare(pooling: str, features: FeatureSet, batch_size: int, n_pairs: int) -> None:
    steps = [make(pooling, features, batch_size) for make in (plain_step, our_step)]
    seconds = [[timed(step, i) for step in steps] for i in range(n_pairs + 1)]
    del seconds[0]  # the first step of each allocates
    plain, ours = (statistics.median(column) for column in zip(*seconds, strict=True))
    ratio = statistics.median(slow / fast for slow, fast in seconds)
    print(f"{pooling:18} {plain:9.3f} {ours:9.3f} {ratio:7.2f}", flush=True)


def timed(step: Callable[[int], None], iteration: int) -> float:
    started = time.perf_counter()
    step(iteration)
    return time.perf_counter() - started


def random_features(folder: Path) -> FeatureSet:
    rng = np.random.default_rng(0)
    path = folder / "random.h5"
    shares = 0.25 / np.arange(1, N_CLASSES + 1)  # few classes are frequent
    targets = rng.random((N_CLIPS, N_CLASSES)) < shares
    targets[np.arange(N_CLIPS), np.arange(N_CLIPS) % N_CLASSES] = True
    with h5py.File(path, "w") as file:
        file["x"] = rng.integers(0, 256, (N_CLIPS, N_FRAMES, N_DIMS), np.uint8)
        file["y"] = targets
        file["n_frames"] = np.full(N_CLIPS, N_FRAMES)
        file["video_id_list"] = np.arange(N_CLIPS).astype("S11")
    return load_features(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, nargs="?", help="features to train on")
    parser.add_argument("--batch-size", type=int, default=500, help="clips (%(default)s)")
    parser.add_argument("--pairs", type=int, default=15, help="steps of each (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        given = arguments.data
        features = load_features(given) if given else random_features(Path(folder))
        print(f"{features.name}, batch {arguments.batch_size}, {torch.get_num_threads()} threads")
        print(f"{'median seconds':18} {'plain':>9} {'ours':>9} {'ratio':>7}")
        for pooling in MODELS:
            compare(pooling, features, arguments.batch_size, arguments.pairs)


if __name__ == "__main__":
    main()
