"""Calibration: what is fitted is right where the truth is known, and measured as elsewhere."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from audioset_demo.errors import CheckpointError, DataError
from audioset_demo.models.calibration import (
    PRECISIONS,
    log_odds,
)
from audioset_demo.models.calibration_file import calibration_path, load_calibration
from audioset_demo.tagging import load_tagger
from tests.train.toy_features import write_features
from train.__main__ import main
from train.runs import select_checkpoint
from train.tagger import calibrate_figures, calibrate_fit
from train.tagger.calibrate_figures import decisions, reliability
from train.tagger.calibrate_fit import (
    Spreads,
    between,
    fit_common,
    fit_lines,
    fit_maps,
    fit_steps,
    fit_thresholds,
)


def clips(slopes, shifts, n=2_000, seed=0):
    """Log odds (n, K) of scores, and labels whose log odds are `slopes` times these + `shifts`."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-2, 2, (n, len(slopes)))
    return z, rng.random(z.shape) < expit(z * slopes + shifts)


def test_a_line_that_all_classes_have_is_found_and_kept():
    z, y = clips(np.full(12, 0.7), np.full(12, -0.5), n=800)
    fit = fit_maps(z, y)
    assert fit.spreads.slope <= 0.1 and fit.spreads.shift <= 0.125
    assert fit.slopes == pytest.approx(np.full(12, 0.7), abs=0.08)
    assert fit.intercepts == pytest.approx(np.full(12, -0.5), abs=0.2)


def test_classes_that_differ_get_lines_of_their_own():
    shifts = np.linspace(-2, 2, 10)
    z, y = clips(np.ones(10), shifts, n=600)
    fit = fit_maps(z, y)
    assert fit.spreads.shift == 0.5
    assert np.corrcoef(fit.intercepts, shifts)[0, 1] > 0.98
    assert fit.loss[fit.spreads] == min(fit.loss.values())


def test_a_class_without_clips_stays_near_the_common_line_and_rises():
    z, y = clips(np.ones(5), np.zeros(5))
    y[:, 0], y[:, 1] = False, z[:, 1] < -4  # none at all, and the reverse of what is scored
    common = fit_common(z, y)
    lines = fit_lines(z, y, common, Spreads(0.2, 0.25))
    assert np.isfinite(lines.shifts).all() and (np.exp(lines.log_slopes) > 0).all()
    assert lines.shifts[0] < common.shifts[0]
    still = fit_lines(z, y, common, Spreads(0.0, 0.0))
    assert np.array_equal(still(z), common(z))


def test_the_lines_are_the_most_probable_ones():
    z, y = clips(np.array([0.5, 1.5]), np.array([0.0, 1.0]), n=200)
    common, spreads = fit_common(z, y), Spreads(0.3, 0.4)
    lines = fit_lines(z, y, common, spreads)

    def log_posterior(tried):
        p = expit(tried(z))
        moved = (tried.log_slopes - common.log_slopes, tried.shifts - common.shifts)
        prior = (moved[0] / spreads.slope) ** 2 / 2 + (moved[1] / spreads.shift) ** 2 / 2
        return -calibrate_fit.log_loss(p, y).sum(0) - prior

    best = log_posterior(lines)
    for step in (-0.01, 0.01):
        assert (log_posterior(replace(lines, shifts=lines.shifts + step)) < best).all()
        assert (log_posterior(replace(lines, log_slopes=lines.log_slopes + step)) < best).all()


def test_steps_are_isotonic_and_only_where_they_help_and_clips_are_enough():
    rng = np.random.default_rng(0)
    z, y = clips(np.ones(4), np.zeros(4))
    truth = np.where(z[:, 3] > 0, 0.9, np.where(z[:, 3] > -2, 0.4, 0.01))  # no line
    y[:, 3] = rng.random(len(z)) < truth
    y[:, 2] = truth > 0.5  # as crooked, but of few clips
    y[np.flatnonzero(y[:, 2])[calibrate_fit.LEAST_FOR_STEPS - 1 :], 2] = False
    steps = fit_maps(z, y).steps
    assert 3 in steps and 2 not in steps
    expected = IsotonicRegression(out_of_bounds="clip").fit(z[:, 3], y[:, 3]).predict(z[:, 3])
    one = fit_steps(z[:, 3], y[:, 3])
    found = np.interp(z[:, 3], one.log_odds, one.probabilities)
    assert found == pytest.approx(expected, abs=1e-3)


