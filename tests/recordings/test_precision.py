"""Precision and calibration from answers: exact where all are heard, and honest where few are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.evidence.statistics import wilson
from audioset_demo.models.calibration import log_odds
from audioset_demo.odds import expit
from audioset_demo.recordings.order import HIGHEST, SPREAD, order
from audioset_demo.recordings.precision import Line, fit_line, precision_curve

scored = st.lists(
    st.tuples(st.integers(1, 99), st.sampled_from([0.0, 1.0, np.nan])), min_size=1, max_size=40
)


def arrays(pairs) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score / 100 for score, _ in pairs]), np.array([answer for _, answer in pairs])


@given(scored)
def test_where_all_were_heard_precision_is_that_of_counting(pairs):
    scores, answers = arrays(pairs)
    answers = np.nan_to_num(answers)
    curve = precision_curve(scores, answers)
    assert list(curve.thresholds) == sorted(set(scores), reverse=True)
    for place, threshold in enumerate(curve.thresholds):
        right = answers[scores >= threshold]
        assert curve.n_finds[place] == len(right)
        assert curve.precision[place] == pytest.approx(right.mean())
        low, high = wilson(right.sum(), np.array(len(right)))
        assert (curve.low[place], curve.high[place]) == (pytest.approx(low), pytest.approx(high))


@given(scored)
def test_each_answer_stands_for_the_finds_nearest_in_rank(pairs):
    scores, answers = arrays(pairs)
    curve = precision_curve(scores, answers)
    falling = np.argsort(-scores, kind="stable")
    heard = [rank for rank, n in enumerate(falling) if not np.isnan(answers[n])]
    if not heard:
        assert curve is None
        return
    taken = [min(heard, key=lambda other: (abs(other - rank), other)) for rank in range(len(pairs))]
    filled = answers[falling][taken]
    for place, n in enumerate(curve.n_finds):
        weights = np.bincount(taken[:n])
        assert curve.precision[place] == pytest.approx(filled[:n].mean())
        expected = wilson(filled[:n].mean() * n**2 / (weights**2).sum(), n**2 / (weights**2).sum())
        assert curve.low[place] == pytest.approx(float(expected[0]))
        assert curve.high[place] == pytest.approx(float(expected[1]))


@pytest.mark.parametrize("by", [SPREAD, HIGHEST])
def test_the_interval_holds_the_truth_however_one_listens(by):
    """Sixty of 600 heard: spread over all scores, or those of the highest scores alone."""
    rng = np.random.default_rng(0)
    held = widths = 0.0
    for _ in range(200):
        scores = rng.beta(2, 2, 600)
        truth = (rng.random(600) < expit(2 * log_odds(scores))).astype(float)
        answers = np.full(600, np.nan)
        heard = order(scores, by)[:60]
        answers[heard] = truth[heard]
        curve = precision_curve(scores, answers)
        held += curve.low[-1] <= truth.mean() <= curve.high[-1]
        widths += curve.high[-1] - curve.low[-1]
    assert held / 200 >= 0.93
    # Of what lies below all that was heard, nothing is known, and so it is said.
    assert (widths / 200 < 0.3) == (by == SPREAD)


@given(st.integers(1, 300), st.integers(1, 300))
def test_what_is_heard_in_spread_order_is_spread(n, m):
    heard = order(-np.arange(n, dtype=float), SPREAD)[:m]
    assert len(set(heard)) == min(n, m)
    gaps = np.diff(np.append(-1, np.append(np.sort(heard), n)))
    assert gaps.max() <= 2 * (2 * n / min(n, m) + 1)


def test_a_threshold_for_a_precision_is_the_lowest_that_has_it():
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    curve = precision_curve(scores, np.array([1.0, 0.0, 1.0, 0.0]))
    assert curve.thresholds[curve.place_for(0.66)] == 0.7
    assert curve.place_for(0.66, surely=True) is None


def test_a_line_finds_the_calibration_of_many_answers():
    rng = np.random.default_rng(1)
    scores = rng.uniform(0.05, 0.95, 20_000)
    truth = (rng.random(len(scores)) < expit(1.7 * log_odds(scores) - 0.8)).astype(float)
    # Answers near one score alone do not bend it.
    truth[(scores < 0.4) & (rng.random(len(scores)) < 0.9)] = np.nan
    line = fit_line(scores, truth)
    assert line.slope == pytest.approx(1.7, abs=0.1)
    assert line.intercept == pytest.approx(-0.8, abs=0.1)


@given(scored)
def test_a_line_is_finite_rises_and_is_the_most_probable(pairs):
    scores, answers = arrays(pairs)
    line = fit_line(scores, answers)
    assert line.slope > 0 and np.isfinite([line.slope, line.intercept]).all()
    known = ~np.isnan(answers)

    def loss(slope, intercept):
        p = Line(slope, intercept).probabilities(scores[known])
        said = np.where(answers[known] == 1, p, 1 - p)
        return -np.log(said).sum() + (slope - 1) ** 2 / 2 + (intercept / 3) ** 2 / 2

    least = loss(line.slope, line.intercept)
    for slope, intercept in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)):
        if line.slope + slope >= 1e-3:
            assert loss(line.slope + slope, line.intercept + intercept) >= least - 1e-9


def test_without_answers_scores_are_taken_at_their_word():
    line = fit_line(np.array([0.2, 0.7]), np.array([np.nan, np.nan]))
    assert line.probabilities(np.array([0.2, 0.7])) == pytest.approx([0.2, 0.7])
