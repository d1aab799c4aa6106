"""Teachers: models whose scores or embeddings the encoder learns to predict.

YAMNet is small and freely available, and its embedding space is its own: the encoder starts from
its convolutions and keeps predicting its scores. VGGish's embedding is what the tagging models
read, so it is the target itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from audioset_demo.audio.waveform import Waveform
from audioset_demo.encoders import load_quantising_encoder
from audioset_demo.encoders.compact import load_compact
from audioset_demo.encoders.logmel import EXAMPLE_SAMPLES, SAMPLE_RATE
from audioset_demo.errors import DataError
from audioset_demo.labels import Label
from audioset_demo.models.network import TaggingModel, as_input
from train.compact_encoder import yamnet_weights
from train.compact_encoder.objective import Student
from train.data.tables import read_table

VGGISH = "vggish"


@dataclass(frozen=True)
class TeacherOutput:
    """A teacher's output for one window: scores (C,) in [0, 1], and the frame (128,) in [-2, 2]
    that tagging models read, from a teacher that has it.
    """

    scores: np.ndarray
    frame: np.ndarray | None = None


class Teacher(Protocol):
    """A model that is called with (15600,) float32 samples at 16 kHz.

    Attributes
    ----------
    title : its name in tables and cards.
    mids : the class of each of its scores.
    gives_frames : its outputs hold frames.
    gives_start : what the encoder's weights are before the training.
    """

    title: str
    mids: tuple[str, ...]
    gives_frames: bool
    gives_start: str

    def __call__(self, samples: np.ndarray) -> TeacherOutput: ...

    def start(self, student: Student) -> None:
        """Give an untrained student the weights to start from."""


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
    gives_frames = True
    gives_start = "the weights of the bundled compact encoder"

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

    def start(self, student: Student) -> None:
        """From the bundled encoder."""
        bundled, _ = load_compact()
        student.encoder.load_state_dict(bundled.state_dict())


class Yamnet:
    """YAMNet as TFLite: 15,600 samples at 16 kHz to 521 scores.

    The class map `yamnet_class_map.csv` must lie beside the model file.

    Raises
    ------
    DataError : if the model or its class map is missing or is another model.
    """

    title = "YAMNet (Google, Apache-2.0), TFLite"
    gives_frames = False
    gives_start = "convolutions: YAMNet's (Google, Apache-2.0); the rest: random"

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
        self._convolutions = yamnet_weights.convolutions(self._interpreter)
        self._logits = yamnet_weights.logits(self._interpreter)

    def __call__(self, samples: np.ndarray) -> TeacherOutput:
        """(15600,) float32 -> its scores."""
        self._interpreter.set_tensor(self._input, samples[:EXAMPLE_SAMPLES].astype(np.float32))
        self._interpreter.invoke()
        return TeacherOutput(self._interpreter.get_tensor(self._output)[0])

    def start(self, student: Student) -> None:
        """From YAMNet's own convolutions, and its layer from embedding to logits."""
        student.encoder.convolutions.load_state_dict(self._convolutions)
        student.logits.load_state_dict(self._logits)


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
        interpreter = Interpreter(str(path), num_threads=1)
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
