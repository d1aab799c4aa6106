"""Scores and gradients of one batch: the reference's Keras models, and ours.

In training mode, so with the batch's statistics; dropout is off in both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tests.train.tagger.parity import KERAS_SETTINGS, Problem, recorded
from tests.train.tagger.reference_code import keras_reference
from train.tagger.keras.conversion import tensor_name, weights_from_torch
from train.tagger.keras.network import KerasTaggingModel, build

PROBLEM = Problem(units=1024, classes=527, batch_size=8, dropout=0.0)
SAMPLES = 32  # of each array: all of a gradient would take 5 MB
# Modules of each head, in the order in which the reference makes its layers.
DENSE = {
    "average": ("head.classify",),
    "max": ("head.classify",),
    "single_attention": ("head.classify", "head.attend"),
    "multi_attention": (
        "head.heads.0.classify", "head.heads.0.attend",
        "head.heads.1.classify", "head.heads.1.attend", "head.join",
    ),
    "feature_attention": ("head.transform", "head.attend", "head.classify"),
}  # fmt: skip


@dataclass(frozen=True)
class Pass:
    """Evenly spaced samples of the scores, and of the gradient of each variable by its name."""

    scores: np.ndarray
    gradients: dict[str, np.ndarray]

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        named = self.gradients | {"scores": self.scores}
        return {f"{prefix}/{name}": value for name, value in named.items()}

    @classmethod
    def from_record(cls, prefix: str) -> "Pass":
        arrays = recorded(prefix)
        return cls(arrays.pop("scores"), arrays)


def our_model(pooling: str) -> KerasTaggingModel:
    torch_model = PROBLEM.initial_model(pooling, KERAS_SETTINGS[pooling])
    model = build(torch_model.settings)
    weights_from_torch(model, torch_model)
    return model


def keras_of_ours(pooling: str) -> Pass:
    model = our_model(pooling)
    mask = PROBLEM.batch(0).mask.numpy()
    named = {tensor_name(variable): variable for variable in model.trainable_weights}
    return _pass(lambda clips: model((clips, mask), training=True), named)


def keras_of_reference(folder: Path, pooling: str) -> Pass:
    model = keras_reference(folder, pooling)
    layers = _layers_by_our_names(model, pooling)
    named = {}
    for variable in our_model(pooling).weights:
        name = tensor_name(variable)
        own = getattr(layers[name.rsplit(".", 1)[0]], variable.path.rsplit("/", 1)[1])
        own.assign(variable)
        if own.trainable:
            named[name] = own
    return _pass(lambda clips: model(clips, training=True), named)


def _layers_by_our_names(model: keras.Model, pooling: str) -> dict[str, keras.layers.Layer]:
    dense = [f"trunk.layers.{i}.0" for i in range(3)] + list(DENSE[pooling])
    norms = [f"trunk.layers.{i}.1" for i in range(3)]
    norms += ["head.norm"] if pooling == "feature_attention" else []
    layers = {}
    for kind, names in ((keras.layers.Dense, dense), (keras.layers.BatchNormalization, norms)):
        made = sorted((each for each in model.layers if isinstance(each, kind)), key=_number)
        layers |= dict(zip(names, made, strict=True))
    return layers


def _number(layer: keras.layers.Layer) -> int:
    """Keras calls the layers of a kind dense, dense_1, dense_2 as they are made."""
    last = layer.name.rsplit("_", 1)[-1]
    return int(last) if last.isdigit() else 0


def _pass(score: Callable, variables: dict[str, keras.Variable]) -> Pass:
    batch = PROBLEM.batch(0)
    with tf.GradientTape() as tape:
        scores = score(batch.clips.numpy())
        losses = keras.losses.binary_crossentropy(batch.targets.numpy(), scores)
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, [variable.value for variable in variables.values()])
    found = zip(variables, gradients, strict=True)
    return Pass(_samples(scores), {name: _samples(gradient) for name, gradient in found})


def _samples(values) -> np.ndarray:
    values = np.asarray(values).ravel()
    return values[np.linspace(0, len(values) - 1, SAMPLES).astype(int)]
