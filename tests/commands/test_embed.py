"""`audioset-demo embed`: the arrays it writes, and what it refuses before it reads a sound."""

import json

import h5py
import numpy as np
import pytest
import soundfile

from audioset_demo.cli import main


@pytest.mark.parametrize(("tail", "n_frames"), [("drop", 3), ("pad", 4), ("auto", 4)])
def test_tag_and_embed_keep_the_tail_where_asked_to(clips, tmp_path, capsys, tail, n_frames):
    words = [clips[0], "--encoder", "compact", "--tail", tail]
    assert main(["tag", *words, "--format", "json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert len(line["frames"]["times_s"]) == n_frames
    (note,) = line["notes"]
    assert "last 0.1" in note and ("--tail pad" in note) == (tail == "drop")
    assert main(["embed", *words, "--output", str(tmp_path / "a.npz")]) == 0
    assert np.load(tmp_path / "a.npz")["times_s"].shape == (n_frames,)


@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_embed_writes_the_arrays_of_one_clip(clips, tmp_path, suffix):
    output = tmp_path / f"out.{suffix}"
    assert main(["embed", clips[0], "--output", str(output), "--encoder", "compact"]) == 0
    with np.load(output) if suffix == "npz" else h5py.File(output) as file:
        assert file["quantised"][()].shape == (3, 128)
        assert file["quantised"][()].dtype == np.uint8
        assert file["pca"][()].dtype == np.float32
        assert np.allclose(file["times_s"][()], [0, 0.96, 1.92])
        assert "embedding" not in file  # the compact encoder has nothing before PCA


def test_a_denser_hop_gives_more_frames(clips, tmp_path, capsys):
    output = tmp_path / "out.npz"
    assert main(["embed", clips[0], "--output", str(output), "--hop", "0.48"]) == 0
    with np.load(output) as file:
        assert np.allclose(file["times_s"], [0, 0.48, 0.96, 1.44, 1.92])
    capsys.readouterr()
    assert main(["tag", clips[0], "--hop", "0.1", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert len(json.loads(out)["frames"]["times_s"]) == 21 and err == ""


def test_embed_refuses_another_kind_of_file(clips, tmp_path, capsys):
    assert main(["embed", clips[0], "--output", str(tmp_path / "out.txt")]) == 1
    assert "'.txt'" in capsys.readouterr().err


def test_embed_writes_what_could_be_read_and_says_what_could_not(clips, tmp_path, capsys):
    output = tmp_path / "out.h5"
    assert main(["embed", *clips, "--output", str(output), "--encoder", "compact"]) == 1
    assert "broken.wav" in capsys.readouterr().err
    with h5py.File(output) as file:
        assert sorted(file) == ["a.wav", "b.mp3"]


@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_embed_keeps_two_recordings_of_one_name_apart(same_name, tmp_path, suffix):
    output = tmp_path / f"out.{suffix}"
    assert main(["embed", *same_name, "--output", str(output), "--encoder", "compact"]) == 0
    with np.load(output) if suffix == "npz" else h5py.File(output) as file:
        assert file["north_rec.wav/quantised"][()].shape == (3, 128)
        assert file["south east_rec.wav/quantised"][()].shape == (10, 128)


def test_embed_refuses_what_it_cannot_write_before_it_reads_a_sound(clips, tmp_path, capsys):
    folder = tmp_path / "out.npz"
    folder.mkdir()
    link = tmp_path / "link.npz"
    link.symlink_to(clips[0])
    for output, message in (
        (folder, "out.npz is a folder"),
        (tmp_path / "nowhere" / "out.h5", "does not exist"),
        (link, "one of the inputs"),
    ):
        # The encoder is not installed either: that would be the next error.
        command = ["embed", clips[0], "--output", str(output), "--encoder", "vggish"]
        assert main(command) == 1
        assert message in capsys.readouterr().err
    assert soundfile.info(clips[0]).frames == 48_000
