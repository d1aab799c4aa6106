"""Teachers: models whose scores and embeddings the encoder learns to predict.

YAMNet is small and freely available, but its embedding space is its own: predicting it is only an
auxiliary task. VGGish's embedding is what the tagging models read, so it is the target itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from audioset_demo.audio.waveform import Waveform
from audioset_demo.encoders import load_quantising_encoder
from audioset_demo.encoders.logmel import EXAMPLE_SAMPLES, SAMPLE_RATE
from audioset_demo.errors import DataError
from audioset_demo.labels import Label
from audioset_demo.models.network import TaggingModel, as_input
from train.data.tables import read_table

VGGISH = "vggish"

# The tensor of the TFLite graph that holds the mean over the last feature map.
YAMNET_EMBEDDING = "tower0/network/layer28/reduce_mean"


@dataclass(frozen=True)
class TeacherOutput:
    """A teacher's output for one window: scores (C,) in [0, 1] and an embedding (E,)."""

    scores: np.ndarray
    embedding: np.ndarray


class Teacher(Protocol):
    """A model that is called with (15600,) float32 samples at 16 kHz.

    Attributes
    ----------
    title : its name in tables and cards.
    mids : the class of each of its scores.
    in_embedding_space : its embedding is the frame (128,) in [-2, 2] that tagging models read.
    """

    title: str
    mids: tuple[str, ...]
    in_embedding_space: bool

    def __call__(self, samples: np.ndarray) -> TeacherOutput: ...


def open_teacher(name: str, labels: tuple[Label, ...], model: TaggingModel) -> Teacher:
    """VGGish with the scores of `model` if `name` is "vggish", else YAMNet from the file `name`."""
    return Vggish(labels, model) if name == VGGISH else Yamnet(Path(name))


class Vggish:
    """The installed VGGish, and a tagging model's scores of its frames.

    Raises
    ------
    WeightsError : if its weights or PCA parameters are not installed.
    """

    title = "VGGish (Google, Apache-2.0)"
    in_embedding_space = True

    def __init__(self, labels: tuple[Label, ...], model: TaggingModel):
        self.mids = tuple(label.mid for label in labels)
        self._encoder, self._model = load_quantising_encoder("vggish"), model

    @torch.inference_mode()
    def __call__(self, samples: np.ndarray) -> TeacherOutput:
        """(15600,) float32 -> the tagging model's scores of VGGish's frame, and the frame."""
        waveform = Waveform(samples[:EXAMPLE_SAMPLES].astype(np.float32), SAMPLE_RATE, "window")
        embeddings = self._encoder.encode(waveform)
        read = as_input(embeddings.require_quantised())
        assert embeddings.pca is not None  # what is quantised
        scores = self._model.frame_scores(read)[0].numpy()
        return TeacherOutput(scores, embeddings.pca[0])


class Yamnet:
    """YAMNet as TFLite: 15,600 samples at 16 kHz to 521 scores and 1024 features.

    The class map `yamnet_class_map.csv` must lie beside the model file.

    Raises
    ------
    DataError : if the model or its class map is missing or is another model.
    """

    title = "YAMNet (Google, Apache-2.0), TFLite"
    in_embedding_space = False

    def __init__(self, path: Path):
        class_map = path.with_name("yamnet_class_map.csv")
        for file in (path, class_map):
            if not file.is_file():
                raise DataError(
                    f"The teacher needs {file}, which is missing. Give --teacher the file of "
                    f"YAMNet, or '{VGGISH}' where VGGish is installed."
                )
        self.mids = tuple(row["mid"] for row in read_table(class_map, needed=("mid",)))
        self._interpreter = _interpreter(path)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        named = [
            tensor["index"]
            for tensor in self._interpreter.get_tensor_details()
            if tensor["name"] == YAMNET_EMBEDDING
        ]
        if not named:
            raise DataError(
                f"{path} has no layer {YAMNET_EMBEDDING}, so it is not the TFLite file of "
                "YAMNet. Give --teacher that file."
            )
        self._embedding = named[0]

    def __call__(self, samples: np.ndarray) -> TeacherOutput:
        """(15600,) float32 -> its scores and embedding."""
        self._interpreter.set_tensor(self._input, samples[:EXAMPLE_SAMPLES].astype(np.float32))
        self._interpreter.invoke()
        features = self._interpreter.get_tensor(self._embedding).reshape(-1)
        return TeacherOutput(
            scores=self._interpreter.get_tensor(self._output)[0],
            # int8 with zero point -128: the features are rectified
            embedding=(features.astype(np.int16) + 128).astype(np.uint8),
        )


def _interpreter(path: Path):
    """A single-threaded interpreter, from whichever runtime is installed."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            import tensorflow
        except ImportError:
            raise DataError(
                "YAMNet runs with TensorFlow Lite, which is not installed. Install it with "
                "`pip install ai-edge-litert` or `pip install 'audioset-demo[tensorflow]'`."
            ) from None
        Interpreter = tensorflow.lite.Interpreter
    try:
        interpreter = Interpreter(str(path), num_threads=1, experimental_preserve_all_tensors=True)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise DataError(
            f"{path} is not the TFLite file of YAMNet ({error}). Download it again."
        ) from None
    return interpreter


def class_columns(mids: tuple[str, ...], labels: tuple[Label, ...]) -> np.ndarray:
    """(K,) int: for each label the teacher's column, or -1 where the teacher lacks the class."""
    columns = {mid: column for column, mid in enumerate(mids)}
    return np.array([columns.get(label.mid, -1) for label in labels])


def nearest_known(columns: np.ndarray, labels: tuple[Label, ...]) -> np.ndarray:
    """(K,) int: for each label itself where the teacher has a column for it, else the nearest label
    above it in the ontology for which it has one, or -1.
    """
    known = {label.name: label.index for label in labels if columns[label.index] >= 0}
    return np.array(
        [
            next((known[name] for path in label.paths for name in path[::-1] if name in known), -1)
            for label in labels
        ]
    )
