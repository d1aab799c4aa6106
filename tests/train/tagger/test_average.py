"""Averages of checkpoints: each alone, the means of their probabilities and of their weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from audioset_demo.errors import AudioSetDemoError, CheckpointError, DataError
from audioset_demo.evaluation import evaluate_scores
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import load_checkpoint, save_checkpoint
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from tests.models.test_reference import make_state, write
from tests.train.toy_features import LABELS, write_features
from train.__main__ import main
from train.data.features import load_features
from train.runs import CHECKPOINT_DIR
from train.tagger.average import average, members
from train.tagger.predict import predict


def write_checkpoint(path: Path, seed: int, pooling: str = "single_attention") -> Path:
    torch.manual_seed(seed)
    settings = ModelSettings(pooling, n_classes=3, hidden_units=16)
    model = TaggingModel(settings).train()
    for _ in range(3):  # BatchNorm's statistics differ as well
        model(torch.randn(8, 4, 128) + seed)
    training = {"set": "fit part of own", "iteration": seed}
    save_checkpoint(path, model, ModelCard(pooling, settings, 0, labels=LABELS, training=training))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run's folder, as far as averaging reads it; its checkpoints sort wrongly as text."""
    run = tmp_path_factory.mktemp("runs") / "run"
    for iteration in (95_000, 100_000, 105_000):
        write_checkpoint(run / CHECKPOINT_DIR / f"iter_{iteration:05d}.safetensors", iteration)
    return run


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("other") / "other.safetensors"
    return write_checkpoint(path, 1, "feature_attention")


def figures(result) -> list[float]:
    return [*result.average_precision, *result.auc]


def test_single_checkpoints_and_the_means_are_scored(run, features_path):
    rows = dict(average([run], features_path))
    assert list(rows) == [
        "run/iter_95000", "run/iter_100000", "run/iter_105000",
        "mean of probabilities", "geometric mean", "mean of weights",
    ]  # fmt: skip
    features = load_features(features_path)
    scores = [predict(load_checkpoint(path)[0], features) for path in members([run])]
    expected = {
        "run/iter_100000": scores[1],
        "mean of probabilities": np.mean(scores, axis=0),
        "geometric mean": np.prod(scores, axis=0) ** (1 / 3),
    }
    for name, mean in expected.items():
        assert figures(rows[name]) == pytest.approx(figures(evaluate_scores(features.y, mean)))


def test_the_mean_of_weights_is_written_with_its_figures(run, features_path, tmp_path):
    output = tmp_path / "mean.safetensors"
    rows = dict(average([run], features_path, last=2, output=output, device="cpu"))
    model, card = load_checkpoint(output)
    averaged = [load_checkpoint(path)[0].state_dict() for path in members([run], last=2)]
    for name, tensor in model.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            mean = torch.stack([state[name] for state in averaged]).mean(0)
            assert torch.allclose(tensor, mean, rtol=1e-3, atol=1e-6)
    features = load_features(features_path)
    again = evaluate_scores(features.y, predict(model, features))
    assert figures(again) == figures(rows["mean of weights"])
    assert card.metrics["own"]["mAP"] == again.mean_average_precision
    assert card.training["averaged"] == "mean of the weights of 2 checkpoints"
    assert card.training["members"] == ["run/iter_100000", "run/iter_105000"]
    assert "iteration" not in card.training and card.training["set"] == "fit part of own"


def test_of_different_models_only_the_probabilities_are_averaged(
    run, other, features_path, tmp_path
):
    names = [name for name, _ in average([run, other], features_path, last=1)]
    assert names[0] == "run/iter_105000"
    assert names[2:] == ["mean of probabilities", "geometric mean"]
    with pytest.raises(DataError, match=r"pooling \(feature_attention, single_attention\)"):
        average([run, other], features_path, output=tmp_path / "mean.safetensors")


def test_the_record_names_its_members_its_set_and_its_command(
    run, other, features_path, tmp_path, capsys
):
    record = tmp_path / "record.json"
    command = ["average", str(run), str(other), "--data", str(features_path), "--last", "2"]
    assert main([*command, "--json", str(record)]) == 0
    content = json.loads(record.read_text())
    assert content["set"] == "own"
    assert content["command"] == (
        "python -m train average run other.safetensors --data own.h5 --last 2"
    )
    assert content["members"] == [row["name"] for row in content["rows"][:3]]
    printed = capsys.readouterr().out
    for row in content["rows"]:
        assert row.keys() >= {"mAP", "AUC", "d_prime"}
        assert f"{row['mAP']:.4f}" in printed


def test_checkpoints_of_the_reference_are_averaged_from_their_folder(tmp_path, capsys):
    features_path = write_features(tmp_path / "audioset.h5", labels=None)
    models = tmp_path / "models"
    for iteration in (5_000, 10_000):
        write(models, make_state("max", seed=iteration), f"md_{iteration}_iters.tar")
    output = tmp_path / "mean.safetensors"
    command = ["average", str(models), "--data", str(features_path), "--output", str(output)]
    assert main(command) == 1
    assert "--pooling max" in capsys.readouterr().err
    assert main([*command, "--pooling", "max"]) == 0
    assert "models/md_5000_iters" in capsys.readouterr().out
    assert "qiuqiangkong" in load_checkpoint(output)[1].training["code"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"last": 0}, "--last must be at least 1, not 0"),
        ({"last": 1}, "only one checkpoint"),
        ({"output": Path("mean.tar")}, "must end in .safetensors"),
        ({"record": Path("nowhere/record.json")}, "The folder nowhere does not exist"),
    ],
)
def test_what_cannot_be_averaged_or_written_is_refused_before_scoring(
    run, features_path, settings, message
):
    with pytest.raises(AudioSetDemoError, match=message):
        average([run], features_path, **settings)


def test_a_folder_without_checkpoints_is_refused(tmp_path, features_path):
    with pytest.raises(DataError, match="holds no checkpoints"):
        average([tmp_path], features_path)


def test_a_model_of_other_classes_is_refused_before_scoring(run, tmp_path):
    features_path = write_features(tmp_path / "own.h5", labels=("bell", "siren", "gong"))
    with pytest.raises(CheckpointError, match="label set"):
        average([run], features_path)
