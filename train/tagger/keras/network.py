"""The six tagging models in Keras 3 on TensorFlow: those of `models/pooling.py`, layer for layer.

Layers are Keras's own, named as PyTorch's are. With the same weights, scores, attention and
contributions are the same to 1e-5. Trained weights are not: the optimizer, BatchNorm's variance and
the random numbers are Keras's.

Shapes as there: B clips, T frames, D dims of an embedding, H hidden units, K classes, M real frames
in a batch. Padding never enters a computation here either.
"""

import keras
import numpy as np
import tensorflow as tf
import torch
from keras import ops

from audioset_demo.models.network import Explanation
from audioset_demo.models.settings import ModelSettings
from train.tagger.keras.layers import (
    Part,
    Trunk,
    as_float32,
    attention_pool,
    attention_weights,
    batch_norm,
    linear,
    to_clips,
)


class FrameClassifier(Part):
    """A score for each class and frame, from the last hidden layer."""

    def __init__(self, settings: ModelSettings, name: str, dtype):
        super().__init__(name, dtype)
        self.classify = linear("classify", settings.hidden_units, settings.n_classes, dtype)

    def frame_scores(self, levels):
        """(M, K) probabilities of the real frames."""
        return ops.sigmoid(as_float32(self.classify(levels[-1])))


class AverageHead(FrameClassifier):
    """The clip's score is the mean of its frames' scores."""

    def call(self, levels, mask, training=False):
        probabilities = to_clips(self.frame_scores(levels), mask)
        n_frames = ops.sum(as_float32(mask), axis=1, keepdims=True)
        return ops.sum(probabilities, axis=1) / n_frames

    def explain(self, levels, mask) -> dict:
        probabilities = self.frame_scores(levels)
        attention = ops.full_like(probabilities, 1 / len(probabilities))
        return _additive_score(attention, attention * probabilities)


class MaxHead(FrameClassifier):
    """The clip's score is that of its best frame, which has all the attention."""

    def call(self, levels, mask, training=False):
        # Probabilities are positive, so the zeros of padding never win.
        return ops.max(to_clips(self.frame_scores(levels), mask), axis=1)

    def explain(self, levels, mask) -> dict:
        probabilities = self.frame_scores(levels)
        winner = ops.argmax(probabilities, axis=0)
        attention = ops.one_hot(winner, len(probabilities), axis=0)
        return _additive_score(attention, attention * probabilities)


class SingleAttentionHead(FrameClassifier):
    """Frames' scores averaged with attention weights learned for each class."""

    def __init__(self, settings: ModelSettings, name: str, dtype):
        super().__init__(settings, name, dtype)
        self.activation = settings.attention_activation
        self.attend = linear("attend", settings.hidden_units, settings.n_classes, dtype)

    def _logits_and_values(self, hidden, mask):
        logits = to_clips(as_float32(self.attend(hidden)), mask)
        return logits, to_clips(self.frame_scores([hidden]), mask)

    def weights_and_values(self, hidden, mask):
        """Attention weights and frame scores of one level, each (B, T, K)."""
        logits, values = self._logits_and_values(hidden, mask)
        return attention_weights(logits, self.activation, mask), values

    def call(self, levels, mask, training=False):
        logits, values = self._logits_and_values(levels[-1], mask)
        return attention_pool(logits, values, self.activation, mask)

    def explain(self, levels, mask) -> dict:
        weights, values = self.weights_and_values(levels[-1], mask)
        return _additive_score(weights[0], (weights * values)[0])


class MultiAttentionHead(Part):
    """Single attention on each of the last two hidden layers, joined by one linear layer."""

    N_LEVELS = 2

    def __init__(self, settings: ModelSettings, name: str, dtype):
        super().__init__(name, dtype)
        n_heads = 1 if settings.shared_head else self.N_LEVELS
        self.heads = [SingleAttentionHead(settings, f"heads.{i}", dtype) for i in range(n_heads)]
        # Each class first reads its own scores alone, as in PyTorch.
        own = np.tile(np.eye(settings.n_classes, dtype=np.float32), (self.N_LEVELS, 1))
        self.join = keras.layers.Dense(
            settings.n_classes,
            kernel_initializer=keras.initializers.Constant(own * 10 / self.N_LEVELS),
            bias_initializer=keras.initializers.Constant(-5.0),
            name="join",
            dtype=dtype,
        )

    def _heads_and_levels(self, levels):
        heads = [self.heads[min(level, len(self.heads) - 1)] for level in range(self.N_LEVELS)]
        return list(zip(heads, levels[-self.N_LEVELS :], strict=True))

    def _joined(self, parts):
        return ops.sigmoid(as_float32(self.join(ops.concatenate(parts, axis=-1))))

    def call(self, levels, mask, training=False):
        return self._joined([head([level], mask) for head, level in self._heads_and_levels(levels)])

    def frame_scores(self, levels):
        return self._joined(
            [head.frame_scores([level]) for head, level in self._heads_and_levels(levels)]
        )

    def explain(self, levels, mask) -> dict:
        pairs = [
            head.weights_and_values(level, mask) for head, level in self._heads_and_levels(levels)
        ]
        parts = ops.concatenate([(weights * values)[0] for weights, values in pairs], axis=-1)
        return {
            "attention": ops.mean(ops.stack([weights[0] for weights, _ in pairs]), axis=0),
            "contributions": parts @ self.join.kernel,
            "constants": tf.identity(self.join.bias.value),
            "adds_up_to": "logit",
        }


