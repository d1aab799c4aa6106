"""The evidence of a model: what it lists is what was scored."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from audioset_demo.errors import CheckpointError, DataError
from audioset_demo.evidence.clips import ScoredClips
from audioset_demo.evidence.of_model import LOGIT_EDGES, read_evidence
from tests.train.toy_features import write_features
from train.explore import explore as exploring
from train.explore.classes import evidence_of
from train.explore.explore import explore, save_evidence
from train.explore.ranking import clip_weights

N, K = 300, 9


@pytest.fixture(scope="module")
def clips() -> ScoredClips:
    rng = np.random.default_rng(0)
    targets = rng.random((N, K)) < 0.2
    covered = rng.random(N) < 0.7
    heard = targets ^ (rng.random((N, K)) < 0.1)
    return ScoredClips(
        video_ids=np.array([f"video{k:06d}".encode() for k in range(N)]),
        starts_s=np.full(N, 30, np.float32),
        n_labels=targets.sum(axis=1).astype(np.uint8),
        labels=np.nonzero(targets)[1].astype(np.uint16),
        covered=covered,
        complete=np.arange(K) < K - 1,
        heard=np.packbits(heard[covered], axis=1),
    )


@pytest.fixture(scope="module")
def scores(clips) -> np.ndarray:
    rng = np.random.default_rng(1)
    return (0.1 + 0.5 * rng.random((N, K)) + 0.3 * clips.has_label).astype(np.float32)


@pytest.fixture(scope="module")
def evidence(clips, scores):
    return evidence_of(scores, clips, clip_weights(N, 200), "toy")


def test_ap_has_an_interval_that_is_as_wide_as_the_replicates(clips, scores, evidence):
    for k in range(K):
        expected = average_precision_score(clips.has_label[:, k], scores[:, k])
        assert evidence.ap[k] == pytest.approx(expected, abs=1e-6)
        assert evidence.low[k] < expected < evidence.high[k]
    drawn = evidence.bootstrap()
    np.testing.assert_allclose(drawn.mean(axis=0), evidence.ap, atol=2e-4)
    np.testing.assert_allclose(np.percentile(drawn, 2.5, axis=0), evidence.low, atol=2e-3)


def test_listed_clips_are_the_extreme_ones(clips, scores, evidence):
    for k in range(K):
        without = np.flatnonzero(~clips.has_label[:, k])
        assert scores[evidence.unlabelled[k], k].min() >= np.sort(scores[without, k])[-12]
        assert not clips.has_label[evidence.unlabelled[k], k].any()
        assert clips.has_label[evidence.missed[k], k].all()
        assert scores[evidence.missed[k], k].max() == np.sort(scores[clips.has_label[:, k], k])[11]


def test_counts_are_of_the_clips(clips, scores, evidence):
    targets = clips.has_label
    np.testing.assert_array_equal(evidence.n_positive, targets.sum(axis=0))
    np.testing.assert_array_equal(evidence.n_negative, N - targets.sum(axis=0))
    for k in range(K):
        thresholds, found, false = evidence.curve(k)
        assert found[-1] == targets[:, k].sum()
        above = scores[:, k] >= thresholds[3] - 5e-4  # half precision
        assert abs((above & ~targets[:, k]).sum() - false[3]) <= 1
        n = targets[:, k].sum()
        top = np.argsort(-scores[:, k], kind="stable")[:n]
        alarms = top[~targets[top, k]]
        assert evidence.n_false[k] == len(alarms)
        for j, count in zip(evidence.confused[k], evidence.n_confused[k], strict=True):
            assert count in (0, targets[alarms, j].sum()) and (j != k or count == 0)
        ranked = np.argsort(-scores[:, k], kind="stable")
        doubted = ranked[~targets[ranked, k]][:50]
        said = clips.strong(doubted, k)
        assert list(evidence.vindicated[k]) == [
            said.count(word) for word in ("present", "absent", "not covered")
        ]
    assert evidence.histogram.shape == (K, 2, len(LOGIT_EDGES) - 1)


def test_evidence_is_read_as_it_was_written_and_damage_is_named(tmp_path, evidence):
    path = tmp_path / "evidence.npz"
    save_evidence(path, evidence)
    read = read_evidence(path)
    for name, array in vars(evidence).items():
        np.testing.assert_array_equal(getattr(read, name), array)
    whole = path.read_bytes()
    cut = replace(evidence, low=evidence.low[:3])
    for damage in (
        lambda: path.write_bytes(whole[:2000]),
        lambda: path.write_bytes(b"no archive"),
        lambda: np.savez(path, ap=evidence.ap),
        lambda: np.savez(path, **{**vars(evidence), "ap": np.array(["x"] * K)}),
        lambda: save_evidence(path, cut),
    ):
        damage()
        with pytest.raises(CheckpointError, match="evidence.npz.*python -m train explore"):
            read_evidence(path)


def test_another_set_than_the_evaluation_set_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(exploring, "check_output", lambda *given: None)
    with pytest.raises(DataError, match="which are not the 20,371 of AudioSet's evaluation set"):
        explore(write_features(tmp_path / "other.h5", labels=None), ["max"])
    with pytest.raises(CheckpointError, match="no published model 'maxx'"):
        explore(tmp_path / "other.h5", ["maxx"])