scores = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=25)


@settings(max_examples=40)
@given(values=scores, seed=st.integers(0, 1000))
def test_a_threshold_reaches_its_precision_with_the_most_clips_and_the_best_f1(values, seed):
    s = np.array(values, np.float32)[:, None]
    p = np.random.default_rng(seed).random(s.shape)
    found = fit_thresholds(s, p)
    sets = [s[:, 0] >= level for level in np.unique(s) if level > 0]
    f1 = [2 * p[kept].sum() / (kept.sum() + p.sum()) for kept in sets]
    kept = s[:, 0] >= np.float32(found["f1"][0])
    if f1:
        assert 2 * p[kept].sum() / (kept.sum() + p.sum()) == pytest.approx(max(f1))
    for least in PRECISIONS:
        reaching = [kept.sum() for kept in sets if p[kept].mean() >= least]
        kept = s[:, 0] >= np.float32(found[f"precision:{least}"][0])
        assert kept.sum() == max(reaching, default=0)
        assert not kept.any() or p[kept].mean() >= least - 1e-12


@given(low=st.floats(0, 1, width=32), high=st.floats(0, 1, width=32))
def test_a_number_between_two_scores_parts_them(low, high):
    low, high = np.float32(min(low, high)), np.float32(max(low, high))
    if low < high:
        assert low < np.float32(between(low, high)) <= high


def test_thresholds_of_true_probabilities_have_their_precision_in_the_labels():
    z, y = clips(np.ones(30), np.zeros(30), n=1_000)
    p = expit(z)
    found = fit_thresholds(p.astype(np.float32), p)
    for least in (0.3, 0.5, 0.8):
        counted = p >= found[f"precision:{least}"]
        assert y[counted].mean() == pytest.approx(least, abs=0.03)


def test_brier_and_log_loss_are_those_of_scikit_learn():
    z, y = clips(np.ones(3), np.zeros(3), n=300)
    p = expit(0.5 * z)
    found = reliability(p, y)
    expected = np.mean([brier_score_loss(y[:, k], p[:, k]) for k in range(3)])
    assert found["brier"].value == pytest.approx(expected, abs=1e-12)
    expected = np.mean([sklearn_log_loss(y[:, k], p[:, k]) for k in range(3)])
    assert found["log_loss"].value == pytest.approx(expected, abs=1e-12)
    assert all(figure.low < figure.value < figure.high for figure in found.values())


def test_the_calibration_error_is_that_of_bins_counted_one_by_one():
    z, y = clips(np.ones(2), np.zeros(2), n=450)
    p = expit(0.5 * z)
    order = np.argsort(p, axis=None)
    parts = np.split(order, calibrate_figures.BINS)
    by_hand = sum(
        len(part) / p.size * abs(p.flat[part].mean() - y.flat[part].mean()) for part in parts
    )
    assert reliability(p, y)["ece"].value == pytest.approx(by_hand, abs=1e-12)
    top = p.argmax(1)
    confidence, right = p.max(1), y[np.arange(450), top]
    parts = np.split(np.argsort(confidence), calibrate_figures.BINS)
    by_hand = sum(len(i) / 450 * abs(confidence[i].mean() - right[i].mean()) for i in parts)
    assert reliability(p, y)["ece_top"].value == pytest.approx(by_hand, abs=1e-12)


def test_decisions_are_counted_class_by_class():
    s = np.array([[0.9, 0.1], [0.4, 0.2], [0.6, 0.3]], np.float32)
    y = np.array([[True, True], [True, False], [False, False]])
    found = decisions(s, y, np.array([0.5, np.inf]))
    assert (found.f1, found.precision, found.recall, found.silent) == (0.25, 0.5, 0.25, 1)


