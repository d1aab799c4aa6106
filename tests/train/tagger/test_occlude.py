"""Faithfulness over many clips: right for models whose answer is known."""

import json

import pytest

from audioset_demo.errors import DataError
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import save_checkpoint
from audioset_demo.models.settings import ModelSettings
from tests.models.toy_models import model_that_has_seen_data
from tests.train.toy_features import LABELS, write_features
from train.tagger.occlude import occlude


@pytest.fixture
def checkpoint(tmp_path):
    def make(pooling: str) -> str:
        settings = ModelSettings(pooling, n_classes=3, hidden_units=8)
        path = tmp_path / f"{pooling}.safetensors"
        card = ModelCard(pooling, settings, 1, labels=LABELS)
        save_checkpoint(path, model_that_has_seen_data(settings), card)
        return str(path)

    return make


@pytest.fixture
def data(tmp_path):
    return write_features(tmp_path / "own.h5", max_frames=8)


def test_models_with_a_known_answer_get_it(checkpoint, data, tmp_path):
    average, maximum = occlude(
        [checkpoint("average"), checkpoint("max")], data, every=2, output=tmp_path / "out.json"
    )
    # The mean drops by the contribution of a frame; its weights are all equal.
    assert average.rank_correlation["contributions"] == pytest.approx(1)
    assert average.rank_correlation["attention"] is None
    # The maximum drops with the winner alone, which has all the attention.
    assert maximum.first_place["attention"] == 1
    record = json.loads((tmp_path / "out.json").read_text())
    assert [row["name"] for row in record["rows"]] == ["average", "max"]
    assert record["rows"][0]["pairs"] == average.pairs > 0


def test_short_clips_are_refused(checkpoint, features_path):
    with pytest.raises(DataError, match="None of the 12 clips .* both a label and 5 frames"):
        occlude([checkpoint("max")], features_path)
