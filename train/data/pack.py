"""Packing features into HDF5 for training: from Google's TFRecords, or another HDF5 file."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from audioset_demo.embeddings.packed import open_packed
from audioset_demo.errors import DataError
from audioset_demo.labels import audioset_labels
from audioset_demo.names import one_line
from audioset_demo.storage import check_output, write_atomically

N_FRAMES = 10
N_DIMS = 128
VIDEO_ID_BYTES = 11  # a YouTube id
CHUNK_CLIPS = 1024
SPARE_BYTES = 2**18  # for what HDF5 writes beside the arrays
# Of a TFRecord; a clip as released has less than 2 kB.
LENGTH_BYTES, CHECKSUM_BYTES, MAX_RECORD_BYTES = 8, 4, 2**20


@dataclass(frozen=True)
class PackedClip:
    """One clip as released: embeddings (n, 128) uint8, label indices, place in the video."""

    video_id: bytes
    embeddings: np.ndarray
    labels: list[int]
    segment_times: tuple[float, float]


def pack(source: Path, output: Path) -> int:
    """Pack a folder of TFRecords, or an HDF5 file of another layout; the number of clips.

    Clips are written uncompressed and each in one piece, so that training can read single clips
    of a file that is larger than memory.

    Raises
    ------
    DataError, FeaturesError
        If there is nothing to pack, or the source is damaged or holds something else.
    StorageError
        If `output` can't be written.
    """
    check_output(output, [source], make_folder=True)
    if not os.path.exists(source):  # not Path.exists: a name may be too long
        raise DataError(f"There is no {source}. Give a folder of .tfrecord files or an HDF5 file.")
    return repack(source, output) if source.is_file() else pack_tfrecords(source, output)


def repack(source: Path, output: Path) -> int:
    """Rewrite an HDF5 file of features; the number of clips."""
    with open_packed(source, needed=("y",)) as packed:
        n_clips = len(packed.x)

        def write(part: Path) -> None:
            with h5py.File(part, "w") as file:
                make_room(file, sum(values.nbytes for values in packed.datasets.values()))
                for name, values in packed.datasets.items():
                    copy = file.create_dataset(name, values.shape, values.dtype)
                    for block in tqdm(list(packed.blocks(name)), unit="block", desc=name):
                        copy[block] = packed.rows(name, block)
                file.attrs["encoder"] = packed.encoder

        write_atomically(output, write)
    return n_clips


def pack_tfrecords(tfrecord_dir: Path, output: Path) -> int:
    """Pack every *.tfrecord below a folder into one HDF5 file; the number of clips.

    Clips keep the order of the files (sorted by name) and of the records in them. Memory does not
    grow with their number.
    """
    paths = sorted(tfrecord_dir.rglob("*.tfrecord"))
    if not paths:
        raise DataError(
            f"There is no .tfrecord file in {tfrecord_dir}. Unpack features.tar.gz there first."
        )
    if find_spec("tensorflow") is None:
        raise DataError(
            "TFRecords are read with TensorFlow, which is not installed. Install it with "
            "`pip install 'audioset-demo[tensorflow]'`."
        )
    packed = 0

    def write(part: Path) -> None:
        nonlocal packed
        with h5py.File(part, "w") as file:
            writer = FeatureWriter(file, len(audioset_labels()))
            for path in tqdm(paths, unit="file", desc="packing"):
                for clip in read_tfrecord(path):
                    writer.add(clip)
            writer.flush()
            packed = writer.n_written
        if packed == 0:
            raise DataError(
                f"The {len(paths)} .tfrecord files in {tfrecord_dir} hold no clips. Download them "
                "again."
            )

    write_atomically(output, write)
    return packed


def read_tfrecord(path: Path) -> Iterator[PackedClip]:
    """Clips of one released file.

    Raises
    ------
    DataError
        If it is damaged or holds something else; the message names the file and the record.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow reports its build otherwise
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    n_read = 0
    try:
        # First, since TensorFlow makes room for as many bytes as a record states.
        for _ in _checked_lengths(path):
            n_read += 1
        n_read = 0
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            yield _parse(tf.train.SequenceExample.FromString(record))
            n_read += 1
    except (tf.errors.OpError, DecodeError, OSError, ValueError, LookupError) as error:
        is_damaged = isinstance(error, tf.errors.OpError)
        reason = "its checksum is wrong" if is_damaged else one_line(str(error))
        raise DataError(
            f"{path} is damaged or does not hold AudioSet features: record {n_read + 1} cannot be "
            f"read ({reason}). Download it again."
        ) from None


