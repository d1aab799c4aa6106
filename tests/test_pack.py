"""Packing: the released TFRecords become the rows of the reference's HDF5 layout."""

import h5py
import numpy as np
import pytest

from audioset_demo.errors import DataError
from train.pack import pack


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("part", ["bal_train", "eval"])
def test_released_files_give_the_rows_of_the_packed_set(shared_data, tmp_path, part):
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
