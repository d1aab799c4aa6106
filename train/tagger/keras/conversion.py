"""The weights of a Keras model as PyTorch's, and back, without loss.

A variable's path says which tensor it is.
"""

import keras
import numpy as np
import torch

from audioset_demo.errors import CheckpointError
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from train.tagger.keras.network import KerasTaggingModel

# Keras's name of a variable -> PyTorch's.
TENSOR_NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def tensor_name(variable: keras.Variable) -> str:
    """PyTorch's name of a variable: tagging_model/head/attend/kernel -> head.attend.weight."""
    _, *layers, leaf = variable.path.split("/")
    return ".".join([*layers, TENSOR_NAMES[leaf]])


def weights_from_torch(keras_model: KerasTaggingModel, torch_model: TaggingModel) -> None:
    """Copy the weights of a PyTorch model into a Keras model.

    Raises
    ------
    CheckpointError
        If the two were built from different settings.
    """
    tensors = _tensors(torch_model)
    variables = {tensor_name(variable): variable for variable in keras_model.weights}
    _check_same_settings(tensors, {name: v.numpy().T for name, v in variables.items()})
    for name, variable in variables.items():
        # Matrices are (out, in) in PyTorch and (in, out) in Keras.
        variable.assign(tensors[name].numpy().T)


def weights_to_torch(keras_model: KerasTaggingModel, settings: ModelSettings) -> TaggingModel:
    """The PyTorch model with the weights of a Keras model, in evaluation mode.

    Raises
    ------
    CheckpointError
        If the Keras model was built from other settings.
    """
    model = TaggingModel(settings)
    arrays = {tensor_name(variable): variable.numpy().T for variable in keras_model.weights}
    tensors = _tensors(model)
    _check_same_settings(tensors, arrays)
    for name, tensor in tensors.items():
        tensor.copy_(torch.tensor(arrays[name]))
    return model.eval()


def _tensors(model: TaggingModel) -> dict[str, torch.Tensor]:
    """A model's tensors, except BatchNorm's counts of batches, which nothing reads."""
    return {
        name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()
    }


def _check_same_settings(tensors: dict[str, torch.Tensor], arrays: dict[str, np.ndarray]) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    differing = dict(shapes.items() ^ {name: a.shape for name, a in arrays.items()}.items())
    if differing:
        raise CheckpointError(
            "The Keras model and the PyTorch model differ in "
            f"{', '.join(sorted(differing))}. Build both from the same settings."
        )
