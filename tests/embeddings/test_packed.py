"""The packed layout: what each of its readers refuses, by name and value."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.embeddings.packed import count_frames, open_packed
from audioset_demo.embeddings.reading import read_features
from audioset_demo.embeddings.similar_clips import ReleasedClips
from audioset_demo.errors import FeaturesError
from train.data.features import load_features
from train.data.pack import pack

N, T, K = 6, 4, 3
READERS = {
    "the app": lambda path: read_features(path),
    "similar clips": ReleasedClips.from_file,
    "training": load_features,
    "packing": lambda path: pack(path, path.with_name("out.h5")),
}
WITH_LABELS = ("similar clips", "training", "packing")


def arrays(**changes) -> dict:
    x = np.full((N, T, 128), 7, np.uint8)
    values = {
        "x": x,
        "video_id_list": np.array([b"clip%d" % i for i in range(N)]),
        "y": np.eye(K, dtype=bool)[np.arange(N) % K],
        "n_frames": np.full(N, T),
        "segment_times": np.arange(2.0 * N).reshape(N, 2),
        "labels": np.array([b"bell", b"siren", b"noise"]),
    }
    return {key: value for key, value in (values | changes).items() if value is not None}


def write(path: Path, values: dict) -> Path:
    with h5py.File(path, "w") as file:
        file.update(values)
    return path


def refuse(reader: str, path: Path, message: str) -> None:
    with pytest.raises(FeaturesError, match=message) as caught:
        READERS[reader](path)
    assert path.name in str(caught.value)
    assert not path.with_name("out.h5").exists()


@pytest.mark.parametrize("reader", READERS)
def test_optional_arrays_may_be_missing(tmp_path, reader):
    READERS[reader](write(tmp_path / "own.h5", arrays()))
    without = arrays(n_frames=None) if reader == "similar clips" else arrays(
        n_frames=None, segment_times=None
    )  # fmt: skip
    READERS[reader](write(tmp_path / "less.h5", without))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": None}, "'x'"),
        ({"video_id_list": None}, "no array 'video_id_list'"),
        ({"x": np.zeros((N, T, 128), np.float32)}, r"'x' as float32 of shape \(6, 4, 128\)"),
        ({"x": np.zeros((N, T, 64), np.uint8)}, r"'x' .* \(6, 4, 64\); uint8 of shape"),
        ({"x": np.zeros((N, 128), np.uint8)}, r"'x' .* \(6, 128\)"),
        ({"x": np.empty((0, T, 128), np.uint8), "video_id_list": np.empty(0, "S5"), "y": None,
          "n_frames": None, "segment_times": None}, "'x'|'y'|no clips"),
        ({"video_id_list": np.arange(N)}, "'video_id_list' as int64"),
        ({"video_id_list": np.array([b"a"] * 5)}, r"'video_id_list' .* \(5,\); text .* \(6,\)"),
        ({"n_frames": np.full(N, 9)}, "'n_frames' from 9 to 9; 1 to 4"),
        ({"n_frames": np.full(N, -1)}, "'n_frames' from -1"),
        ({"n_frames": np.full(N, 2.0)}, "'n_frames' as float64"),
        ({"n_frames": np.full(5, 2)}, r"'n_frames' .* \(5,\)"),
        ({"segment_times": np.zeros((N, 3))}, r"'segment_times' .* \(6, 3\)"),
        ({"segment_times": np.full((N, 2), np.nan)}, "NaN or infinite values in 'segment_times'"),
    ],
)  # fmt: skip
def test_clips_of_another_form_are_refused_by_every_reader(tmp_path, reader, changes, message):
    refuse(reader, write(tmp_path / "own.h5", arrays(**changes)), message)


@pytest.mark.parametrize("reader", WITH_LABELS)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": None}, "no array 'y'"),
        ({"y": np.zeros(N, bool)}, r"'y' as bool of shape \(6,\)"),
        ({"y": np.zeros((5, K), bool)}, r"'y' .* \(5, 3\); bool of shape \(6, 3\)|\(6, classes\)"),
        ({"y": np.full((N, K), b"x")}, "'y' as "),
        ({"y": np.zeros((N, 0), bool), "labels": None}, "no clips, frames or classes|'y'"),
        ({"labels": None}, "has 3 classes and does not name them; AudioSet has 527"),
        ({"labels": np.array([b"bell"])}, r"'labels' .* \(1,\); text of shape \(3,\)"),
        ({"labels": np.arange(K)}, "'labels' as int64"),
        ({"group_list": np.arange(N)}, "'group_list' as int64"),
        ({"fold_list": np.array([b"1"] * 5)}, r"'fold_list' .* \(5,\); text of shape \(6,\)"),
        ({"labels": np.array([b"bell", b"noise", b"bell"])}, "names the class 'bell' twice"),
    ],
)  # fmt: skip
def test_labels_of_another_form_are_refused_by_every_reader_of_labels(
    tmp_path, reader, changes, message
):
    refuse(reader, write(tmp_path / "own.h5", arrays(**changes)), message)


def test_a_file_without_labels_or_with_odd_ones_still_opens_in_the_app(tmp_path):
    path = write(tmp_path / "own.h5", arrays(y=np.zeros(3), labels=None))
    assert len(read_features(path)) == N


def a_soft_link(file: h5py.File, key: str) -> None:
    file.move(key, "elsewhere")
    file[key] = h5py.SoftLink("/elsewhere")


def a_link_to_another_file(file: h5py.File, key: str) -> None:
    write(Path(file.filename).with_name("other.h5"), {key: file[key][()]})
    del file[key]
    file[key] = h5py.ExternalLink("other.h5", key)


def a_virtual_array(file: h5py.File, key: str) -> None:
    values = file[key][()]
    write(Path(file.filename).with_name("other.h5"), {key: values})
    del file[key]
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[...] = h5py.VirtualSource("other.h5", key, values.shape)
    file.create_virtual_dataset(key, layout)


def bytes_of_another_file(file: h5py.File, key: str) -> None:
    values = file[key][()]
    raw = Path(file.filename).with_name("raw")
    raw.write_bytes(values.tobytes())
    del file[key]
    file.create_dataset(key, values.shape, values.dtype, external=[(str(raw), 0, values.nbytes)])


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("key", ["x", "n_frames", "y"])
@pytest.mark.parametrize(
    "link", [a_soft_link, a_link_to_another_file, a_virtual_array, bytes_of_another_file]
)
def test_no_reader_follows_a_link_to_data_elsewhere(tmp_path, reader, key, link):
    path = write(tmp_path / "own.h5", arrays())
    with h5py.File(path, "a") as file:
        link(file, key)
    if key == "y" and reader not in WITH_LABELS:
        assert len(READERS[reader](path)) == N  # it is not read
    else:
        refuse(reader, path, f"'{key}' as a link to data elsewhere, which is not followed")


@pytest.mark.parametrize("key", ["x", "y", "n_frames"])
def test_a_file_whose_writer_stopped_halfway_is_refused(tmp_path, key):
    values = arrays()
    path = write(tmp_path / "own.h5", {k: v for k, v in values.items() if k != key})
    with h5py.File(path, "a") as file:
        shape = values[key].shape
        file.create_dataset(key, shape, values[key].dtype, chunks=(2, *shape[1:]))
        file[key][:3] = values[key][:3]
    refuse("training", path, f"parts of '{key}' were never written")


@pytest.mark.parametrize("reader", READERS)
def test_the_encoder_is_read_as_attribute_or_array(tmp_path, reader):
    path = write(tmp_path / "own.h5", arrays(encoder=b"compact"))
    with h5py.File(tmp_path / "attribute.h5", "w") as file:
        file.update(arrays())
        file.attrs["encoder"] = "compact"
    for name in ("own.h5", "attribute.h5"):
        with open_packed(path.with_name(name)) as packed:
            assert packed.encoder == "compact"
        READERS[reader](path.with_name(name))


@given(st.lists(st.integers(0, T), min_size=1, max_size=8), st.integers(0, 1000))
def test_frames_end_with_the_last_that_is_not_zero(lengths, seed):
    x = np.random.default_rng(seed).integers(0, 2, (len(lengths), T, 128)).astype(np.uint8)
    x[np.arange(T) >= np.array(lengths)[:, None]] = 0
    for clip, length in zip(x, lengths, strict=True):
        clip[length - 1, 0] = clip[length - 1, 0] if length == 0 else 1
    assert count_frames(x).tolist() == lengths


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FeaturesError, match=r"no file .*gone\.h5. Check the path"):
        load_features(tmp_path / "gone.h5")


@pytest.mark.parametrize("reader", WITH_LABELS)
def test_a_file_whose_root_is_damaged_is_refused(tmp_path, reader):
    path = tmp_path / "own.h5"
    with h5py.File(path, "w", libver="latest") as file:  # it has checksums
        file.update(arrays())
    path.write_bytes(path.read_bytes().replace(b"video_id_list", b"video_id_lisT", 1))
    refuse(reader, path, "damaged or cut off")
