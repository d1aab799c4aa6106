"""One training problem, made by arithmetic, on which the reference's models and ours must agree.

Both start from the same weights, see the same fifty batches and drop the same units. numpy draws
all of it from the seed, so what the reference computed once can be compared with at any time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from train.tagger.batches import Batch
from train.tagger.config import FitConfig
from train.tagger.torch_learner import TorchLearner

POOLINGS = ("average", "max", "single_attention", "multi_attention", "feature_attention")
# The reference's PyTorch code, and its Keras code where it differs.
TORCH_SETTINGS = {pooling: {"shared_head": pooling == "multi_attention"} for pooling in POOLINGS}
KERAS_SETTINGS = {
    pooling: {
        "input_norm": False,
        "hidden_bias": True,
        "norm_epsilon": 1e-3,
        "attention_activation": "sigmoid" if pooling == "feature_attention" else "softmax",
    }
    for pooling in POOLINGS
}
RECORD = Path(__file__).parent / "parity.npz"  # made by record_parity.py
DIMS, FRAMES = 128, 10
LEARNING_RATE = 1e-3
# A BatchNorm follows that takes these biases out again: their gradient is zero, and Adam, which
# divides by its size, moves them by its rounding; the running means that hold them move along.
MOVED_BY_ROUNDING = {
    "trunk.input_norm.bias",
    "trunk.layers.0.1.running_mean",
    "head.transform.bias",
    "head.norm.running_mean",
}


@dataclass(frozen=True)
class Problem:
    """Batches for models of `units` and `classes`, in float32 or float64."""

    units: int = 8
    classes: int = 40
    batch_size: int = 8
    iterations: int = 50
    dropout: float = 0.5
    dtype: torch.dtype = torch.float32

    def batch(self, iteration: int) -> Batch:
        """Clips of ten frames: noise about the sum of their classes' centres."""
        rng = np.random.default_rng([1, iteration])
        targets = rng.random((self.batch_size, self.classes)) < 3 / self.classes
        centres = np.random.default_rng(0).integers(-60, 61, (self.classes, DIMS))
        noise = rng.normal(0, 40, (self.batch_size, FRAMES, DIMS))
        clips = np.clip((targets @ centres)[:, None] + noise + 128, 0, 255).astype(np.uint8)
        return Batch(
            clips=(torch.from_numpy(clips).to(self.dtype) - 128) / 128,
            mask=torch.ones(self.batch_size, FRAMES, dtype=torch.bool),
            targets=torch.from_numpy(targets).to(self.dtype),
        )

    def batches(self) -> Iterator[Batch]:
        return (self.batch(iteration) for iteration in range(self.iterations))

    def initial_model(self, pooling: str, variant: dict) -> TaggingModel:
        """A new model. Weights are small: no score comes so near to 1 that float32 can't tell."""
        settings = ModelSettings(
            pooling, self.classes, hidden_units=self.units, dropout=self.dropout, **variant
        )
        model = TaggingModel(settings)
        with torch.no_grad():
            for place, (name, tensor) in enumerate(sorted(model.named_parameters())):
                if tensor.ndim == 1:  # scales of BatchNorm are 1
                    tensor.fill_(float(name.endswith("weight")))
                    continue
                bound = tensor.shape[1] ** -0.5
                rng = np.random.default_rng([2, place])
                tensor.copy_(torch.from_numpy(rng.uniform(-bound, bound, tensor.shape)))
        return model.to(self.dtype)


class Masks:
    """Which units each dropout keeps, in the order of calls; one object for each training."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.calls = 0

    def next(self, rows: int, units: int) -> Tensor:
        """(rows, units): 0 where dropped, elsewhere the factor that keeps the mean."""
        share = self.problem.dropout
        keep = np.random.default_rng([3, self.calls]).random((rows, units)) >= share
        self.calls += 1
        return torch.from_numpy(keep).to(self.problem.dtype) / (1 - share)


class SharedDropout(nn.Module):
    """Takes the place of our dropout. Rows are the frames of one clip after another, or clips."""

    def __init__(self, masks: Masks):
        super().__init__()
        self.masks = masks

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden * self.masks.next(*hidden.shape) if self.training else hidden


@dataclass(frozen=True)
class Trained:
    """What fifty batches made of a model.

    Attributes
    ----------
    losses : (50,), of each batch before its update
    weights : by our names, with BatchNorm's running statistics
    """

    losses: np.ndarray
    weights: dict[str, np.ndarray]

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        named = self.weights | {"losses": self.losses}
        return {f"{prefix}/{name}": value for name, value in named.items()}

    @classmethod
    def from_record(cls, prefix: str) -> "Trained":
        arrays = recorded(prefix)
        return cls(arrays.pop("losses"), arrays)


def recorded(prefix: str) -> dict[str, np.ndarray]:
    """Arrays of the record whose names begin with `prefix` and a slash, without that."""
    with np.load(RECORD) as record:
        return {
            name.removeprefix(f"{prefix}/"): record[name]
            for name in record.files
            if name.startswith(f"{prefix}/")
        }


def train_ours(pooling: str, problem: Problem) -> Trained:
    """Our learner's training, as `fit` runs it, at a constant rate and without autocast."""
    initial = problem.initial_model(pooling, TORCH_SETTINGS[pooling])
    config = FitConfig(pooling, batch_size=problem.batch_size, precision="fp32")
    learner = TorchLearner(initial.settings, config, "cpu")
    learner.network.to(problem.dtype).load_state_dict(initial.state_dict())
    masks = Masks(problem)
    for parent in list(learner.network.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer).__name__ == "Dropout":
                setattr(parent, name, SharedDropout(masks))
    # Our models leave bf16 by `float`, which would cut float64 short.
    with patch.object(Tensor, "float", lambda values: values.to(problem.dtype)):
        losses = [learner.step(batch, LEARNING_RATE, seed=0) for batch in problem.batches()]
    return Trained(np.array(losses), weights_of(learner.model()))


def weights_of(model: TaggingModel) -> dict[str, np.ndarray]:
    """By name, without BatchNorm's counts of batches."""
    tensors = model.state_dict().items()
    return {name: value.numpy() for name, value in tensors if value.is_floating_point()}


def in_float64(problem: Problem) -> Problem:
    return replace(problem, dtype=torch.float64)


def labels_to_sample() -> np.ndarray:
    """(6000, 100) bool: one to three labels a clip, the first class about 50 times the last.

    A class has 60 clips or more, as in AudioSet's balanced set.
    """
    rng = np.random.default_rng(0)
    targets = np.zeros((6000, 100), bool)
    targets[np.arange(6000), np.arange(6000) % 100] = True
    shares = 1 / np.arange(1, 101)
    for clip in targets:
        clip[rng.choice(100, 2, p=shares / shares.sum())] = True
    return targets
