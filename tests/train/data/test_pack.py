"""Packing: released TFRecords, or HDF5 of another layout, become the layout of training."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from audioset_demo.errors import AudioSetDemoError, DataError, FeaturesError
from train.data import clips as clips_module
from train.data import pack as pack_module
from train.data.features import load_features
from train.data.pack import pack


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("part", ["bal_train", "eval"])
def test_released_files_become_the_rows_of_the_packed_set(shared_data, tmp_path, part):
    n_clips = pack(shared_data / "audioset/tfrecords" / part, tmp_path / "packed.h5")
    with (
        h5py.File(tmp_path / "packed.h5") as packed,
        h5py.File(shared_data / "audioset" / f"{part}.h5") as whole,
    ):
        row_of = {video_id: row for row, video_id in enumerate(whole["video_id_list"])}
        rows = np.array([row_of[video_id] for video_id in packed["video_id_list"]])
        assert n_clips == len(rows) == len(set(rows)) > 100
        for key in ("x", "y", "n_frames", "segment_times"):
            assert np.array_equal(packed[key][:], whole[key][:][rows]), key


def test_an_empty_folder_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match="no .tfrecord file"):
        pack(tmp_path, tmp_path / "out.h5")


@pytest.mark.slow
def test_a_damaged_file_is_refused_by_name_and_leaves_nothing(tmp_path):
    (tmp_path / "00.tfrecord").write_bytes(b"not a record at all, but long enough to be read")
    with pytest.raises(DataError, match="00.tfrecord is damaged"):
        pack(tmp_path, tmp_path / "out.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["00.tfrecord"]


def compressed(path: Path, n_clips: int = 50) -> Path:
    """Features as the community shares them: compressed, in chunks that hold no whole clip."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        x = rng.integers(1, 256, (n_clips, 4, 128)).astype(np.uint8)
        file.create_dataset("x", data=x, chunks=(7, 2, 16), compression="gzip")
        file.create_dataset("y", data=rng.random((n_clips, 5)) < 0.3, chunks=(7, 3))
        file["video_id_list"] = np.arange(n_clips).astype("S11")
        file.create_dataset("labels", data=list("abcde"), dtype=h5py.string_dtype())
        file.attrs["encoder"] = "vggish"
    return path


def test_a_file_of_another_layout_is_packed_for_reading_single_clips(tmp_path, monkeypatch):
    source = compressed(tmp_path / "shared.h5")
    assert pack(source, tmp_path / "out" / "packed.h5") == 50
    before = load_features(source)
    monkeypatch.setattr(clips_module, "MAX_BYTES_IN_MEMORY", 0)
    with pytest.raises(DataError, match="python -m train pack"):
        load_features(source)
    after = load_features(tmp_path / "out" / "packed.h5")
    for key in ("x", "y", "n_frames", "video_ids"):
        assert np.array_equal(getattr(before, key), getattr(after, key)), key
    assert after.labels == before.labels == tuple("abcde")
    with h5py.File(tmp_path / "out" / "packed.h5") as file:
        assert dict(file.attrs) == {"encoder": "vggish"}


@pytest.mark.parametrize("content", [b"not HDF5 at all", None])
def test_a_file_that_holds_no_features_is_refused_by_name_and_leaves_nothing(tmp_path, content):
    source = tmp_path / "source.h5"
    source.write_bytes(content or compressed(source).read_bytes()[:9000])
    with pytest.raises(FeaturesError, match=r"source\.h5 is damaged or cut off"):
        pack(source, tmp_path / "packed.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["source.h5"]


@pytest.mark.parametrize(
    ("source", "output", "message"),
    [
        ("nowhere", "packed.h5", "There is no .*nowhere. Give a folder of .tfrecord"),
        ("own.h5", "records", "records is a folder. Give the name of a file"),
        ("own.h5", "own.h5", "own.h5 is one of the inputs"),
        ("own.h5", "own.h5/packed.h5", "own.h5/packed.h5 cannot be written"),
        ("records", "packed.h5", "TensorFlow, which is not installed. Install it with"),
    ],
)
def test_what_cannot_be_packed_is_refused_before_the_work(
    tmp_path, monkeypatch, source, output, message
):
    def work(*_):
        raise AssertionError("work began")

    monkeypatch.setattr(pack_module, "find_spec", lambda name: None)
    monkeypatch.setattr(pack_module, "write_atomically", work)
    compressed(tmp_path / "own.h5")
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "00.tfrecord").touch()
    with pytest.raises(AudioSetDemoError, match=message):
        pack(tmp_path / source, tmp_path / output)
