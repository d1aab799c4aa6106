"""Deletion and insertion: areas as computed clip by clip, from the model's own scores."""

import numpy as np
import pytest
import torch

from audioset_demo.models.settings import POOLINGS, ModelSettings
from tests.models.toy_models import model_that_has_seen_data
from train.locate.faithfulness import areas

CLASSES = np.array([0, 2, 1, 1])


@pytest.mark.parametrize("pooling", POOLINGS)
def test_areas_are_means_of_scores_of_shortened_clips(pooling):
    model = model_that_has_seen_data(ModelSettings(pooling, n_classes=3, hidden_units=8))
    clips = torch.rand(4, 5, 128) * 2 - 1
    signal = np.random.default_rng(0).normal(size=(4, 5))
    found = areas(model, clips, CLASSES, signal)
    for p, k in enumerate(CLASSES):
        falling = np.argsort(-signal[p])
        with torch.no_grad():
            kept = [model(clips[p, falling[:j]][None])[0, k] for j in range(1, 6)]
            left = [model(clips[p, falling[j:]][None])[0, k] for j in range(5)]
        assert found.insertion[p] == pytest.approx(float(sum(kept)) / 5, abs=1e-6)
        assert found.deletion[p] == pytest.approx(float(sum(left)) / 5, abs=1e-6)


def test_of_a_mean_no_order_is_more_faithful_than_that_of_the_frame_scores():
    model = model_that_has_seen_data(ModelSettings("average", n_classes=3, hidden_units=8))
    clips = torch.rand(4, 5, 128) * 2 - 1
    scores = np.stack([model.explain(clip).frame_scores for clip in clips])
    signal = scores[np.arange(4), :, CLASSES]
    best = areas(model, clips, CLASSES, signal)
    for seed in range(20):
        other = areas(model, clips, CLASSES, np.random.default_rng(seed).normal(size=(4, 5)))
        assert (best.insertion >= other.insertion - 1e-6).all()
        assert (best.deletion <= other.deletion + 1e-6).all()
