"""The command that trains the compact encoder, from its arguments to the encoder described."""

import argparse
import csv
import json
from importlib.util import find_spec

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from audioset_demo.encoders.vggish import weights
from audioset_demo.encoders.vggish.network import VggishNetwork
from audioset_demo.errors import AudioSetDemoError, DataError, StorageError, WeightsError
from audioset_demo.labels import audioset_labels
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import save_checkpoint
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from tests.sounds import file_of, white_noise
from tests.train.compact_encoder.fake_teacher import FakeTeacher
from tests.train.toy_features import LABELS, write_features
from train.commands.encoder import add_arguments
from train.commands.encoder import run as run_command
from train.compact_encoder import publish
from train.compact_encoder.sounds import scenes


@pytest.fixture
def encoder(tmp_path):
    """The command, on three sounds, four clips of features and a tiny model; the run is `run`."""
    labels = audioset_labels()
    rng = np.random.default_rng(0)
    (tmp_path / "audio" / "own").mkdir(parents=True)
    names = ["one.wav", "two.wav", "three.wav"]
    for seed, name in enumerate(names):
        (tmp_path / "audio" / "own" / name).write_bytes(file_of(white_noise(1.25, seed=seed)))
    rows = "".join(f"{name},Dog,CC0,{name[:3]}\n" for name in names)
    (tmp_path / "audio" / "own.csv").write_text("file,category,licence,attribution\n" + rows)
    with h5py.File(tmp_path / "features.h5", "w") as file:
        file["x"] = rng.integers(0, 256, (4, 10, 128), np.uint8)
        file["y"] = rng.random((4, len(labels))) < 0.01
        file["video_id_list"] = np.array([b"a", b"b", b"c", b"d"])
    settings = ModelSettings("feature_attention", hidden_units=8)
    card = ModelCard("feature_attention", settings, 1, training={"set": "tiny", "iteration": 2})
    save_checkpoint(tmp_path / "model.safetensors", TaggingModel(settings), card)

    def encoder(*extra: str) -> int:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        paths = ["--audio", tmp_path / "audio", "--output", tmp_path / "run"]
        paths += ["--models", tmp_path / "model.safetensors"]
        numbers = ["--scenes", "12", "--iterations", "2", "--batch-size", "6"]
        numbers += ["--speech", "0", "--music", "0", "--jobs", "1"]
        return run_command(parser.parse_args([*map(str, paths), *numbers, *extra]))

    return encoder


def test_the_whole_command_trains_evaluates_and_describes_an_encoder(
    encoder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("train.compact_encoder.teacher.Yamnet", lambda path: FakeTeacher())
    speech = "6" if find_spec("espeakng_loader") else "0"  # no package for some machines
    given = ["--teacher", "fake", "--features", str(tmp_path / "features.h5"), "--speech", speech]
    assert encoder(*given) == 0
    described = json.loads((tmp_path / "run" / "compact.json").read_text())
    assert described["trained_through"] == [
        {"from_iteration": 0, "models": ["feature_attention, tiny, iteration 2"]}
    ]
    assert described["held_out"]["recordings"] == 1
    figures = described["held_out"]["figures"]
    assert set(figures) == {"Feature-level attention", "teacher: a fake"}
    assert set(figures["teacher: a fake"]) >= {"sets", "sureness", "excerpts", "calm", "in_time"}
    assert figures["Feature-level attention"]["distance"]["to_nearest_real_frame"] > 0
    sounds = list(csv.DictReader((tmp_path / "run" / "sounds.csv").open()))
    assert [row["licence"] for row in sounds].count("CC0") == 2
    assert "top-5" in capsys.readouterr().out
    with pytest.raises(DataError, match="--resume"):
        encoder(*given)
    assert encoder(*given, "--evaluate") == 0
    assert json.loads((tmp_path / "run" / "compact.json").read_text()) == described
    beside = ["--beside", str(tmp_path / "run")]
    assert encoder(*given, "--evaluate", *beside) == 0
    assert (
        len(json.loads((tmp_path / "run" / "compact.json").read_text())["held_out"]["figures"]) == 3
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--teacher", "vggish"], "weights get"),
        (["--teacher", "yamnet.tflite"], "'vggish' where VGGish is installed"),
        ([], "--features bal_train.h5, or --alignment 0"),
        (["--features", "own.h5"], "own.h5 names 3 classes of its own"),
        (["--alignment", "0", "--hold-out", "0"], "Give --hold-out a share above 0"),
        (["--alignment", "0", "--speech", "9"], "pip install espeakng-loader"),
        (["--alignment", "0", "--beside", "nowhere"], "nowhere does not hold the compact encoder"),
        (["--alignment", "0", "--through", "own.safetensors"], "has 3 classes of its own"),
        (["--alignment", "0", "--models", "own.safetensors"], "has 3 classes of its own"),
        (
            ["--alignment", "0", "--categories", "nowhere.csv"],
            "nowhere.csv cannot be read",
        ),
        (["--evaluate"], "run is not a training run"),
        (["--seed", "-1"], "--seed must be from 0 to .*, not -1"),
        (["--ranking", "nan"], "--ranking must be 0 .*, not nan"),
    ],
)
def test_what_is_missing_is_named_with_the_remedy_before_the_work(
    encoder, tmp_path, monkeypatch, words, message
):
    write_features(tmp_path / "own.h5")
    settings = ModelSettings("average", n_classes=3, hidden_units=8)
    card = ModelCard("average", settings, 1, labels=LABELS)
    save_checkpoint(tmp_path / "own.safetensors", TaggingModel(settings), card)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr("train.compact_encoder.sounds.spoken.find_spec", lambda name: None)
    monkeypatch.setattr(scenes, "make_shards", lambda *_: pytest.fail("work began"))
    if "--teacher" not in words:
        monkeypatch.setattr("train.compact_encoder.teacher.Yamnet", lambda path: FakeTeacher())
        words = ["--teacher", "fake", *words]
    with pytest.raises(AudioSetDemoError, match=message):
        encoder(*words)
    assert not list((tmp_path / "run").glob("*"))


