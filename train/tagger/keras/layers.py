"""Building blocks of the Keras models: Keras's own layers with PyTorch's settings, and attention.

Shapes: B clips, T frames, M rows (real frames, or clips once pooled), C units or classes.
"""

import keras
import tensorflow as tf
from keras import ops

from audioset_demo.models.attention import ATTENTION_MAX, ATTENTION_MIN
from audioset_demo.models.settings import ModelSettings


def linear(name: str, n_in: int, n_out: int, dtype, bias: bool = True) -> keras.layers.Dense:
    """A linear layer that starts as PyTorch's: weights and biases within 1 / sqrt(n_in)."""
    bound = n_in**-0.5
    return keras.layers.Dense(
        n_out,
        use_bias=bias,
        kernel_initializer=keras.initializers.RandomUniform(-bound, bound),
        bias_initializer=keras.initializers.RandomUniform(-bound, bound),
        name=name,
        dtype=dtype,
    )


def batch_norm(settings: ModelSettings, name: str, dtype) -> keras.layers.BatchNormalization:
    """BatchNorm over rows (M, C). Unlike PyTorch's, its running variance is the biased one."""
    return keras.layers.BatchNormalization(
        momentum=1 - settings.norm_momentum,  # Keras's is the share of the old value
        epsilon=settings.norm_epsilon,
        name=name,
        dtype=dtype,
    )


class Part(keras.layers.Layer):
    """A layer made of layers, which does not cast their inputs.

    `dtype` is that of the matrix products within: "float32" or "mixed_bfloat16".
    """

    def __init__(self, name: str, dtype):
        super().__init__(name=name, dtype=dtype, autocast=False)


class HiddenLayer(Part):
    """Linear, BatchNorm, ReLU, dropout."""

    def __init__(self, n_in: int, settings: ModelSettings, name: str, dtype):
        super().__init__(name, dtype)
        # PyTorch's numbers within its Sequential.
        self.linear = linear("0", n_in, settings.hidden_units, dtype, settings.hidden_bias)
        self.norm = batch_norm(settings, "1", dtype)
        self.dropout = keras.layers.Dropout(settings.dropout, dtype=dtype)

    def call(self, frames, training=False):
        hidden = ops.relu(self.norm(self.linear(frames), training=training))
        return self.dropout(hidden, training=training)


class Trunk(Part):
    """Hidden layers applied to each frame alone: (M, D) -> the output of each, (M, H)."""

    def __init__(self, settings: ModelSettings, dtype):
        super().__init__("trunk", dtype)
        self.input_norm = (
            batch_norm(settings, "input_norm", "float32") if settings.input_norm else None
        )
        widths = [settings.n_dims] + [settings.hidden_units] * settings.hidden_layers
        self.layers = [
            HiddenLayer(n_in, settings, f"layers.{i}", dtype) for i, n_in in enumerate(widths[:-1])
        ]

    def call(self, frames, training=False):
        hidden = self.input_norm(frames, training=training) if self.input_norm else frames
        levels = []
        for layer in self.layers:
            hidden = layer(hidden, training=training)
            levels.append(hidden)
        return levels


def as_float32(values):
    return ops.cast(values, "float32")


def to_clips(frames, mask):
    """Put real frames (M, C) back into their clips (B, T, C); padding becomes zero."""
    shape = tf.concat([tf.shape(mask), [frames.shape[-1]]], axis=0)
    clips = tf.scatter_nd(tf.where(mask), frames, tf.cast(shape, tf.int64))
    return tf.ensure_shape(clips, (None, None, frames.shape[-1]))


def attention(logits, activation: str, mask):
    """Attention (B, T, C) before it is made to sum to 1 over time; zero for padding."""
    activated = {
        "sigmoid": ops.sigmoid,
        "softmax": ops.softmax,  # over the last axis
        "relu": ops.relu,
        "exp": ops.exp,
    }[activation](logits)
    return ops.clip(activated, ATTENTION_MIN, ATTENTION_MAX) * as_float32(mask)[:, :, None]


def attention_weights(logits, activation: str, mask):
    """Attention weights (B, T, C) that sum to 1 over the real frames of each clip."""
    unscaled = attention(logits, activation, mask)
    return unscaled / ops.sum(unscaled, axis=1, keepdims=True)


def attention_pool(logits, values, activation: str, mask):
    """Values (B, T, C) averaged over time with their attention weights: (B, C)."""
    unscaled = attention(logits, activation, mask)
    return ops.sum(unscaled * values, axis=1) / ops.sum(unscaled, axis=1)
