"""AP over training: of each checkpoint of a run, on clips that the run held out."""

import numpy as np
import pytest

from audioset_demo.errors import CheckpointError, DataError
from audioset_demo.evaluation import evaluate_scores
from audioset_demo.evidence.over_training import OVER_TRAINING_FILE, over_training
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.published import find_published, published_models
from tests.train.toy_features import write_features
from train.__main__ import main
from train.data.features import load_features
from train.data.split import split
from train.runs import saved_checkpoints
from train.tagger.predict import predict

FIT = ("--model", "average", "--hidden-units", "8", "--iterations", "6", "--evaluate-every", "3")


@pytest.fixture
def data(tmp_path):
    return write_features(tmp_path / "bal_train.h5")


@pytest.fixture
def model(tmp_path, monkeypatch, data):
    """A published model that was trained on all clips."""
    monkeypatch.setenv("AUDIOSET_DEMO_MODELS", str(tmp_path / "models"))
    run = tmp_path / "whole"
    assert not main(["fit", "--data", str(data), *FIT, "--whole", "--output", str(run)])
    assert not main(["evaluate", str(run), "--data", str(data)])
    assert not main(["publish", str(run), "--name", "toy"])
    published_models.cache_clear()
    yield find_published("toy")
    published_models.cache_clear()


def test_each_checkpoint_is_scored_on_what_the_run_held_out(tmp_path, data, model):
    run = tmp_path / "run"
    assert not main(["fit", "--data", str(data), *FIT, "--output", str(run)])
    assert over_training(model) is None
    assert not main(["over-training", str(run), "--data", str(data), "--for", "toy"])
    found = over_training(model)
    held_out = split(load_features(data))[1]
    assert found.iterations.tolist() == [3, 6]
    assert found.n_clips.tolist() == held_out.n_positives().tolist()
    for column, path in zip(found.ap.T, saved_checkpoints(run).values(), strict=True):
        scores = predict(load_checkpoint(path)[0], held_out)
        expected = evaluate_scores(held_out.y, scores).average_precision
        np.testing.assert_allclose(column, expected, atol=6e-5)


@pytest.mark.parametrize(
    ("flags", "said"), [(("--whole",), "was trained on"), (("--dropout", "0.1"), "dropout")]
)
def test_a_run_that_has_seen_the_clips_or_differs_is_refused(tmp_path, data, model, flags, said):
    run = tmp_path / "run"
    assert not main(["fit", "--data", str(data), *FIT, *flags, "--output", str(run)])
    with pytest.raises(DataError, match=said):
        from train.explore.over_training import over_training as measure

        measure(run, [data], "toy")


def test_a_damaged_table_is_named(model):
    path = model.path.parent / OVER_TRAINING_FILE
    path.write_text("index,clips,3\n1,4,0.5\n")
    with pytest.raises(CheckpointError, match="over-training"):
        over_training(model)