class FeatureAttentionHead(Part):
    """Attention over the hidden features: each unit has its own weights over time."""

    def __init__(self, settings: ModelSettings, name: str, dtype):
        super().__init__(name, dtype)
        units = settings.hidden_units
        self.activation = settings.attention_activation
        self.attend = linear("attend", units, units, dtype)
        self.transform = linear("transform", units, units, dtype)
        self.norm = batch_norm(settings, "norm", "float32")
        self.dropout = keras.layers.Dropout(settings.dropout, dtype=dtype)
        self.classify = linear("classify", units, settings.n_classes, dtype)

    def _logits_and_values(self, hidden, mask):
        logits = to_clips(as_float32(self.attend(hidden)), mask)
        return logits, to_clips(as_float32(self.transform(hidden)), mask)

    def _classify_pooled(self, pooled, training=False):
        active = ops.relu(self.norm(pooled, training=training))
        features = self.dropout(active, training=training)
        return ops.sigmoid(as_float32(self.classify(features)))

    def call(self, levels, mask, training=False):
        logits, values = self._logits_and_values(levels[-1], mask)
        pooled = attention_pool(logits, values, self.activation, mask)
        return self._classify_pooled(pooled, training)

    def frame_scores(self, levels):
        return self._classify_pooled(as_float32(self.transform(levels[-1])))

    def explain(self, levels, mask) -> dict:
        """Linear through the last layer once the mask of active units is fixed (see PyTorch's)."""
        logits, values = self._logits_and_values(levels[-1], mask)
        weights = attention_weights(logits, self.activation, mask)
        weighted = (weights * values)[0]  # (T, H)
        active = self.norm(ops.sum(weighted, axis=0, keepdims=True))[0] > 0  # (H,)
        scale = self.norm.gamma / ops.sqrt(self.norm.moving_variance + self.norm.epsilon)
        shift = self.norm.beta - self.norm.moving_mean * scale
        readout = self.classify.kernel * as_float32(active)[:, None]  # (H, K)
        importance = ops.abs(readout * scale[:, None])
        # A class that reads no active unit attends to all of them equally.
        importance = ops.where(ops.sum(importance, 0, keepdims=True) > 0, importance, 1.0)
        importance = importance / ops.sum(importance, axis=0, keepdims=True)
        return {
            "attention": weights[0] @ importance,
            "contributions": (weighted * scale) @ readout,
            "constants": self.classify.bias + (shift[None] @ readout)[0],
            "adds_up_to": "logit",
        }


HEADS = {
    "average": AverageHead,
    "max": MaxHead,
    "single_attention": SingleAttentionHead,
    "multi_attention": MultiAttentionHead,
    "feature_attention": FeatureAttentionHead,
    "frame_baseline": AverageHead,
}


def _additive_score(attention, contributions) -> dict:
    return {
        "attention": attention,
        "contributions": contributions,
        "constants": ops.zeros_like(contributions[0]),
        "adds_up_to": "score",
    }


class KerasTaggingModel(keras.Model):
    """Scores of clips: (clips (B, T, D) float32, mask (B, T) bool) -> (B, K) probabilities.

    Attributes
    ----------
    draws : the random generator of each dropout layer; setting their states makes a step repeatable
    """

    def __init__(self, settings: ModelSettings, dtype: str):
        super().__init__(name="tagging_model")
        self.trunk = Trunk(settings, dtype)
        self.head = HEADS[settings.pooling](settings, name="head", dtype=dtype)

    @property
    def draws(self) -> list[keras.random.SeedGenerator]:
        dropouts = [layer.dropout for layer in self.trunk.layers]
        if isinstance(self.head, FeatureAttentionHead):
            dropouts.append(self.head.dropout)
        return [layer.seed_generator for layer in dropouts if layer.rate > 0]

    def call(self, inputs, training=False):
        clips, mask = inputs
        levels = self.trunk(tf.boolean_mask(clips, mask), training=training)
        return self.head(levels, mask, training=training)


def build(settings: ModelSettings, dtype: str = "float32") -> KerasTaggingModel:
    """A new model with random weights (`keras.utils.set_random_seed` decides which).

    Parameters
    ----------
    dtype : of matrix products, "float32" or "mixed_bfloat16"; weights are float32 in both
    """
    model = KerasTaggingModel(settings, dtype)
    # Keras makes the variables when it first sees an input.
    model((np.zeros((1, 1, settings.n_dims), np.float32), np.ones((1, 1), bool)))
    return model


def explain(keras_model: KerasTaggingModel, frames: np.ndarray) -> Explanation:
    """Scores of one clip (T, D), and how much each frame contributed."""
    mask = tf.ones((1, len(frames)), tf.bool)
    levels = keras_model.trunk(tf.convert_to_tensor(frames, tf.float32))
    explanation = {
        "scores": keras_model.head(levels, mask)[0],
        "frame_scores": keras_model.head.frame_scores(levels),
        **keras_model.head.explain(levels, mask),
    }
    adds_up_to = explanation.pop("adds_up_to")
    tensors = {
        name: torch.tensor(ops.convert_to_numpy(value)) for name, value in explanation.items()
    }
    classes = torch.arange(len(tensors["scores"]))
    return Explanation(classes=classes, **tensors, adds_up_to=adds_up_to)
