"""Evaluation: macro figures over the classes that can be evaluated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from audioset_demo.errors import DataError
from audioset_demo.evaluation import d_prime, evaluate_scores, rank_correlation


@given(st.integers(0, 10_000), st.integers(5, 60), st.booleans())
def test_average_precision_is_the_mean_precision_at_each_positive(seed, n_clips, with_ties):
    rng = np.random.default_rng(seed)
    targets = rng.random(n_clips) < 0.4
    targets[:2] = True, False
    scores = rng.integers(0, 5, n_clips) if with_ties else rng.permutation(n_clips)
    # Clips of equal score are retrieved together.
    precision = [targets[scores >= score].mean() for score in scores[targets]]
    wins = scores[targets][:, None] - scores[~targets]
    auc = ((wins > 0) + 0.5 * (wins == 0)).mean()
    result = evaluate_scores(targets[:, None], scores[:, None].astype(float))
    assert result.mean_average_precision == pytest.approx(np.mean(precision), abs=1e-12)
    assert result.mean_auc == pytest.approx(auc, abs=1e-12)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    n_clips=st.integers(2, 300),
    n_classes=st.integers(1, 20),
    levels=st.sampled_from([1, 2, 10, 10_000]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_every_class_gets_the_figures_of_scikit_learn(seed, n_clips, n_classes, levels, dtype):
    rng = np.random.default_rng(seed)
    targets = rng.random((n_clips, n_classes)) < rng.random(n_classes)
    targets[0], targets[1] = True, False
    # Few levels make many ties.
    scores = rng.integers(-levels, levels + 1, (n_clips, n_classes)).astype(dtype)
    result = evaluate_scores(targets, scores)
    for k in range(n_classes):
        ap = average_precision_score(targets[:, k], scores[:, k])
        auc = roc_auc_score(targets[:, k], scores[:, k])
        assert result.average_precision[k] == pytest.approx(ap, abs=1e-9)
        assert result.auc[k] == pytest.approx(auc, abs=1e-9)


def test_d_prime_comes_from_the_mean_auc():
    assert d_prime(0.5) == 0
    assert d_prime(0.969) == pytest.approx(2.640, abs=1e-3)  # arXiv 1903.00765's pair of figures
    assert (d_prime(1.0), d_prime(0.0)) == (np.inf, -np.inf)


@pytest.mark.parametrize("levels", [2, 5, 10_000])
def test_the_rank_correlation_is_that_of_scipy(levels):
    a, b = np.random.default_rng(levels).integers(0, levels, (2, 200)) / levels
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)
    assert rank_correlation(a, np.ones(200)) is None


def test_classes_without_positive_or_negative_clips_are_left_out_and_counted():
    targets = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 1]], bool)
    scores = np.array([[0.9, 0.1, 0.2], [0.1, 0.2, 0.4], [0.8, 0.3, 0.1]])
    result = evaluate_scores(targets, scores)
    assert result.mean_average_precision == 1.0
    assert result.n_left_out == 2


@pytest.mark.parametrize(
    ("targets", "scores", "message"),
    [
        (np.ones((2, 3), bool), np.ones((2, 4)), r"\(2, 3\).*\(2, 4\)"),
        (np.eye(2, dtype=bool), np.full((2, 2), np.nan), "4 scores are not finite"),
        (np.zeros((3, 2), bool), np.ones((3, 2)), "None of the 2 classes"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_by_value(targets, scores, message):
    with pytest.raises(DataError, match=message):
        evaluate_scores(targets, scores)
