"""Calibrations: maps that keep every ranking, priors that move and come back, checked files."""

import copy
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.errors import CheckpointError
from audioset_demo.evaluation import evaluate_scores
from audioset_demo.labels import audioset_labels, own_labels
from audioset_demo.models.calibration import (
    THRESHOLDS,
    Calibration,
    Prior,
    Steps,
    audioset_prior,
    move_prior,
    same_prior,
)
from audioset_demo.models.calibration_file import (
    calibration_path,
    load_calibration,
    rounded,
    save_calibration,
)
from tests.models.test_card import JSON, places, with_value

K = 3
STEPS = Steps(np.array([-6.0, -2.0, 0.0, 3.0]), np.array([0.0, 0.25, 0.25, 1.0]))


def calibration(slopes=(0.5, 1.0, 2.0), intercepts=(-1.0, 0.0, 1.0), steps=None, n=K):
    return Calibration(
        prior=Prior("own", np.resize([0.01, 0.2, 0.5], n)),
        slopes=np.resize(slopes, n),
        intercepts=np.resize(intercepts, n),
        steps={1: STEPS} if steps is None else steps,
        thresholds={name: np.resize([0.25, 0.5, math.inf], n) for name in THRESHOLDS},
        set="validation part of own (9 clips)",
        command="python -m train calibrate RUN --data DATA",
        metrics={"clips": 9},
    )


unit = st.floats(0, 1, width=32)


@given(
    scores=st.lists(unit, min_size=2, max_size=30, unique=True),
    slope=st.floats(0.05, 2),
    intercept=st.floats(-6, 6),
)
def test_a_map_rises_with_the_score_wherever_it_is(scores, slope, intercept):
    scores = np.sort(np.array(scores, np.float32))
    line = calibration([slope], [intercept], {}, 1).probabilities(scores[:, None])[:, 0]
    assert ((line >= 0) & (line <= 1)).all()
    # Beyond, one float64 stands for several probabilities near 1.
    assert (np.diff(line) > 0)[line[1:] < 1 - 1e-9].all() and (np.diff(line) >= 0).all()
    stepped = calibration([slope], [intercept], {0: STEPS}, 1).probabilities(scores[:, None])[:, 0]
    assert (np.diff(stepped) >= 0).all()
    apart = (np.diff(line) > 1e-12) & (line[1:] < 1 - 1e-9)
    assert (np.diff(stepped) > 0)[apart].all()


@given(seed=st.integers(0, 10_000), ties=st.booleans())
def test_no_class_s_ap_or_auc_changes(seed, ties):
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.3, 3, (60, K)).astype(np.float32)
    if ties:
        scores = scores.round(2)
    y = rng.random((60, K)) < 0.2
    y[0], y[1] = True, False
    before = evaluate_scores(y, scores)
    after = evaluate_scores(y, calibration().probabilities(scores))
    assert np.abs(before.average_precision - after.average_precision).max() <= 1e-12
    assert np.abs(before.auc - after.auc).max() <= 1e-12


def test_the_maps_of_some_classes_are_theirs():
    scores = np.random.default_rng(0).random((5, K)).astype(np.float32)
    every = calibration().probabilities(scores)
    assert np.array_equal(calibration().probabilities(scores[:, [2, 1]], [2, 1]), every[:, [2, 1]])
    assert np.array_equal(calibration().probabilities(scores[0]), every[0])


@given(p=st.floats(1e-6, 1 - 1e-6), own=st.floats(1e-5, 0.99), to=st.floats(1e-5, 0.99))
def test_a_prior_is_moved_as_bayes_says_and_back(p, own, to):
    moved = move_prior(np.array([p]), np.array([own]), np.array([to]))
    present, absent = p * to / own, (1 - p) * (1 - to) / (1 - own)
    assert moved[0] == pytest.approx(present / (present + absent), rel=1e-9)
    back = move_prior(moved, np.array([to]), np.array([own]))
    assert back[0] == pytest.approx(p, rel=1e-6)
    assert move_prior(np.array([own]), np.array([own]), np.array([to]))[0] == pytest.approx(to)


