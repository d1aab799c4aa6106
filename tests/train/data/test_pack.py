"""Packing: released TFRecords, archived or not, or HDF5 of another layout, for training."""

import gzip
import io
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import google_crc32c
import h5py
import numpy as np
import pytest

from audioset_demo.errors import AudioSetDemoError, DataError, FeaturesError, StorageError
from audioset_demo.storage import held_output
from train.data import clips as clips_module
from train.data import pack as pack_module
from train.data import sources, tfrecords
from train.data.features import load_features
from train.data.pack import pack


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("part", ["bal_train", "eval"])
def test_released_files_become_the_rows_of_the_packed_set(shared_data, tmp_path, part):
    (done,) = pack(shared_data / "audioset/tfrecords" / part, tmp_path / "packed.h5")
    with (
        h5py.File(tmp_path / "packed.h5") as packed,
        h5py.File(shared_data / "audioset" / f"{part}.h5") as whole,
    ):
        row_of = {video_id: row for row, video_id in enumerate(whole["video_id_list"])}
        rows = np.array([row_of[video_id] for video_id in packed["video_id_list"]])
        assert done.n_clips == len(rows) == len(set(rows)) > 100
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
    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32)


def clip(
    label: int = 526, n_frames: int = 2, n_bytes: int = 128, video_id: bytes = b"0123456789a"
) -> bytes:
    """A clip as released."""
    from tensorflow import train as tf

    frame = tf.Feature(bytes_list=tf.BytesList(value=[bytes(range(n_bytes))]))
    context = {
        "video_id": tf.Feature(bytes_list=tf.BytesList(value=[video_id])),
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
    assert [packed.n_clips for packed in pack(tmp_path, tmp_path / "out.h5")] == [3]
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
        (lambda: record(b"\xff\xff"), "no sequence of frames with an id, labels and times"),
        (lambda: record(b""), "no sequence of frames with an id, labels and times"),
        (lambda: record(clip(n_frames=0)), "a clip has 0 frames"),
        (lambda: record(clip(n_frames=11)), "a clip has 11 frames"),
        (lambda: record(clip(n_bytes=127)), "frames, not 1 to 10 of 128 bytes"),
        (lambda: record(clip(label=527)), "the label 527, and labels are 0 to 526"),
        (lambda: record(clip(video_id=b"x" * 12)), "an id of 12 bytes"),
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
    with h5py.File(source, "a") as file:
        file.create_dataset(
            "group_list", data=[f"rec{i % 9}" for i in range(50)], dtype=h5py.string_dtype()
        )
        file["fold_list"] = np.array([b"one", b"two"] * 25)
    assert [packed.n_clips for packed in pack(source, tmp_path / "out" / "packed.h5")] == [50]
    before = load_features(source)
    monkeypatch.setattr(clips_module, "MAX_BYTES_IN_MEMORY", 0)
    with pytest.raises(DataError, match="python -m train pack"):
        load_features(source)
    after = load_features(tmp_path / "out" / "packed.h5")
    for key in ("x", "y", "n_frames", "video_ids", "groups", "folds"):
        assert np.array_equal(getattr(before, key), getattr(after, key)), key
    assert after.labels == before.labels == tuple("abcde")
    with h5py.File(tmp_path / "out" / "packed.h5") as file:
        assert dict(file.attrs) == {"encoder": "vggish"}


def test_texts_that_hdf5_takes_but_does_not_give_back_are_packed(tmp_path):
    """The names of an enumeration and an encoder's name that are no UTF-8."""
    source = compressed(tmp_path / "shared.h5")
    with h5py.File(source, "a") as file:
        labels = file["y"][()]
        del file["y"]
        kind = h5py.h5t.enum_create(h5py.h5t.STD_I8LE)
        kind.enum_insert(b"\xff\xfe", 0)
        kind.enum_insert(b"TRUE", 1)
        space = h5py.h5s.create_simple(labels.shape)
        h5py.h5d.create(file.id, b"y", kind, space).write(
            h5py.h5s.ALL, h5py.h5s.ALL, labels.astype(np.int8), kind
        )
        file.attrs.create("encoder", b"\xff\xfe", dtype=h5py.string_dtype())
    assert pack(source, tmp_path / "packed.h5")[0].n_clips == 50
    assert np.array_equal(load_features(tmp_path / "packed.h5").y, labels)


@pytest.mark.slow
def test_an_empty_file_is_refused_by_name(tmp_path):
    (tmp_path / "00.tfrecord").touch()
    with pytest.raises(DataError, match=r"00.tfrecord is damaged .*the file is empty"):
        pack(tmp_path, tmp_path / "out.h5")


def archive(path: Path, sets: dict[str, list[bytes]]) -> Path:
    """Released files in an archive as Google's."""
    with tarfile.open(path, "w:gz") as tar:
        for name, contents in sets.items():
            for i, content in enumerate(contents):
                member = tarfile.TarInfo(f"audioset_v1_embeddings/{name}/{i:02d}.tfrecord")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def named(*ids: str) -> bytes:
    return b"".join(record(clip(video_id=video_id.encode())) for video_id in ids)


SETS = {"eval": ["a", "b"], "unbal_train": ["c", "dd", "b"], "bal_train": ["e"]}


def ids(path: Path) -> list[bytes]:
    return load_features(path).video_ids.tolist()


@pytest.mark.slow
def test_an_archive_is_packed_as_it_is_and_what_differs_from_the_release_is_said(tmp_path):
    contents = {name: [named(video_id) for video_id in ids] for name, ids in SETS.items()}
    source = archive(tmp_path / "features.tar.gz", contents)
    before = set(tmp_path.iterdir())
    packed = {done.path.name: done for done in pack(source, tmp_path / "out")}
    assert set(tmp_path.iterdir()) - before == {tmp_path / "out"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(packed)
    assert ids(tmp_path / "out" / "unbal_train.h5") == [b"c", b"dd", b"b"]
    official, twice = packed["unbal_train.h5"].notes
    assert official == "unbal_train was released with 2,041,789 clips; here are 3."
    assert twice.startswith("1 clips stand in both") and twice.endswith("eval.h5: b.")

    with tarfile.open(source) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    (from_folder,) = pack(tmp_path / "unpacked", tmp_path / "unbal_train.h5")
    assert ids(from_folder.path) == ids(tmp_path / "out" / "unbal_train.h5")
    with pytest.raises(DataError, match=r"holds the sets .*, and the name own.h5 says none"):
        pack(source, tmp_path / "own.h5")
    pack(tmp_path / "out", tmp_path / "again")  # HDF5 of a folder
    assert ids(tmp_path / "again" / "unbal_train.h5") == [b"c", b"dd", b"b"]


@pytest.mark.slow
@pytest.mark.parametrize("cut", [-9, 60])
def test_a_cut_archive_is_refused_and_leaves_nothing(tmp_path, cut):
    source = archive(tmp_path / "features.tar.gz", {"eval": [named(*"abc")] * 3})
    source.write_bytes(source.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"features.tar.gz is damaged or cut off"):
        pack(source, tmp_path / "eval.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["features.tar.gz"]


def test_a_huge_member_of_an_archive_is_never_unpacked(tmp_path):
    pytest.importorskip("tensorflow", reason="pip install 'audioset-demo[tensorflow]'")
    member = tarfile.TarInfo("eval/00.tfrecord")
    member.size = 2**40
    (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(member.tobuf() + bytes(2**16)))
    with pytest.raises(DataError, match="00.tfrecord in .* has 1,099,512 MB"):
        pack(tmp_path / "bomb.tar.gz", tmp_path / "eval.h5")


def pack_and_die(source: Path, output: Path, part_bytes: int, write: int) -> None:
    """Pack, and die in the given renaming of a file that was written."""
    replace, calls = os.replace, iter(range(1, 1000))

    def replace_or_die(*paths):
        if next(calls) == write:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*paths)

    os.replace = replace_or_die
    pack_module.PART_BYTES = part_bytes
    pack(source, output)


# Written: the state, a part for each of three blocks, the file, the state.
@pytest.mark.parametrize("write", range(1, 7))
def test_packing_that_was_killed_goes_on_and_ends_with_the_same_file(tmp_path, monkeypatch, write):
    monkeypatch.setattr("audioset_demo.embeddings.packed.BLOCK_BYTES", 9_000)
    source, output = compressed(tmp_path / "shared.h5"), tmp_path / "packed.h5"
    assert sources.sets_of(source)[""].n_pieces == 3
    process = multiprocessing.get_context("fork").Process(
        target=pack_and_die, args=(source, output, 1, write)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    read = []
    rows = sources.PackedFile.pieces
    monkeypatch.setattr(
        sources.PackedFile, "pieces", lambda s, first: read.append(first) or rows(s, first)
    )
    (packed,) = pack(source, output)
    assert packed.n_clips == 50
    assert read == [[0], [0], [1], [2], [3], [3]][write - 1]
    before, after = load_features(source), load_features(output)
    for key in ("x", "y", "n_frames", "video_ids"):
        assert np.array_equal(getattr(before, key), getattr(after, key)), key
    assert {path.name for path in tmp_path.iterdir()} == {"shared.h5", "packed.h5"}


def test_two_do_not_pack_into_one_file(tmp_path):
    source, output = compressed(tmp_path / "shared.h5"), tmp_path / "packed.h5"
    with held_output(output), pytest.raises(StorageError, match="Another process is at work"):
        pack(source, output)
    assert not output.exists()
    pack(source, output)
    assert {path.name for path in tmp_path.iterdir()} == {"shared.h5", "packed.h5"}


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
        ("nowhere", "packed.h5", "There is no .*nowhere. Give features.tar.gz, a folder of"),
        ("own.h5", "records", "records is a folder. Give the name of a file"),
        ("own.h5", "new", "new is a folder. Give the name of a file"),
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

    monkeypatch.setattr(tfrecords, "find_spec", lambda name: None)
    monkeypatch.setattr(pack_module, "write_atomically", work)
    compressed(tmp_path / "own.h5")
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "00.tfrecord").touch()
    with pytest.raises(AudioSetDemoError, match=message):
        pack(tmp_path / source, tmp_path / output)


def test_a_name_that_is_too_long_names_no_file(tmp_path):
    with pytest.raises(DataError, match="There is no x{9}"):
        pack(Path("x" * 300), tmp_path / "out.h5")
