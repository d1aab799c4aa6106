"""Cross-validation: each clip is scored by a run that never saw its recording, and the model of all
is published with those figures."""

import csv
import json

import h5py
import numpy as np
import pytest

from audioset_demo.errors import CheckpointError
from audioset_demo.listings import class_rows
from audioset_demo.models.card import ModelCard, card_path
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.published import find_published, published_models
from audioset_demo.storage import parse_json
from tests.train.toy_features import LABELS, write_features
from train.__main__ import main
from train.data.features import load_features
from train.runs import select_checkpoint
from train.tagger.publish import publish

SETTINGS = ["--model", "single_attention", "--hidden-units", "16", "--batch-size", "8",
            "--iterations", "60", "--learning-rate", "0.01", "--precision", "fp32"]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Clips of twelve recordings, which came in another order than the clips."""
    path = write_features(tmp_path_factory.mktemp("data") / "own.h5", n_clips=60)
    with h5py.File(path, "a") as file:
        file["group_list"] = np.array([f"rec{i % 12}".encode() for i in range(60)])
    return path


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs") / "own"
    words = ["folds", "--data", str(data), "--output", str(runs), "--folds", "3", *SETTINGS]
    assert main(words) == 0
    return runs


def rows_of(path) -> list[dict]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_clip_is_scored_by_the_run_that_never_saw_its_recording(data, runs):
    features = load_features(data)
    folds = {row["recording"]: row["fold"] for row in rows_of(runs / "folds.csv")}
    assert set(folds.values()) == {"1", "2", "3"}
    for row, clip in zip(rows_of(runs / "clips.csv"), range(len(features)), strict=True):
        assert row["fold"] == folds[features.groups[clip].decode()]
        checkpoint = select_checkpoint(runs / f"fold_{row['fold']}").path
        model, card = load_checkpoint(checkpoint)
        clips, mask, targets = features.batch(np.array([clip]))
        scores = model(clips, mask)[0].detach().numpy()
        assert row["labels"] == LABELS[int(targets[0].argmax())]
        assert row["highest"] == LABELS[int(scores.argmax())]
        assert float(row["score"]) == pytest.approx(scores.max(), abs=1e-4)
        n_others = sum(other["fold"] != row["fold"] for other in rows_of(runs / "folds.csv"))
        assert card.training["set"] == f"own without fold {row['fold']} ({n_others} clips)"


def test_the_figures_of_the_folds_have_a_mean_and_a_spread(runs):
    found = json.loads((runs / "folds.json").read_text())
    accuracy = [fold["accuracy"] for fold in found["folds"]]
    assert found["summary"]["accuracy"]["mean"] == pytest.approx(np.mean(accuracy))
    assert found["summary"]["accuracy"]["spread"] == pytest.approx(np.std(accuracy, ddof=1))
    assert found["all"]["mAP"] > 0.9 and found["all"]["clips"] == 60
    assert "--folds 3" in found["command"] and "--whole" not in found["command"]


def test_the_model_of_all_clips_is_published_with_names_counts_and_figures(
    data, runs, tmp_path, monkeypatch
):
    monkeypatch.setenv("AUDIOSET_DEMO_MODELS", str(tmp_path))
    published_models.cache_clear()
    publish(runs / "whole", "own")
    model = find_published("own")
    published_models.cache_clear()
    assert model.card.metrics["eval"]["set"] == "own, each clip by a model of the other 2 folds"
    counts = load_features(data).y.sum(axis=0).tolist()
    rows = list(class_rows(model))
    assert [row["label"] for row in rows] == list(LABELS)
    assert [row["all_train"] for row in rows] == counts == [row["eval"] for row in rows]
    assert all(row["ap"] > 0.8 for row in rows)


def test_runs_on_another_division_are_not_gone_on_with(data, runs):
    words = ["folds", "--data", str(data), "--output", str(runs), *SETTINGS, "--resume"]
    before = (runs / "clips.csv").read_bytes()
    assert main([*words, "--folds", "3"]) == 0
    assert (runs / "clips.csv").read_bytes() == before
    assert main([*words, "--folds", "4"]) == 1


def test_a_card_with_other_counts_than_classes_is_refused(runs):
    path = select_checkpoint(runs / "whole").path
    card = parse_json(card_path(path).read_text(encoding="utf-8"))
    card["training"]["clips_of_class"] = [1, 2]
    with pytest.raises(CheckpointError, match=r"clips_of_class is \[1, 2\], .* 3 whole numbers"):
        ModelCard.from_json(card)


def test_one_class_is_learned_beside_background(tmp_path):
    data = write_features(tmp_path / "own.h5", n_clips=40)
    with h5py.File(data, "a") as file:
        is_bell = file["y"][:, :1]
        del file["y"], file["labels"]
        file["y"] = is_bell
        file["labels"] = [b"bell"]
    words = ["folds", "--data", str(data), "--output", str(tmp_path / "runs"), "--folds", "2"]
    assert main([*words, *SETTINGS]) == 0
    found = json.loads((tmp_path / "runs" / "folds.json").read_text())
    assert found["all"]["mAP"] > 0.9 and found["all"]["accuracy"] is None
    assert list(found["summary"]) == ["mAP", "AUC"]
