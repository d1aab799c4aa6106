"""Google's released embeddings: TFRecords of SequenceExamples, read with TensorFlow."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np

from audioset_demo.embeddings.frames import N_DIMS
from audioset_demo.errors import DataError
from audioset_demo.labels import audioset_labels

N_FRAMES = 10
VIDEO_ID_BYTES = 11  # a YouTube id
MAX_FILE_BYTES = 2**28  # the largest released file has 1 MB
# Of a record; a clip as released has less than 2 kB.
LENGTH_BYTES, CHECKSUM_BYTES, MAX_RECORD_BYTES = 8, 4, 2**20


def check_tensorflow() -> None:
    """Raise a DataError if TensorFlow is not installed."""
    if find_spec("tensorflow") is None:
        raise DataError(
            "TFRecords are read with TensorFlow, which is not installed. Install it with "
            "`pip install 'audioset-demo[tensorflow]'`."
        )


def parse_tfrecord(content: bytes, where: str) -> dict[str, np.ndarray]:
    """The clips of one released file, as the datasets of a packed file.

    Any thread may call it; TensorFlow works without Python's lock.

    Raises
    ------
    DataError
        If a checksum is wrong or the file holds something else; the message names `where` and the
        record.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow reports its build otherwise
    import tensorflow as tf

    n_read = 0
    try:
        # First, since TensorFlow makes room for as many bytes as a record states.
        for _ in _checked_lengths(content):
            n_read += 1
        with _file_in_memory(content) as file, contextlib.suppress(tf.errors.OpError, ValueError):
            return _columns(list(tf.data.TFRecordDataset(file).batch(max(n_read, 1)))[0:1])
        n_read = 0
        with _file_in_memory(content) as file:  # one by one, to tell which is wrong
            for record in tf.data.TFRecordDataset(file):
                _columns([[record]])
                n_read += 1
        raise AssertionError(f"{where} is wrong as a whole and right in each record")
    except tf.errors.DataLossError:
        reason = "its checksum is wrong"
    except tf.errors.OpError:
        reason = "it is no sequence of frames with an id, labels and times"
    except ValueError as error:
        reason = str(error)
    raise DataError(
        f"{where} is damaged or does not hold AudioSet features: record {n_read + 1} cannot be "
        f"read ({reason}). Download it again."
    ) from None


def _checked_lengths(content: bytes) -> Iterator[int]:
    """The stated length of each record in bytes.

    A record is its length (8 bytes), a checksum of that, its content, and a checksum of that.

    Raises
    ------
    ValueError
        If a record is longer than any clip, or than what is left of the file.
    """
    place = 0
    while place < len(content):
        length = int.from_bytes(content[place : place + LENGTH_BYTES], "little")
        place += LENGTH_BYTES + length + 2 * CHECKSUM_BYTES
        if length > MAX_RECORD_BYTES or place > len(content):
            raise ValueError(
                f"it states a length of {length:,} bytes, which is more than a clip has or "
                "than are left in the file"
            )
        yield length


@contextlib.contextmanager
def _file_in_memory(content: bytes) -> Iterator[str]:
    """The name of a file in TensorFlow's memory, since it reads records from files alone."""
    import tensorflow as tf

    name = f"ram://{uuid.uuid4()}.tfrecord"
    with tf.io.gfile.GFile(name, "wb") as file:
        file.write(content)
    try:
        yield name
    finally:
        tf.io.gfile.remove(name)


def _columns(batches: list) -> dict[str, np.ndarray]:
    """Datasets of the records of at most one batch."""
    import tensorflow as tf

    records = batches[0] if batches else tf.constant([], tf.string)
    context, lists, counts = tf.io.parse_sequence_example(
        records,
        context_features={
            "video_id": tf.io.FixedLenFeature([], tf.string),
            "labels": tf.io.RaggedFeature(tf.int64),
            "start_time_seconds": tf.io.FixedLenFeature([], tf.float32),
            "end_time_seconds": tf.io.FixedLenFeature([], tf.float32),
        },
        sequence_features={
            "audio_embedding": tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True)
        },
    )
    n_frames = counts["audio_embedding"].numpy()
    frames = lists["audio_embedding"]
    _check_frames(n_frames, tf.strings.length(frames).numpy())
    ids = context["video_id"].numpy()
    _check_ids(ids)
    labels = context["labels"]
    x = np.zeros((len(ids), N_FRAMES, N_DIMS), np.uint8)
    x[:, : frames.shape[1]] = tf.io.decode_raw(frames, tf.uint8, fixed_length=N_DIMS).numpy()
    return {
        "x": x,
        "y": _targets(labels.value_rowids().numpy(), labels.values.numpy(), len(ids)),
        "video_id_list": ids.astype(f"S{VIDEO_ID_BYTES}"),
        "n_frames": n_frames.astype(np.int32),
        "segment_times": np.stack(
            [context[f"{end}_time_seconds"].numpy() for end in ("start", "end")], axis=1
        ),
    }


def _check_frames(n_frames: np.ndarray, n_bytes: np.ndarray) -> None:
    wrong = (n_frames < 1) | (n_frames > N_FRAMES)
    wrong |= n_bytes.sum(axis=1) != N_DIMS * n_frames
    wrong |= (n_bytes > N_DIMS).any(axis=1)
    if wrong.any():
        raise ValueError(
            f"a clip has {n_frames[wrong][0]} frames, not 1 to {N_FRAMES} of {N_DIMS} bytes"
        )


def _check_ids(ids: np.ndarray) -> None:
    wrong = [video_id for video_id in ids if not 1 <= len(video_id) <= VIDEO_ID_BYTES]
    if wrong:
        raise ValueError(f"a clip has an id of {len(wrong[0])} bytes, not of 1 to {VIDEO_ID_BYTES}")


def _targets(rows: np.ndarray, labels: np.ndarray, n_clips: int) -> np.ndarray:
    n_classes = len(audioset_labels())
    wrong = labels[(labels < 0) | (labels >= n_classes)]
    if len(wrong):
        raise ValueError(f"a clip has the label {wrong[0]}, and labels are 0 to {n_classes - 1}")
    y = np.zeros((n_clips, n_classes), bool)
    y[rows, labels] = True
    return y
