"""Extraction: labelled sounds become a file to train on, and errors are reported at once."""

import h5py
import numpy as np
import pytest
from safetensors.torch import save_file

from audioset_demo import encoders
from audioset_demo.encoders.vggish import weights
from audioset_demo.errors import AudioSetDemoError, StorageError, WeightsError
from audioset_demo.storage import held_output
from tests.sounds import file_of, white_noise
from tests.train.data.fake_encoding import FakeEncoding
from train.__main__ import main
from train.data import shards
from train.data.extract import extract
from train.data.features import load_features


@pytest.fixture
def sounds(tmp_path):
    """Two sounds, and a table of their labels as a spreadsheet writes it."""
    folder = tmp_path / "sounds"
    (folder / "deep").mkdir(parents=True)
    for name, seconds in (("a.wav", 1), ("deep/b.wav", 3)):
        (folder / name).write_bytes(file_of(white_noise(seconds)))
    table = "\ufeffFile;Label\r\na.wav;hiss \r\ndeep/b.wav; hiss\r\ndeep/b.wav;long\r\n"
    (tmp_path / "labels.csv").write_text(table, encoding="utf-8")
    return folder


def test_labelled_sounds_become_a_file_to_train_on(sounds, tmp_path):
    output = tmp_path / "made" / "own.h5"
    with open(tmp_path / "labels.csv", "a", encoding="utf-8") as file:
        file.write("gone.wav;hiss\r\n")
    (failure,) = extract(sounds, tmp_path / "labels.csv", output, "compact")
    assert "gone.wav" in failure
    features = load_features(output)
    assert features.labels == ("hiss", "long")
    assert features.video_ids.tolist() == [b"a.wav", b"deep/b.wav"]
    assert features.y.tolist() == [[True, False], [True, True]]
    assert features.n_frames.tolist() == [1, 3]
    assert features.file.encoder == "compact"


@pytest.fixture
def no_work(monkeypatch):
    """Neither an encoder is loaded nor a sound read."""

    def work(*_, **__):
        raise AssertionError("work began")

    monkeypatch.setattr(encoders, "load_encoder", work)
    monkeypatch.setattr("train.data.extract.encode_shards", work)


@pytest.mark.usefixtures("no_work")
def test_vggish_without_its_pca_file_is_refused_before_the_work(sounds, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "cache"))
    weights.cache_dir().mkdir()
    save_file({}, weights.vggish_path())
    with pytest.raises(WeightsError, match=r"vggish_pca_params.npz.* weights get"):
        extract(sounds, tmp_path / "labels.csv", tmp_path / "own.h5", "vggish")


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": "sounds"}, "sounds is a folder. Give the name of a file"),
        ({"output": "labels.csv/own.h5"}, "own.h5 cannot be written"),
        ({"audio_dir": "nowhere"}, "no folder of sounds .*nowhere"),
        ({"audio_dir": "sounds/deep"}, "holds none of the files .* first of which is a.wav"),
        ({"labels_csv": "sounds/a.wav"}, "a.wav is not UTF-8 text"),
        ({"encoder": "openl3"}, "no encoder 'openl3'"),
    ],
)
def test_what_cannot_work_is_refused_before_the_work(sounds, tmp_path, changes, message):
    paths = {"audio_dir": "sounds", "labels_csv": "labels.csv", "output": "own.h5"}
    encoder = changes.pop("encoder", "compact")
    arguments = {key: tmp_path / value for key, value in (paths | changes).items()}
    with pytest.raises(AudioSetDemoError, match=message):
        extract(**arguments, encoder=encoder)


def test_sounds_that_are_all_damaged_leave_no_file(sounds, tmp_path, capsys):
    for name in ("a.wav", "deep/b.wav"):
        (sounds / name).write_bytes(b"not a sound")
    command = ["extract", str(sounds), "--labels", str(tmp_path / "labels.csv")]
    assert main([*command, "--output", str(tmp_path / "own.h5"), "--encoder", "compact"]) == 1
    assert "None of the 2 files" in capsys.readouterr().err
    assert not (tmp_path / "own.h5").exists()


def test_a_file_is_written_only_where_a_file_can_be(sounds, tmp_path):
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file["old"] = 1
    assert extract(sounds, tmp_path / "labels.csv", tmp_path / "own.h5", "compact") == []
    assert len(load_features(tmp_path / "own.h5")) == 2
    with pytest.raises(StorageError, match="is a folder"):
        extract(sounds, tmp_path / "labels.csv", tmp_path, "compact")


