"""VGGish's TensorFlow 1 checkpoint to safetensors for the torch network.

`convert` runs this module in a separate process, so that TensorFlow (8 s, 600 MB) never enters
the app's:

    python -m audioset_demo.encoders.vggish.tf1_checkpoint CHECKPOINT OUT.safetensors

It exits with 2 and one line on stderr where the checkpoint cannot be used.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

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


def require_tensorflow() -> None:
    """Raise WeightsError unless TensorFlow is there, before anything large is downloaded."""
    if importlib.util.find_spec("tensorflow") is None:
        raise WeightsError(
            "TensorFlow is needed once to convert VGGish's checkpoint and is not installed. "
            "Install it with `pip install tensorflow-cpu`."
        )


def convert(checkpoint: Path, out: Path, source: str) -> None:
    """Write a checkpoint as safetensors, by a child process.

    Parameters
    ----------
    source : where the checkpoint came from, for the message if it fails.

    Raises
    ------
    WeightsError : if it is not VGGish's checkpoint, or the process fails.
    """
    root = str(Path(__file__).parents[3])  # so that the child finds this package, installed or not
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {
        "PYTHONPATH": os.pathsep.join(paths),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    child = subprocess.run(
        [
            sys.executable,
            "-m",
            "audioset_demo.encoders.vggish.tf1_checkpoint",
            checkpoint.resolve(),
            out,
        ],
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )
    if child.returncode == 0:
        return
    last_line = (child.stderr.strip().splitlines() or ["no message"])[-1]
    if child.returncode == 2:
        raise WeightsError(last_line.replace(str(checkpoint.resolve()), source))
    raise WeightsError(
        f"'{source}' could not be converted: the converter ended with code {child.returncode} "
        f"({last_line}). Check that TensorFlow can be imported and 1.5 GB of memory are free."
    )


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
        shape = tuple(tf_shape[axis] for axis in TORCH_AXES[len(tf_shape)])
        if found.get(name) != shape:
            raise WeightsError(
                f"'{source}' holds '{name}' with shape {found.get(name)}; VGGish has {shape}. "
                "Give a vggish.safetensors from another cache."
            )


def read_tensors(checkpoint: Path) -> dict[str, np.ndarray]:
    """The network's 18 tensors by their torch names, in torch's layouts, float32.

    Variables of other names are ignored.

    Raises
    ------
    WeightsError : if the file is not a TF1 checkpoint, or a variable is missing or misshapen.
    """
    try:
        import tensorflow as tf
    except ImportError as error:
        raise WeightsError(
            f"TensorFlow is needed once to convert '{checkpoint}' and cannot be imported "
            f"({error}). Install it with `pip install tensorflow-cpu`."
        ) from error
    try:
        reader = tf.train.load_checkpoint(str(checkpoint))
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise WeightsError(f"'{checkpoint}' is not a TensorFlow checkpoint. {REMEDY}") from error
    shapes = reader.get_variable_to_shape_map()
    tensors = {}
    for name, variable, shape in _variables():
        if variable not in shapes:
            raise WeightsError(
                f"'{checkpoint}' has no variable '{variable}', so it is not VGGish's. {REMEDY}"
            )
        if tuple(shapes[variable]) != shape:
            raise WeightsError(
                f"'{checkpoint}' holds '{variable}' with shape {tuple(shapes[variable])}; VGGish "
                f"has {shape}. {REMEDY}"
            )
        value = reader.get_tensor(variable).transpose(TORCH_AXES[len(shape)])
        tensors[name] = np.ascontiguousarray(value, dtype=np.float32)
    return tensors


def main(argv: list[str]) -> int:
    checkpoint, out = argv
    try:
        save_file(read_tensors(Path(checkpoint)), out)
    except WeightsError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
