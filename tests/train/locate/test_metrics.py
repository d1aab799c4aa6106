"""Each figure is that of a twin which counts one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from train.locate.metrics import (
    Curve,
    class_means,
    draws,
    interval,
    segment_figures,
    segment_scores,
    within_clip_auc,
)

VALUES = st.sampled_from([0.0, 0.25, 0.5, 1.0])  # few, so that many are equal
SCORED = st.integers(2, 60).flatmap(
    lambda n: st.tuples(arrays(float, n, elements=VALUES), arrays(bool, n))
)


def f1_by_counting(positive, chosen):
    right, wrong = sum(positive == chosen), sum(positive != chosen)
    hits = right - sum(~positive & ~chosen)
    return 2 * hits / (2 * hits + wrong) if hits else 0.0


def auc_by_counting(signal, inside, outside):
    pairs = [(a, b) for a in signal[inside] for b in signal[outside]]
    return np.mean([(a > b) + (a == b) / 2 for a, b in pairs]) if pairs else np.nan


@given(
    arrays(float, (3, 5, 2), elements=VALUES),
    arrays(bool, (3, 5, 2)),
    st.lists(st.integers(1, 5), min_size=3, max_size=3),
)
def test_auc_within_a_clip_is_the_share_of_ordered_pairs(signal, inside, n_frames):
    real = (np.arange(5) < np.array(n_frames)[:, None])[..., None]
    signal = np.where(real, signal, np.nan)
    inside, outside = inside & real, ~inside & real
    found = within_clip_auc(signal, inside, outside)
    for n, c in np.ndindex(3, 2):
        expected = auc_by_counting(signal[n, :, c], inside[n, :, c], outside[n, :, c])
        assert found[n, c] == pytest.approx(expected, nan_ok=True)


@given(arrays(float, (4, 3), elements=st.sampled_from([np.nan, 0.0, 0.5, 1.0])))
def test_weighted_means_are_those_of_repeated_clips(values):
    weights = np.array([[0, 2, 1, 1]])
    repeated = values[[1, 1, 2, 3]]
    assert np.allclose(
        class_means(values, weights)[0], class_means(repeated), equal_nan=True, atol=1e-12
    )


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    values = np.random.default_rng(1).normal(size=(400, 1))
    low, high = interval(class_means(values, draws(400)))
    half = 1.96 * values.std() / 20
    assert low[0] == pytest.approx(values.mean() - half, abs=0.02)
    assert high[0] == pytest.approx(values.mean() + half, abs=0.02)


@given(st.integers(1, 14), st.integers(0, 3))
def test_a_segment_has_the_maximum_of_the_frames_that_overlap_it(n_frames, missing):
    signal = np.random.default_rng(n_frames).normal(size=(1, n_frames + missing, 1))
    signal[:, n_frames:] = np.nan
    found = segment_scores(signal)[0, :, 0]
    assert len(found) - 1 < 0.96 * (n_frames + missing) <= len(found)
    for s, value in enumerate(found):
        # In hundredths of a second: 0.96 * 25 is not 24 in floating point.
        overlapping = [
            signal[0, k, 0]
            for k in range(n_frames)
            if 96 * k < 100 * s + 100 and 96 * k + 96 > 100 * s
        ]
        assert value == pytest.approx(max(overlapping, default=np.nan), nan_ok=True)


@settings(max_examples=30)
@given(SCORED, st.sampled_from([0.1, 0.3, 1.0]))
def test_partial_auc_is_scikit_learn_s_without_its_standardising(scored, max_fpr):
    scores, positive = scored
    found = Curve.of(scores, positive).partial_auc(max_fpr)
    if positive.all() or not positive.any():
        assert np.isnan(found)
        return
    standardised = roc_auc_score(positive, scores, max_fpr=max_fpr)
    least = max_fpr**2 / 2
    area = least + (max_fpr - least) * (2 * standardised - 1) if max_fpr < 1 else standardised
    assert found == pytest.approx(area / max_fpr)


def test_partial_auc_of_chance_and_of_a_perfect_order():
    positive = np.arange(1000) % 2 == 0
    assert Curve.of(np.zeros(1000), positive).partial_auc() == pytest.approx(0.05)
    assert Curve.of(positive.astype(float), positive).partial_auc() == 1
    # As scikit-learn's standardised value is converted where the limit is 0.1.
    scores = positive + np.random.default_rng(0).normal(size=1000)
    area = 0.005 + 0.095 * (2 * roc_auc_score(positive, scores, max_fpr=0.1) - 1)
    assert Curve.of(scores, positive).partial_auc() == pytest.approx(area / 0.1)


@given(SCORED)
def test_no_threshold_has_a_higher_f1_than_the_best(scored):
    scores, positive = scored
    chosen = Curve.of(scores, positive).best_threshold()
    f1 = [f1_by_counting(positive, scores >= t) for t in np.unique(scores)]
    assert f1_by_counting(positive, scores >= chosen) == pytest.approx(max(f1))


@given(arrays(float, (6, 2, 1), elements=VALUES), arrays(bool, (6, 2, 1)))
def test_segments_are_scored_at_thresholds_of_the_other_half(scores, truth):
    half = np.arange(6) < 3
    scores[0, 1] = scores[4, 1] = np.nan
    real = ~np.isnan(scores)
    taken, expected = [], []
    for rows, others in ((half, ~half), (~half, half)):
        other, mine = real[others], real[rows]
        threshold = Curve.of(scores[others][other], truth[others][other]).best_threshold()
        taken.append(scores[rows][mine] >= threshold)
        expected.append(truth[rows][mine])
    found = segment_figures(scores, truth, half).f1[0]
    positive = np.concatenate(expected)
    twin = f1_by_counting(positive, np.concatenate(taken)) if positive.any() else np.nan
    assert found == pytest.approx(twin, nan_ok=True)
