"""Explanations of many clips at once are those that the app shows of each."""

import numpy as np
import pytest

from audioset_demo.embeddings.clip_arrays import embeddings_from_array
from audioset_demo.models.card import ModelCard
from audioset_demo.models.settings import POOLINGS, ModelSettings
from audioset_demo.tagging import Tagger
from tests.models.toy_models import model_that_has_seen_data
from tests.train.toy_features import LABELS
from train.tagger.explain import explain_all

CLASSES = np.array([2, 0])


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_clip_is_explained_as_by_itself(features, pooling):
    settings = ModelSettings(pooling, n_classes=3, hidden_units=8)
    card = ModelCard(pooling, settings, 1, labels=LABELS)
    tagger = Tagger(model_that_has_seen_data(settings), card, device="cpu")
    few = features.subset(np.arange(12), "few")
    found = explain_all(tagger.model, few, CLASSES)
    assert set(few.n_frames) == {1, 2, 3, 4}
    for row, n in enumerate(few.n_frames):
        embeddings = embeddings_from_array(few.x[row, :n])
        alone = tagger.tag(embeddings)
        expected = {name: getattr(alone, name) for name in ("attention", "frame_scores")}
        expected["contributions"] = alone.contributions
        # Nothing is left of a clip without its only frame.
        expected["occlusion"] = tagger.occlude(embeddings) if n > 1 else alone.scores[None]
        assert found.scores[row] == pytest.approx(alone.scores[CLASSES], abs=1e-6)
        for name, values in expected.items():
            assert found.signals[name][row, :n] == pytest.approx(values[:, CLASSES], abs=1e-5)
            assert np.isnan(found.signals[name][row, n:]).all()
