"""Labelled by a table, folders or answers: `extract`, `few-shot` and `folds` take them alike."""

import os

import h5py
import numpy as np
import pytest

from audioset_demo.labels import Label
from audioset_demo.recordings.answers import Answers
from audioset_demo.recordings.finds import Find, Recording
from tests.sounds import file_of, white_noise
from tests.train.data.fake_encoding import FakeEncoding
from train.__main__ import main
from train.data import shards
from train.runs import select_checkpoint

SECONDS = {"short": 1, "long": 3}  # of the sounds of each class, which the encoding shows
FILES = [f"{name}/{letter}.wav" for name in SECONDS for letter in "abcd"]
OPTIONS = ("--encoder", "compact", "--jobs", "1")
TRAINING = ("--hidden-units", "8", "--batch-size", "4", "--iterations", "4", "--precision", "fp32")


@pytest.fixture
def sounds(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "Encoding", FakeEncoding)
    folder = tmp_path / "sounds"
    for file in FILES:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(file_of(white_noise(SECONDS[file.split("/")[0]])))
    return folder


def in_folders(sounds) -> list[str]:
    return []


def in_a_table(sounds) -> list[str]:
    table = sounds.with_name("labels.csv")
    table.write_text("file,label\n" + "".join(f"{f},{f.split('/')[0]}\n" for f in FILES))
    return ["--labels", str(table)]


def in_answers(sounds) -> list[str]:
    """As they are kept when finds are listened to."""
    answers = Answers(sounds.with_name("out"))
    for file in FILES:
        recording = Recording(os.path.abspath(sounds / file), 1, 1, 3.0, None, None)
        for k, name in enumerate(SECONDS):
            find = Find(recording, Label(k, name), 0.0, SECONDS[file.split("/")[0]], 0.5)
            answers.give(find, "yes" if file.startswith(name) else "no")
    return ["--labels", str(answers.path)]


def contents(path) -> dict[str, list]:
    with h5py.File(path) as file:
        return {name: file[name][:].tolist() for name in ("x", "y", "n_frames", "group_list")}


@pytest.mark.parametrize("labelled", [in_folders, in_a_table, in_answers])
def test_every_command_takes_sounds_labelled_in_any_way(sounds, tmp_path, labelled, capsys):
    options = [*labelled(sounds), *OPTIONS]
    own, few, folds = tmp_path / "own.h5", tmp_path / "few", tmp_path / "folds"
    for words in (
        ["extract", str(sounds), "--output", str(own), *options],
        ["few-shot", "--data", str(sounds), "--output", str(few), *options],
        ["folds", "--data", str(sounds), "--output", str(folds), "--folds", "2", *options,
         "--model", "single_attention", *TRAINING],
    ):  # fmt: skip
        assert main(words) == 0, capsys.readouterr().err
    expected = contents(own)
    assert len(np.unique(expected["group_list"])) == len(FILES)
    assert contents(few / "sounds.h5") == contents(folds / "sounds.h5") == expected
    assert select_checkpoint(few).path.is_file()
    assert select_checkpoint(folds / "whole").path.is_file()


def test_what_was_encoded_is_gone_on_with_and_other_runs_are_not_overwritten(
    sounds, tmp_path, monkeypatch, capsys
):
    words = ["folds", "--data", str(sounds), "--output", str(tmp_path / "folds"), "--folds", "2",
             "--model", "single_attention", *OPTIONS, *TRAINING]  # fmt: skip
    assert main(words) == 0
    made = (tmp_path / "folds" / "sounds.h5").read_bytes()
    monkeypatch.setattr("train.data.own_data.extract", None)
    assert main(words) == 1
    assert "already holds runs. Add --resume" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0
    assert (tmp_path / "folds" / "sounds.h5").read_bytes() == made


def test_labels_of_several_files_are_refused(features_path, tmp_path, capsys):
    words = ["few-shot", "--data", str(features_path), str(features_path), "--labels", "a.csv"]
    assert main([*words, "--output", str(tmp_path / "run")]) == 1
    assert (
        "--labels is of one folder of sounds, and --data names 2 paths" in capsys.readouterr().err
    )