def test_a_place_that_is_taken_is_refused_before_the_work(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("train.compact_encoder.teacher.Yamnet", lambda path: FakeTeacher())
    monkeypatch.setattr(scenes, "make_shards", lambda *_: pytest.fail("work began"))
    given = ["--teacher", "fake", "--alignment", "0"]
    (tmp_path / "assets" / "compact.safetensors").mkdir(parents=True)
    monkeypatch.setattr(publish, "ASSETS", tmp_path / "assets")
    with pytest.raises(StorageError, match="compact.safetensors is a folder"):
        encoder(*given, "--publish")
    (tmp_path / "run").rmdir()
    (tmp_path / "run").touch()
    with pytest.raises(StorageError, match="run is a file, and a run needs a folder there"):
        encoder(*given)


def test_vggish_without_its_pca_file_is_refused_as_a_teacher(encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "cache"))
    weights.cache_dir().mkdir()
    save_file({}, weights.vggish_path())
    with pytest.raises(WeightsError, match=r"vggish_pca_params.npz.* weights get"):
        encoder("--teacher", "vggish")


def test_two_models_of_one_title_are_both_used(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("train.compact_encoder.teacher.Yamnet", lambda path: FakeTeacher())
    again = str(tmp_path / "model.safetensors")
    assert encoder("--teacher", "fake", "--alignment", "0", "--models", again, again) == 0
    card = json.loads((tmp_path / "run" / "compact.json").read_text())
    assert len(card["trained_through"][0]["models"]) == 2
    titles = {"Feature-level attention", "Feature-level attention (2)"}
    assert titles < set(card["held_out"]["figures"])


@pytest.mark.slow
def test_with_vggish_as_the_teacher_the_encoder_approaches_its_frames(
    encoder, tmp_path, monkeypatch
):
    """Random weights: what counts is that the encoder learns that network's output."""
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "cache"))
    weights.cache_dir().mkdir()
    torch.manual_seed(0)
    save_file(VggishNetwork().state_dict(), weights.vggish_path())
    scale = 40 * np.eye(128)  # random weights give small numbers
    np.savez(weights.pca_path(), pca_eigen_vectors=scale, pca_means=np.zeros(128))

    assert encoder("--teacher", "vggish", "--iterations", "100") == 0
    weights.vggish_path().unlink()  # 277 MB, which pytest would keep

    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    parts = [json.loads(line)["loss"] for line in lines if "loss" in line]
    assert parts[-1]["alignment"] < 0.5 * parts[0]["alignment"]
    card = json.loads((tmp_path / "run" / "compact.json").read_text())
    assert card["teacher"] == "VGGish (Google, Apache-2.0)"
