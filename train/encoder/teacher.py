"""The teacher: scores of AudioSet classes for the waveform that the encoder hears."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audioset_demo.encoders.logmel import EXAMPLE_SAMPLES
from audioset_demo.errors import DataError
from audioset_demo.labels import Label

# The tensor of the TFLite graph that holds the mean over the last feature map.
YAMNET_EMBEDDING = "tower0/network/layer28/reduce_mean"
YAMNET_EMBEDDING_SIZE = 1024


@dataclass(frozen=True)
class Lesson:
    """What a teacher says of one window: scores (C,) in [0, 1] and its embedding (E,)."""

    scores: np.ndarray
    embedding: np.ndarray


class Yamnet:
    """YAMNet as TFLite: 15,600 samples at 16 kHz to 521 scores and 1024 features.

    The class map `yamnet_class_map.csv` must lie beside the model file.

    Raises
    ------
    DataError : if the model or its class map is missing or is another model.
    """

    def __init__(self, path: Path):
        class_map = path.with_name("yamnet_class_map.csv")
        for file in (path, class_map):
            if not file.is_file():
                raise DataError(f"The teacher needs {file}, which is not there. Check --teacher.")
        with open(class_map, encoding="utf-8", newline="") as file:
            self.mids = tuple(row["mid"] for row in csv.DictReader(file))
        self._interpreter = _interpreter(path)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        named = [
            tensor["index"]
            for tensor in self._interpreter.get_tensor_details()
            if tensor["name"] == YAMNET_EMBEDDING
        ]
        if not named:
            raise DataError(f"{path} is not the TFLite file of YAMNet: it has no embedding layer.")
        self._embedding = named[0]

    @property
    def n_features(self) -> int:
        return YAMNET_EMBEDDING_SIZE

    def __call__(self, samples: np.ndarray) -> Lesson:
        """(15600,) float32 -> what the teacher says of it."""
        self._interpreter.set_tensor(self._input, samples[:EXAMPLE_SAMPLES].astype(np.float32))
        self._interpreter.invoke()
        features = self._interpreter.get_tensor(self._embedding).reshape(-1)
        return Lesson(
            scores=self._interpreter.get_tensor(self._output)[0],
            # int8 with zero point -128: the features are rectified
            embedding=(features.astype(np.int16) + 128).astype(np.uint8),
        )


def _interpreter(path: Path):
    """A single-threaded interpreter, from whichever runtime is installed."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow

        Interpreter = tensorflow.lite.Interpreter
    interpreter = Interpreter(str(path), num_threads=1, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    return interpreter


def class_columns(mids: tuple[str, ...], labels: tuple[Label, ...]) -> np.ndarray:
    """(K,) int: for each label the teacher's column, or -1 where the teacher lacks the class."""
    columns = {mid: column for column, mid in enumerate(mids)}
    return np.array([columns.get(label.mid, -1) for label in labels])
