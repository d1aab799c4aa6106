"""The reference's own code, run from a folder outside this repository.

The reference is qiuqiangkong/audioset_classification (PyTorch 0.3, Keras 2). Its models and its
sampler run as they are, but for what is said here. Dropout in PyTorch takes masks that ours takes
too; in Keras it is off. Its Keras code calls `keras.backend`, which Keras 3 no longer has: mean,
max, clip and sum go to `keras.ops`. `core`, which would start to train on a graphics card, is left
out: its loop is `train_reference`.
"""

import sys
from argparse import Namespace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType, SimpleNamespace
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

from audioset_demo.models.network import TaggingModel
from audioset_demo.models.reference import _modules, load_reference
from tests.train.tagger.parity import (
    DIMS,
    LEARNING_RATE,
    TORCH_SETTINGS,
    Masks,
    Problem,
    Trained,
    weights_of,
)

CLASSES = {
    "average": "DecisionLevelAveragePooling",
    "max": "DecisionLevelMaxPooling",
    "single_attention": "DecisionLevelSingleAttention",
    "multi_attention": "DecisionLevelMultiAttention",
    "feature_attention": "FeatureLevelSingleAttention",
}
KERAS_TYPES = {
    "average": "decision_level_average_pooling",
    "max": "decision_level_max_pooling",
    "single_attention": "decision_level_single_attention",
    "multi_attention": "decision_level_multi_attention",
    "feature_attention": "feature_level_attention",
}


def imported(path: Path, **stand_ins: ModuleType) -> ModuleType:
    """One file of the reference as a module; `stand_ins` are modules that it imports."""
    # These can't be imported twice, and a patched `sys.modules` forgets what is new in it.
    import h5py  # noqa: F401
    import sklearn.metrics  # noqa: F401

    spec = spec_from_file_location(f"reference_{path.parent.name}_{path.stem}", path)
    assert spec and spec.loader
    module = module_from_spec(spec)
    beside = {name: ModuleType(name) for name in ("core", "utils")}
    beside["utils"].utilities = beside["utils"].data_generator = None
    with patch.dict(sys.modules, beside | stand_ins), patch.object(sys, "path", list(sys.path)):
        spec.loader.exec_module(module)
    return module


def train_reference(folder: Path, pooling: str, problem: Problem) -> Trained:
    """The reference's training in PyTorch: its models, its loss, its Adam."""
    main = imported(folder / "pytorch" / "main.py")
    model = getattr(main, CLASSES[pooling])(DIMS, problem.classes, problem.units, problem.dropout)
    initial = problem.initial_model(pooling, TORCH_SETTINGS[pooling])
    model.to(problem.dtype).load_state_dict(_as_reference(initial, model.state_dict()))
    masks = Masks(problem)

    def dropout(x: Tensor, p: float, training: bool) -> Tensor:
        assert training and p == problem.dropout
        if x.ndim == 2:
            return x * masks.next(*x.shape)
        clips, units, frames, _ = x.shape
        kept = masks.next(clips * frames, units).view(clips, frames, units)
        return x * kept.transpose(1, 2).unsqueeze(-1)

    main.F = SimpleNamespace(dropout=dropout, relu=torch.relu, sigmoid=torch.sigmoid)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-7)
    losses = []
    for batch in problem.batches():
        model.train()
        loss = nn.functional.binary_cross_entropy(model(batch.clips), batch.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return Trained(np.array(losses), weights_of(_as_ours(model, pooling)))


def _as_reference(model: TaggingModel, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a model of ours in the names and shapes of `state`, the reference's."""
    modules, converted = _modules(model.settings), dict(state)
    for name, tensor in model.state_dict().items():
        module, leaf = name.rsplit(".", 1)
        if name == "head.join.weight":  # the reference joins the last level first
            tensor = tensor.roll(tensor.shape[1] // 2, dims=1)
        target = f"{modules[module]}.{leaf}"
        converted[target] = tensor.view(state[target].shape)
    return converted


def _as_ours(model: nn.Module, pooling: str) -> TaggingModel:
    """A model of the reference as our reader loads its checkpoint."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "md_50_iters.tar"
        torch.save({"iteration": 50, "state_dict": model.state_dict()}, path)
        return load_reference(path, pooling if pooling in ("average", "max") else None)[0]


def sampled_by_reference(folder: Path, targets: np.ndarray, batch_size: int, n: int) -> np.ndarray:
    """How often each clip (N,) is among the first `n` draws of its balanced sampler."""
    generators = imported(folder / "utils" / "data_generator.py")
    clips = np.arange(len(targets))
    batches = generators.BalancedDataGenerator(clips, targets, batch_size).generate()
    drawn = [next(batches)[0] for _ in range(n // batch_size)]
    return np.bincount(np.concatenate(drawn), minlength=len(targets))


def keras_reference(folder: Path, pooling: str):
    """Its Keras model: ten frames, 1,024 units, 527 classes, random weights; dropout is off."""
    import keras

    backend = ModuleType("keras.backend")
    for name in ("mean", "max", "clip", "sum"):
        setattr(backend, name, getattr(keras.ops, name))
    keras.utils.clear_session()  # layers are numbered from here
    with patch.object(keras, "backend", backend):
        main = imported(folder / "keras" / "main.py", **{"keras.backend": backend})
    main.core.train = lambda arguments: None
    arguments = Namespace(model_type=KERAS_TYPES[pooling])
    main.train(arguments)
    for layer in arguments.model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return arguments.model