def test_audioset_s_prior_is_of_audioset_s_classes_alone():
    shares = audioset_prior(audioset_labels()).shares
    assert shares.shape == (527,) and 0.4 < shares[0] < 0.55 and (shares > 0).all()
    with pytest.raises(CheckpointError, match="classes of its own. Give --prior fitted"):
        audioset_prior(own_labels(("cat", "door")))
    assert same_prior(0.1, 2).shares.tolist() == [0.1, 0.1]


# --- the file --------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"weights")
    return path


def test_a_calibration_is_read_as_it_was_written(checkpoint):
    assert load_calibration(checkpoint, K) is None
    written = calibration()
    save_calibration(checkpoint, written)
    read = load_calibration(checkpoint, K)
    scores = np.random.default_rng(0).random((9, K)).astype(np.float32)
    assert np.array_equal(read.probabilities(scores), written.probabilities(scores))
    for name in THRESHOLDS:
        assert np.array_equal(read.thresholds[name], written.thresholds[name])
    assert (read.prior.of, read.set, read.command) == ("own", written.set, written.command)
    assert np.array_equal(read.prior.shares, written.prior.shares) and read.metrics == {"clips": 9}


def test_the_file_of_audioset_s_classes_is_small(checkpoint):
    rng = np.random.default_rng(0)
    large = calibration(rounded(rng.random(527)), rounded(rng.normal(size=527)), n=527)
    save_calibration(checkpoint, large)
    assert calibration_path(checkpoint).stat().st_size < 100_000


def test_a_calibration_of_other_weights_is_refused(checkpoint):
    save_calibration(checkpoint, calibration())
    checkpoint.write_bytes(b"other weights")
    with pytest.raises(CheckpointError, match="not of checkpoint.safetensors beside it"):
        load_calibration(checkpoint, K)


def record_of(checkpoint) -> dict:
    save_calibration(checkpoint, calibration())
    return json.loads(calibration_path(checkpoint).read_text())


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "checkpoint.safetensors"
    path.write_bytes(b"weights")
    return path, record_of(path)


@given(data=st.data())
def test_a_file_with_any_other_value_is_read_or_refused(plain, data):
    checkpoint, record = plain
    place = data.draw(st.sampled_from(list(places(record))))
    value = data.draw(JSON)
    calibration_path(checkpoint).write_text(json.dumps(with_value(record, place, value)))
    try:
        read = load_calibration(checkpoint, K)
    except CheckpointError as error:
        assert "calibration.json" in str(error)
        return
    found = read.probabilities(np.array([0.0, 0.5, 1.0], np.float32))
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((), [], r"It is \[\], and must be a table"),
        (("format",), 2, "format 2, and this version reads 1"),
        (("slopes",), [1.0, 1.0], "slopes has 2 values, and must have 3"),
        (("slopes", 1), -1.0, r"slopes holds -1\.0, and its numbers go from 1e-06 to 100"),
        (("slopes", 1), math.nan, "slopes holds None, and must hold numbers"),
        (("intercepts", 0), True, "intercepts holds True, and must hold numbers"),
        (("intercepts", 0), 10**400, "intercepts holds 1000.*numbers go from"),
        (("prior", 2), 1.0, r"prior holds 1\.0, and its numbers go from"),
        (("thresholds", "f1"), None, "thresholds.f1 is None, and must be"),
        (("thresholds", "f1", 0), "0.5", "f1 holds '0.5', and must hold numbers"),
        (("isotonic",), {"3": {}}, "isotonic names the class '3', of 3 classes"),
        (("isotonic", "1"), {"log_odds": [0]}, "isotonic.1 is .*log_odds and probabilities"),
        (("isotonic", "1", "log_odds", 0), 9, "isotonic.1 must have steps that rise"),
        (("isotonic", "1", "probabilities", 0), 0.9, "isotonic.1 must have steps that rise"),
    ],
)
def test_a_wrong_file_is_refused_with_the_wrong_value(checkpoint, place, value, message):
    record = with_value(copy.deepcopy(record_of(checkpoint)), place, value)
    calibration_path(checkpoint).write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match=rf"calibration\.json is not .*{message}"):
        load_calibration(checkpoint, K)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_not_json_is_refused(checkpoint, content):
    calibration_path(checkpoint).write_bytes(content)
    with pytest.raises(CheckpointError, match="calibration.json is not a calibration"):
        load_calibration(checkpoint, K)
