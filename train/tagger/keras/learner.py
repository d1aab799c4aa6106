"""The Keras learner: one update of a tagging model at a time, compiled by TensorFlow."""

import keras
import tensorflow as tf
import torch
from keras import ops
from torch import Tensor

from audioset_demo.errors import AudioSetDemoError
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from train.tagger.batches import Batch
from train.tagger.config import FitConfig
from train.tagger.keras.conversion import weights_to_torch
from train.tagger.keras.network import build
from train.tagger.losses import ASYMMETRIC_GAMMA, FOCAL_GAMMA

DTYPES = {"bf16": "mixed_bfloat16", "fp32": "float32"}


def focal(targets, scores):
    miss = tf.stop_gradient(ops.abs(scores - targets))
    return ops.mean(miss**FOCAL_GAMMA * ops.binary_crossentropy(targets, scores), axis=-1)


def asymmetric(targets, scores):
    excess = tf.stop_gradient(ops.relu(scores - targets))
    weight = targets + (1 - targets) * excess**ASYMMETRIC_GAMMA
    return ops.mean(weight * ops.binary_crossentropy(targets, scores), axis=-1)


# As in train/tagger/losses.py, a loss for each clip; Keras keeps probabilities 1e-7 off 0 and 1.
LOSSES = {
    "bce": keras.losses.binary_crossentropy,
    "focal": focal,
    "asymmetric": asymmetric,
}


class KerasLearner:
    """A model and Keras's AdamW, which with `ema` also keeps the moving average of the weights.

    A step depends on the state, the batch and the seed alone.
    """

    device = torch.device("cpu")  # of the models that `model` returns

    def __init__(self, settings: ModelSettings, config: FitConfig, device: str = "auto"):
        self.place = place_of(device)
        keras.utils.set_random_seed(config.seed)
        self.settings = settings
        self.config = config
        self.loss = LOSSES[config.loss]
        with tf.device(self.place):
            self.network = build(settings, DTYPES[config.precision])
            self.optimizer = keras.optimizers.AdamW(
                config.learning_rate,
                weight_decay=config.weight_decay,
                epsilon=1e-7,
                name="adamw",  # else it is numbered, and a state would not fit the next learner
                use_ema=config.ema > 0,
                ema_momentum=config.ema,
            )
            # Biases and BatchNorm have few parameters and gain nothing from decay.
            weights = self.network.trainable_weights
            self.optimizer.exclude_from_weight_decay([w for w in weights if len(w.shape) == 1])
            self.optimizer.build(weights)
            # The first weights are worth little: the average starts short and grows longer.
            self.optimizer.ema_momentum = tf.Variable(0.0)

    def step(self, batch: Batch, learning_rate: float, seed: int) -> float:
        """One update of the weights; the loss before it, not finite where the model diverged."""
        if self.settings.pooling == "frame_baseline":
            batch = frames_as_clips(batch)
        for place, draws in enumerate(self.network.draws):
            draws.state.assign([seed, place])
        steps = int(self.optimizer.iterations.numpy()) + 1
        self.optimizer.ema_momentum.assign(min(self.config.ema, steps / (steps + 10)))
        self.optimizer.learning_rate = learning_rate
        with tf.device(self.place):
            loss = self._step(batch.clips.numpy(), batch.mask.numpy(), batch.targets.numpy())
        return float(loss)

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, None), tf.float32),
            tf.TensorSpec((None, None), tf.bool),
            tf.TensorSpec((None, None), tf.float32),
        ]
    )
    def _step(self, clips, mask, targets):
        with tf.GradientTape() as tape:
            scores = self.network((clips, mask), training=True)
            # An unknown label is not trained on: a target that equals the score has no gradient.
            known = tf.where(tf.math.is_nan(targets), tf.stop_gradient(scores), targets)
            loss = ops.mean(self.loss(known, scores))
        weights = self.network.trainable_weights
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    def model(self) -> TaggingModel:
        """The model to save, in PyTorch; with `ema`, the moving average of the weights."""
        present = self.network.get_weights()
        self.optimizer.finalize_variable_values(self.network.trainable_weights)
        model = weights_to_torch(self.network, self.settings)
        self.network.set_weights(present)
        return model

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs to continue bit for bit."""
        return {
            name: torch.tensor(variable.numpy()) for name, variable in self._variables().items()
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        for name, variable in self._variables().items():
            variable.assign(state[name].numpy())

    def _variables(self) -> dict[str, keras.Variable]:
        """Every variable that a step changes, by name."""
        variables = {f"model/{weight.path}": weight for weight in self.network.weights}
        return variables | {f"optimizer/{each.path}": each for each in self.optimizer.variables}


def place_of(device: str) -> str:
    """TensorFlow's name of a device; "auto" is a GPU where TensorFlow finds one.

    Raises
    ------
    AudioSetDemoError
        If TensorFlow has no such device.
    """
    places = {"cpu": "/CPU:0"}
    if tf.config.list_physical_devices("GPU"):
        places["cuda"] = "/GPU:0"
    if device == "auto":
        return places.get("cuda", places["cpu"])
    if device not in places:
        raise AudioSetDemoError(
            f"TensorFlow finds no device '{device}' on this machine. Choose "
            f"{' or '.join(['auto', *places])}, or train with --backend torch."
        )
    return places[device]


def frames_as_clips(batch: Batch) -> Batch:
    """Each real frame as a clip of its own that inherits its clip's targets."""
    clips = batch.clips[batch.mask].unsqueeze(1)
    targets = batch.targets.repeat_interleave(batch.mask.sum(dim=1), dim=0)
    return Batch(clips, torch.ones(len(clips), 1, dtype=torch.bool), targets)