# --- the command -----------------------------------------------------------------------------

SETTINGS = ["--model", "single_attention", "--iterations", "4"]
SETTINGS += ["--batch-size", "16", "--hidden-units", "8"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_features(tmp_path_factory.mktemp("data") / "own.h5", 300)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data):
    """A run that held the validation part out, and one with the same settings that did not."""
    folder = tmp_path_factory.mktemp("runs")
    for name, more in (("held", []), ("whole", ["--whole", "--seed", "1"])):
        words = ["fit", "--data", str(data), "--output", str(folder / name), *SETTINGS, *more]
        assert main(words) == 0
    assert main(["evaluate", str(folder / "whole"), "--data", str(data)]) == 0
    return folder


def test_a_model_trained_on_all_is_calibrated_by_its_twin_and_published_with_it(
    runs, data, tmp_path, capsys
):
    words = ["calibrate", str(runs / "held"), "--data", str(data), "--for", str(runs / "whole")]
    assert main([*words, "--scored", str(data)]) == 0
    assert "calibration.json" in capsys.readouterr().out
    checkpoint = select_checkpoint(runs / "whole").path
    written = load_calibration(checkpoint, 3)
    assert written.prior.of == "own" and written.prior.shares.sum() == pytest.approx(1, abs=0.02)
    assert "validation part of own" in written.set
    assert written.command == (
        "python -m train calibrate RUN --data DATA --scored own.h5 --for whole"
    )
    rows = written.metrics["reliability"]
    assert set(rows) == {"score", "probability", "probability, prior of own"}
    assert rows["probability"]["log_loss"]["value"] < rows["score"]["log_loss"]["value"]
    assert {"0.3", "f1", "f1, counted"} < set(written.metrics["decisions"])
    # It is published with the model, and stays when that is published again.
    for _ in range(2):
        assert main(["publish", str(runs / "whole"), "--into", str(tmp_path)]) == 0
    published = tmp_path / "whole" / "checkpoint.safetensors"
    tagging = load_tagger(published).tag_features(np.full((4, 128), 130, np.uint8))
    expected = written.probabilities(tagging.scores)
    assert np.array_equal(tagging.probabilities, expected)
    calibration_path(checkpoint).unlink()
    assert main(["publish", str(runs / "whole"), "--into", str(tmp_path)]) == 0
    assert load_calibration(published, 3) is not None


def test_a_run_is_calibrated_by_itself(runs, data, capsys):
    assert main(["calibrate", str(runs / "held"), "--data", str(data)]) == 0
    record = json.loads(calibration_path(select_checkpoint(runs / "held").path).read_text())
    assert record["metrics"] == {} and len(record["slopes"]) == 3


def test_what_has_seen_the_validation_part_or_differs_cannot_calibrate(runs, data, tmp_path):
    from train.tagger.calibrate import calibrate

    with pytest.raises(DataError, match=r"whole was trained on own \(300 clips\).*--for"):
        calibrate(runs / "whole", [data])
    with pytest.raises(DataError, match="held was trained on fit part of own"):
        calibrate(runs / "held", [write_features(tmp_path / "other.h5", 200)])
    other = runs / "other"
    words = ["fit", "--data", str(data), "--output", str(other), *SETTINGS, "--mixup", "1.0"]
    assert main([*words, "--whole"]) == 0
    with pytest.raises(DataError, match="cannot validate this model, because it differs in mixup"):
        calibrate(runs / "held", [data], str(other))
    with pytest.raises(CheckpointError, match="There is no model 'nothing'"):
        calibrate(runs / "held", [data], "nothing")


def test_scores_are_ranked_alike_to_the_last_digit():
    s = np.random.default_rng(0).random(50).astype(np.float32)
    assert np.array_equal(np.argsort(log_odds(s)), np.argsort(s))
