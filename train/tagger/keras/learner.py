"""The Keras learner: one update of a tagging model at a time, compiled by TensorFlow."""

import keras
import numpy as np
import tensorflow as tf
import torch
from keras import ops
from torch import Tensor

from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from train.tagger.batches import Batch
from train.tagger.config import FitConfig
from train.tagger.keras.network import build, weights_to_torch
from train.tagger.losses import ASYMMETRIC_GAMMA, FOCAL_GAMMA

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7
DTYPES = {"bf16": "mixed_bfloat16", "fp32": "float32"}


def bce(scores, targets):
    return ops.mean(ops.binary_crossentropy(targets, scores))


def focal(scores, targets):
    miss = tf.stop_gradient(ops.abs(scores - targets))
    return ops.mean(miss**FOCAL_GAMMA * ops.binary_crossentropy(targets, scores))


def asymmetric(scores, targets):
    excess = tf.stop_gradient(ops.relu(scores - targets))
    weight = targets + (1 - targets) * excess**ASYMMETRIC_GAMMA
    return ops.mean(weight * ops.binary_crossentropy(targets, scores))


# As in train/losses.py; `ops.binary_crossentropy` keeps probabilities 1e-7 off 0 and 1.
LOSSES = {"bce": bce, "focal": focal, "asymmetric": asymmetric}


class KerasLearner:
    """A model, Adam's moments and, where asked for, the moving average of its weights.

    A step is a function of the state, the batch and the seed alone.
    """

    def __init__(self, settings: ModelSettings, config: FitConfig):
        keras.utils.set_random_seed(config.seed)
        self.settings = settings
        self.config = config
        self.network = build(settings, DTYPES[config.precision])
        self.loss = LOSSES[config.loss]
        self.steps = tf.Variable(0, dtype=tf.int64)
        trainable = self.network.trainable_weights
        self.means = [tf.Variable(tf.zeros(weight.shape)) for weight in trainable]
        self.squares = [tf.Variable(tf.zeros(weight.shape)) for weight in trainable]
        self.average = build(settings) if config.ema else None
        if self.average:
            self.average.set_weights(self.network.get_weights())

    def step(self, batch: Batch, learning_rate: float, seed: int) -> float:
        """One update of the weights; the loss before it, not finite where the model diverged."""
        if self.settings.pooling == "frame_baseline":
            batch = frames_as_clips(batch)
        self.network.draws.state.assign([seed, 0])
        loss = self._step(
            batch.clips.numpy(),
            batch.mask.numpy(),
            batch.targets.numpy(),
            np.float32(learning_rate),
        )
        return float(loss)

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, None), tf.float32),
            tf.TensorSpec((None, None), tf.bool),
            tf.TensorSpec((None, None), tf.float32),
            tf.TensorSpec((), tf.float32),
        ]
    )
    def _step(self, clips, mask, targets, learning_rate):
        with tf.GradientTape() as tape:
            scores = self.network((clips, mask), training=True)
            # What is not known teaches nothing: a target that equals the score has no gradient.
            known = tf.where(tf.math.is_nan(targets), tf.stop_gradient(scores), targets)
            loss = self.loss(scores, known)
        gradients = tape.gradient(loss, self.network.trainable_weights)
        self._apply_adam(gradients, learning_rate)
        if self.average:
            self._update_average()
        return loss

    def _apply_adam(self, gradients, learning_rate) -> None:
        """Adam with decoupled weight decay of the matrices, as `torch.optim.AdamW` computes it."""
        done = tf.cast(self.steps.assign_add(1), tf.float32)
        power_1, power_2 = BETA_1**done, BETA_2**done
        weights = self.network.trainable_weights
        for weight, mean, square, gradient in zip(
            weights, self.means, self.squares, gradients, strict=True
        ):
            if self.config.weight_decay and len(weight.shape) > 1:
                weight.assign(weight.value * (1 - learning_rate * self.config.weight_decay))
            tf.raw_ops.ResourceApplyAdam(
                var=weight.value.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=power_1,
                beta2_power=power_2,
                lr=learning_rate,
                beta1=BETA_1,
                beta2=BETA_2,
                # TensorFlow adds it before it corrects the bias of the squares, PyTorch after.
                epsilon=EPSILON * tf.sqrt(1 - power_2),
                grad=gradient,
            )

    def _update_average(self) -> None:
        steps = tf.cast(self.steps, tf.float32)
        # The first weights are worth little: the average starts short and lengthens.
        keep = tf.minimum(self.config.ema, steps / (steps + 10))
        for average, weight in zip(self.average.weights, self.network.weights, strict=True):
            average.assign(keep * average.value + (1 - keep) * weight.value)

    def model(self) -> TaggingModel:
        """The weights that count, in PyTorch: their moving average where there is one."""
        return weights_to_torch(self.average or self.network, self.settings)

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs to go on bit for bit."""
        return {
            name: torch.tensor(variable.numpy()) for name, variable in self._variables().items()
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        for name, variable in self._variables().items():
            variable.assign(state[name].numpy())

    def _variables(self) -> dict[str, tf.Variable | keras.Variable]:
        """Every variable that a step changes, by name."""
        variables = {f"model/{weight.path}": weight for weight in self.network.weights}
        for i, weight in enumerate(self.network.trainable_weights):
            variables[f"adam/mean/{weight.path}"] = self.means[i]
            variables[f"adam/square/{weight.path}"] = self.squares[i]
        if self.average:
            variables |= {f"average/{weight.path}": weight for weight in self.average.weights}
        return variables | {"adam/steps": self.steps}


def frames_as_clips(batch: Batch) -> Batch:
    """Each real frame as a clip of its own that inherits its clip's targets."""
    clips = batch.clips[batch.mask].unsqueeze(1)
    targets = batch.targets.repeat_interleave(batch.mask.sum(dim=1), dim=0)
    return Batch(clips, torch.ones(len(clips), 1, dtype=torch.bool), targets)
