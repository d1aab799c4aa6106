"""Packing: released TFRecords, or HDF5 of another layout, become the layout of training."""

import os
import struct
import subprocess
import sys
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


def record(content: bytes, length: int | None = None, checksum: bytes | None = None) -> bytes:
    """A TFRecord, of which the stated length or the checksum of its content can be wrong."""
    stated = struct.pack("<Q", (len(content) if length is None else length) % 2**64)
    return stated + masked_crc(stated) + content + (checksum or masked_crc(content))


def masked_crc(content: bytes) -> bytes:
    """As TensorFlow writes it: CRC-32C, rotated and shifted."""
    crc = 2**32 - 1
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    crc ^= 2**32 - 1
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32)


def clip(label: int = 526, n_frames: int = 2) -> bytes:
    """A clip as released."""
    from tensorflow import train as tf

    frame = tf.Feature(bytes_list=tf.BytesList(value=[bytes(range(128))]))
    context = {
        "video_id": tf.Feature(bytes_list=tf.BytesList(value=[b"0123456789a"])),
        "labels": tf.Feature(int64_list=tf.Int64List(value=[0, label])),
        "start_time_seconds": tf.Feature(float_list=tf.FloatList(value=[3.0])),
        "end_time_seconds": tf.Feature(float_list=tf.FloatList(value=[13.0])),
    }
    frames = {"audio_embedding": tf.FeatureList(feature=[frame] * n_frames)}
    return tf.SequenceExample(
        context=tf.Features(feature=context), feature_lists=tf.FeatureLists(feature_list=frames)
    ).SerializeToString()


@pytest.mark.slow
def test_a_released_clip_is_packed(tmp_path):
    (tmp_path / "00.tfrecord").write_bytes(record(clip()) * 3)
    assert pack(tmp_path, tmp_path / "out.h5") == 3
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["video_id_list"][2] == b"0123456789a" and file["n_frames"][2] == 2
        assert np.flatnonzero(file["y"][2]).tolist() == [0, 526]
        assert file["x"][2, :3, 127].tolist() == [127, 127, 0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (lambda: record(clip(), 10**11), "length of 100,000,000,000 bytes"),
        (lambda: record(clip(), -1), "length of 18,446,744,073,709,551,615 bytes"),
        (lambda: record(clip(), len(clip()) + 1), "more than .* are left in the file"),
        (lambda: record(bytes(2**20 + 1)), "length of 1,048,577 bytes, which is more than a clip"),
        (lambda: record(clip())[:-1], "more than .* are left in the file"),
        (lambda: b"not", "more than .* are left in the file"),
        (lambda: record(clip(), checksum=b"oops"), "its checksum is wrong"),
        (lambda: record(b"\xff\xff"), "Error parsing message"),
        (lambda: record(b""), "a clip has 0 frames"),
        (lambda: record(clip(n_frames=11)), "a clip has 11 frames"),
        (lambda: record(clip(label=527)), "which are not all 0 to 526"),
    ],
)
def test_a_damaged_record_is_refused_by_file_and_number_and_leaves_nothing(
    tmp_path, second, reason
):
    (tmp_path / "00.tfrecord").write_bytes(record(clip()) + second())
    with pytest.raises(DataError, match=rf"00.tfrecord is damaged .* record 2 .*{reason}"):
        pack(tmp_path, tmp_path / "out.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["00.tfrecord"]


PACK_WITH_LITTLE_ROOM = """
import resource, sys
from train.__main__ import main

resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
sys.exit(main(["pack", *sys.argv[1:]]))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="limits the size of files: POSIX")
@pytest.mark.parametrize("source", ["records", "shared.h5"])
def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path, source):
    """HDF5 would crash at the end of a process in which it could not close a file."""
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "00.tfrecord").write_bytes(record(clip()) * 1500)
    compressed(tmp_path / "shared.h5", 1500)
    before = sorted(tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", PACK_WITH_LITTLE_ROOM, tmp_path / source, tmp_path / "out.h5"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert "error: " in done.stderr and "MB are free" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.iterdir()) == before


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


def test_a_name_that_is_too_long_names_no_file(tmp_path):
    with pytest.raises(DataError, match="There is no x{9}"):
        pack(Path("x" * 300), tmp_path / "out.h5")
