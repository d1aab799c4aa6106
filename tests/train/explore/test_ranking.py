"""Rankings of clips: weighted AP as scikit-learn's, curves that keep their corners."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve

from train.explore.ranking import Ranking, clip_weights, corners, curve_error


@given(st.integers(2, 60), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_ap_of_clips_drawn_several_times_is_that_of_scikit_learn(n, levels, seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, n).astype(np.float32)  # many are equal
    positive = rng.random(n) < 0.4
    assume(positive.any())
    weights = rng.integers(0, 4, (n, 5)).astype(np.uint8)
    found = Ranking.of(scores, positive).weighted_average_precision(weights)
    for b in range(5):
        if (weights[positive, b] == 0).all():
            assert np.isnan(found[b])
        else:
            expected = average_precision_score(positive, scores, sample_weight=weights[:, b])
            assert found[b] == pytest.approx(expected, abs=1e-12)


def test_each_replicate_draws_as_many_clips_as_there_are_and_no_two_are_alike():
    weights = clip_weights(500, 20)
    assert (weights.sum(axis=0) == 500).all() and len(np.unique(weights, axis=1).T) == 20
    np.testing.assert_array_equal(weights, clip_weights(500, 20))


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.5))
def test_thresholds_give_the_counts_of_scikit_learn(seed, share):
    rng = np.random.default_rng(seed)
    positive = rng.random(200) < share
    assume(positive.any())
    scores = np.round(rng.random(200) + 0.3 * positive, 2)
    ranking = Ranking.of(scores, positive)
    precision, recall, thresholds = precision_recall_curve(positive, scores)
    place = np.searchsorted(thresholds, ranking.thresholds)
    np.testing.assert_allclose(ranking.found / (ranking.found + ranking.false), precision[place])
    np.testing.assert_allclose(ranking.found / positive.sum(), recall[place])


def test_a_short_curve_is_kept_whole_and_a_long_one_within_its_stated_error():
    rng = np.random.default_rng(0)
    for n_positive, most_error in ((60, 0.0), (170, 0.02), (5_000, 0.02)):
        positive = np.arange(20_000) < n_positive
        ranking = Ranking.of(rng.random(20_000) + 0.4 * positive, positive)
        found, false = ranking.found, ranking.false
        n_negative = 20_000 - n_positive
        kept = corners(found, false, n_negative, 60)
        assert len(kept) == 60 and kept[0] == 0 and kept[-1] == len(found) - 1
        error = curve_error(found, false, n_negative, kept)
        assert error <= most_error
        for curve in (found / (found + false), false / n_negative):
            lines = np.interp(found, found[kept], curve[kept])
            assert np.abs(lines - curve).max() <= error + 1e-12