@pytest.mark.usefixtures("no_work")
def test_two_do_not_extract_into_one_file(sounds, tmp_path):
    output = tmp_path / "own.h5"
    with held_output(output), pytest.raises(StorageError, match="Another process is at work"):
        extract(sounds, tmp_path / "labels.csv", output, "compact")


def test_a_deadly_sound_costs_itself_alone_and_parts_are_gone_on_with(
    sounds, tmp_path, monkeypatch
):
    output, parts = tmp_path / "own.h5", tmp_path / "own.h5.parts"
    for n in (2, 3, 4):
        (sounds / f"{n}.wav").write_bytes(file_of(white_noise(n)))
    with open(tmp_path / "labels.csv", "a", encoding="utf-8") as file:
        file.write("2.wav;hiss\r\n3.wav;hiss\r\n4.wav;long\r\n")
    monkeypatch.setattr(shards, "SHARD_FILES", 3)
    monkeypatch.setattr(shards, "Encoding", FakeEncoding)

    def stopped(*_) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("train.data.extract._join", stopped)
        extract(sounds, tmp_path / "labels.csv", output, "compact", jobs=1)
    first, second = sorted(parts.glob("*.npz"), key=lambda path: len(np.load(path)["indices"]))
    assert len(np.load(first)["indices"]) == len(np.load(second)["indices"]) == 2
    second.unlink()
    (failure,) = extract(sounds, tmp_path / "labels.csv", output, "compact", jobs=1)
    assert "deep/b.wav: The process" in failure and "SIGKILL" in failure
    assert not parts.exists()
    features = load_features(output)
    assert features.video_ids.tolist() == [b"a.wav", b"2.wav", b"3.wav", b"4.wav"]
    assert features.n_frames.tolist() == [1, 2, 3, 4]
    assert [int(clip[0, 0]) for clip in features.x] == [1, 2, 3, 4]
    assert features.labels == ("hiss", "long") and features.y[3].tolist() == [False, True]


def test_parts_of_a_file_are_clips_of_one_recording_and_a_part_beyond_the_end_is_named(
    sounds, tmp_path, monkeypatch
):
    monkeypatch.setattr(shards, "Encoding", FakeEncoding)
    (sounds / "rec_000.wav").write_bytes(file_of(white_noise(6)))
    (tmp_path / "labels.csv").write_text(
        "file,label,onset,offset,fold\n"
        "a.wav,hiss,,,1\n"
        "rec_000.wav,long,4,6,2\n"
        "rec_000.wav,hiss,1.5,2.5,2\n"
        "rec_000.wav,hiss,,,2\n"
        "rec_000.wav,hiss,5,9,2\n"
        "rec_000.wav,background,2,,2\n"
    )
    output = tmp_path / "own.h5"
    (failure,) = extract(sounds, tmp_path / "labels.csv", output, "compact", jobs=1)
    assert (
        "rec_000.wav lasts 6.00 s, and a part of it is to end later: rec_000.wav from 5 s to 9"
        in failure
    )
    features = load_features(output)
    names = [b"a.wav", *(b"rec_000.wav" + end for end in (b"#t=4,6", b"#t=1.5,2.5", b"", b"#t=2"))]
    assert features.video_ids.tolist() == names
    assert features.n_frames.tolist() == [1, 2, 1, 6, 4]
    assert features.labels == ("hiss", "long")
    assert features.y.tolist() == [[1, 0], [0, 1], [1, 0], [1, 0], [0, 0]]
    assert features.groups.tolist() == [b"a.wav", *[b"rec"] * 4]
    assert features.folds.tolist() == [b"1", *[b"2"] * 4]
    with h5py.File(output) as file:
        times = file["segment_times"][:].tolist()
    assert times[1:] == [[4, 6], [1.5, 2.5], [0, 6], [2, 6]]


def test_without_a_table_the_folders_are_the_classes(sounds, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "Encoding", FakeEncoding)
    (sounds / "background").mkdir()
    (sounds / "a.wav").rename(sounds / "background" / "a.wav")
    (sounds / "deep" / "b.wav").rename(sounds / "deep" / "c_1.wav")
    output = tmp_path / "own.h5"
    assert main(["extract", str(sounds), "--output", str(output), "--encoder", "compact"]) == 0
    features = load_features(output)
    assert features.labels == ("deep",)
    assert features.y.tolist() == [[False], [True]]
    assert features.groups.tolist() == [b"background/a.wav", b"c"]
