"""What the Keras twin of the tagging models is made of: trunk, and attention, as PyTorch's compute.

Shapes: B clips, T frames, M rows (real frames, or clips once pooled), C units or classes.
"""

import keras
import tensorflow as tf
from keras import ops

from audioset_demo.models.pooling import ATTENTION_MAX, ATTENTION_MIN
from audioset_demo.models.settings import ModelSettings

# PyTorch's defaults. Its momentum of 0.1 is the share of the new value, Keras's that of the old.
NORM_EPSILON, NORM_MOMENTUM = 1e-5, 0.9


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


class BatchNorm(keras.layers.Layer):
    """BatchNorm over rows (M, C), with PyTorch's running statistics (the variance is unbiased).

    Keras's own layer keeps the biased variance. TensorFlow's fused kernel takes images, so a row
    is given to it as one of a single pixel.
    """

    def __init__(self, name: str):
        super().__init__(name=name, dtype="float32", autocast=False)

    def build(self, shape):
        size = (shape[-1],)
        self.gamma = self.add_weight(shape=size, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=size, initializer="zeros", name="beta")
        self.moving_mean = self.add_weight(
            shape=size, initializer="zeros", name="moving_mean", trainable=False
        )
        self.moving_variance = self.add_weight(
            shape=size, initializer="ones", name="moving_variance", trainable=False
        )

    def call(self, rows, training=False):
        mean, variance = self.moving_mean.value, self.moving_variance.value
        if not training:
            scale = self.gamma.value * tf.math.rsqrt(variance + NORM_EPSILON)
            normed = tf.cast(rows, tf.float32) * scale + (self.beta.value - mean * scale)
            return tf.cast(normed, rows.dtype)
        normed, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=ops.expand_dims(rows, (1, 2)),
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=mean,
            variance=variance,
            epsilon=NORM_EPSILON,
            is_training=True,
        )
        for running, new in (
            (self.moving_mean, batch_mean),
            (self.moving_variance, batch_variance),
        ):
            running.assign(NORM_MOMENTUM * running.value + (1 - NORM_MOMENTUM) * new)
        return ops.squeeze(normed, (1, 2))


class Dropout(keras.layers.Layer):
    """As `models.dropout.Dropout`: a byte of randomness for each unit, drawn from `draws`."""

    def __init__(self, p: float, draws: keras.random.SeedGenerator):
        super().__init__(autocast=False)
        self.threshold = round(256 * p)
        self.draws = draws

    def call(self, rows, training=False):
        if not training or self.threshold == 0:
            return rows
        shape = tf.shape(rows)
        words = tf.random.stateless_uniform(
            [-(-tf.size(rows) // 4)], self.draws.next(), None, None, tf.uint32
        )
        draws = tf.reshape(tf.bitcast(words, tf.uint8), [-1])[: tf.size(rows)]
        keep = tf.cast(tf.reshape(draws, shape) >= self.threshold, rows.dtype)
        return rows * (keep * (256 / (256 - self.threshold)))


class Part(keras.layers.Layer):
    """A layer made of layers, which gives each its inputs as they come.

    `dtype` is that of the matrix products within: "float32" or "mixed_bfloat16".
    """

    def __init__(self, name: str, dtype):
        super().__init__(name=name, dtype=dtype, autocast=False)


class HiddenLayer(Part):
    """Linear, BatchNorm, ReLU, dropout."""

    def __init__(self, n_in: int, settings: ModelSettings, draws, **part):
        super().__init__(**part)
        # PyTorch's numbers within its Sequential.
        self.linear = linear(
            "0", n_in, settings.hidden_units, self.dtype_policy, settings.hidden_bias
        )
        self.norm = BatchNorm("1")
        self.dropout = Dropout(settings.dropout, draws)

    def call(self, frames, training=False):
        hidden = ops.relu(self.norm(self.linear(frames), training=training))
        return self.dropout(hidden, training=training)


class Trunk(Part):
    """Hidden layers applied to each frame alone: (M, D) -> the output of each, (M, H)."""

    def __init__(self, settings: ModelSettings, draws, dtype):
        super().__init__("trunk", dtype)
        self.input_norm = BatchNorm("input_norm") if settings.input_norm else None
        widths = [settings.n_dims] + [settings.hidden_units] * settings.hidden_layers
        self.layers = [
            HiddenLayer(n_in, settings, draws, name=f"layers.{i}", dtype=dtype)
            for i, n_in in enumerate(widths[:-1])
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
