"""VGGish's TensorFlow 1 checkpoint to safetensors for the torch network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from audioset_demo.encoders.vggish.tf1_checkpoint import Checkpoint, open_checkpoint
from audioset_demo.errors import WeightsError

# Layer of the torch network -> (scope of the TF1 graph, shape of its kernel: HWIO, or in x out).
LAYERS: dict[str, tuple[str, tuple[int, ...]]] = {
    "conv1": ("vggish/conv1", (3, 3, 1, 64)),
    "conv2": ("vggish/conv2", (3, 3, 64, 128)),
    "conv3_1": ("vggish/conv3/conv3_1", (3, 3, 128, 256)),
    "conv3_2": ("vggish/conv3/conv3_2", (3, 3, 256, 256)),
    "conv4_1": ("vggish/conv4/conv4_1", (3, 3, 256, 512)),
    "conv4_2": ("vggish/conv4/conv4_2", (3, 3, 512, 512)),
    "fc1_1": ("vggish/fc1/fc1_1", (6 * 4 * 512, 4096)),
    "fc1_2": ("vggish/fc1/fc1_2", (4096, 4096)),
    "fc2": ("vggish/fc2", (4096, 128)),
}
# Axes of TensorFlow in torch's order, by rank: OIHW, out x in, biases.
TORCH_AXES = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}

REMEDY = "Give vggish_model.ckpt or a folder that holds it."


def _variables() -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(name in torch, name in TensorFlow, shape in TensorFlow) of the 18 tensors."""
    for layer, (scope, kernel) in LAYERS.items():
        yield f"{layer}.weight", f"{scope}/weights", kernel
        yield f"{layer}.bias", f"{scope}/biases", kernel[-1:]


def _torch_shape(tf_shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(tf_shape[axis] for axis in TORCH_AXES[len(tf_shape)])


def convert(checkpoint: Path, out: Path, source: str) -> None:
    """Write a checkpoint as safetensors: 18 float32 tensors by their torch names.

    Variables of other names are ignored. Memory is taken for the tensors alone (288 MB), and not
    before all of them are known to be there.

    Parameters
    ----------
    source : where the checkpoint came from, for messages.

    Raises
    ------
    WeightsError : if it is not VGGish's checkpoint, or is damaged.
    """
    tensors = {}
    with open_checkpoint(checkpoint, source) as file:
        _check_variables(file, source)
        for name, variable, shape in _variables():
            tensors[name] = np.empty(_torch_shape(shape), np.float32)
            in_tf_order = np.argsort(TORCH_AXES[len(shape)])
            file.read_into(variable, tensors[name].transpose(in_tf_order))
    save_file(tensors, out)


def _check_variables(file: Checkpoint, source: str) -> None:
    for _, name, shape in _variables():
        found = file.variables.get(name)
        if found is None:
            raise WeightsError(
                f"'{source}' has no variable '{name}', so it is not VGGish's. {REMEDY}"
            )
        if found.shape != shape:
            raise WeightsError(
                f"'{source}' holds '{name}' with shape {found.shape}; VGGish has {shape}. {REMEDY}"
            )
        if not found.is_float32:
            raise WeightsError(f"'{source}' does not hold '{name}' as float32. {REMEDY}")


def check_tensors(path: Path, source: str) -> None:
    """Raise WeightsError unless a safetensors file holds all of VGGish's tensors.

    Parameters
    ----------
    source : where the file came from, for the message.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise WeightsError(
            f"'{source}' is not a safetensors file, or is cut short. Copy it again, or get a new "
            "one with `audioset-demo weights get`."
        ) from error
    for name, _, tf_shape in _variables():
        shape = _torch_shape(tf_shape)
        if found.get(name) != shape:
            raise WeightsError(
                f"'{source}' holds '{name}' with shape {found.get(name)}; VGGish has {shape}. "
                "Give a vggish.safetensors from another cache."
            )