def _checked_lengths(path: Path) -> Iterator[int]:
    """The stated length of each record in bytes.

    A record is its length (8 bytes), a checksum of that, its content, and a checksum of that.

    Raises
    ------
    ValueError
        If a record is longer than any clip, or than what is left of the file.
    """
    left = path.stat().st_size
    with open(path, "rb") as file:
        while left:
            length = int.from_bytes(file.read(LENGTH_BYTES), "little")
            left -= LENGTH_BYTES + length + 2 * CHECKSUM_BYTES
            if length > MAX_RECORD_BYTES or left < 0:
                raise ValueError(
                    f"it states a length of {length:,} bytes, which is more than a clip has or "
                    "than are left in the file"
                )
            yield length
            file.seek(length + 2 * CHECKSUM_BYTES, os.SEEK_CUR)


def _parse(example) -> PackedClip:
    context = example.context.feature
    frames = example.feature_lists.feature_list["audio_embedding"].feature
    embeddings = [np.frombuffer(frame.bytes_list.value[0], np.uint8) for frame in frames]
    if not embeddings or len(embeddings) > N_FRAMES or {len(e) for e in embeddings} != {N_DIMS}:
        raise ValueError(
            f"a clip has {len(embeddings)} frames, not 1 to {N_FRAMES} of {N_DIMS} bytes"
        )
    labels, n_classes = list(context["labels"].int64_list.value), len(audioset_labels())
    if not all(0 <= label < n_classes for label in labels):
        raise ValueError(f"a clip has the labels {labels}, which are not all 0 to {n_classes - 1}")
    return PackedClip(
        video_id=context["video_id"].bytes_list.value[0],
        embeddings=np.stack(embeddings),
        labels=labels,
        segment_times=(
            context["start_time_seconds"].float_list.value[0],
            context["end_time_seconds"].float_list.value[0],
        ),
    )


def make_room(file: h5py.File, n_bytes: int) -> None:
    """Have the disk set aside what will be written to a file, where the system can.

    Raises OSError where there is no room. HDF5 itself would crash when it then closes the file.
    """
    if hasattr(os, "posix_fallocate"):
        with open(file.filename, "rb+") as room:
            os.posix_fallocate(room.fileno(), 0, file.id.get_filesize() + n_bytes + SPARE_BYTES)


class FeatureWriter:
    """Appends clips to an HDF5 file in the reference's layout, a block at a time."""

    def __init__(
        self,
        file: h5py.File,
        n_classes: int,
        n_frames: int = N_FRAMES,
        id_bytes: int = VIDEO_ID_BYTES,
    ):
        self.n_written = 0
        self.n_classes = n_classes
        self._file = file
        self._pending: list[PackedClip] = []
        shapes = {
            "x": ((n_frames, N_DIMS), np.uint8),
            "y": ((n_classes,), bool),
            "video_id_list": ((), f"S{id_bytes}"),
            "n_frames": ((), np.int32),
            "segment_times": ((2,), np.float32),
        }
        self._datasets = {
            name: file.create_dataset(
                name, (0, *shape), dtype, maxshape=(None, *shape), chunks=(CHUNK_CLIPS, *shape)
            )
            for name, (shape, dtype) in shapes.items()
        }

    def add(self, clip: PackedClip) -> None:
        """Append one clip; its labels must be below the number of classes."""
        self._pending.append(clip)
        if len(self._pending) == CHUNK_CLIPS:
            self.flush()

    def flush(self) -> None:
        """Write the clips that are still in memory."""
        clips, self._pending = self._pending, []
        if not clips:
            return
        start, stop = self.n_written, self.n_written + len(clips)
        x = np.zeros((len(clips), *self._datasets["x"].shape[1:]), np.uint8)
        y = np.zeros((len(clips), self.n_classes), bool)
        for row, clip in enumerate(clips):
            x[row, : len(clip.embeddings)] = clip.embeddings
            y[row, clip.labels] = True
        columns = {
            "x": x,
            "y": y,
            "video_id_list": np.array([clip.video_id for clip in clips], bytes),
            "n_frames": np.array([len(clip.embeddings) for clip in clips], np.int32),
            "segment_times": np.array([clip.segment_times for clip in clips], np.float32),
        }
        make_room(self._file, CHUNK_CLIPS * sum(v[0].nbytes for v in columns.values()))
        for name, values in columns.items():
            self._datasets[name].resize(stop, axis=0)
            self._datasets[name][start:stop] = values
        self.n_written = stop
