"""Sampling: how often classes and clips are drawn, by seed and iteration alone."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from train.data.features import FeatureSet, load_features
from train.tagger.config import SAMPLINGS
from train.tagger.sampling import make_sampler


def features_of(targets: np.ndarray, folder: Path) -> FeatureSet:
    n, k = targets.shape
    with h5py.File(folder / "own.h5", "w") as file:
        file["x"] = np.ones((n, 1, 128), np.uint8)
        file["y"] = targets
        file["video_id_list"] = np.arange(n).astype("S")
        file.create_dataset("labels", data=[str(i) for i in range(k)], dtype=h5py.string_dtype())
    return load_features(folder / "own.h5")


@pytest.fixture
def features(tmp_path) -> FeatureSet:
    """Classes of 81, 16, 4 and 1 clips, one of none, and 10 clips of no class."""
    targets = np.zeros((112, 5), bool)
    targets[:81, 0] = targets[81:97, 1] = targets[97:101, 2] = targets[101, 3] = True
    return features_of(targets, tmp_path)


def draws(features: FeatureSet, sampling: str, n: int) -> np.ndarray:
    sampler = make_sampler(sampling, features, batch_size=13, seed=1)
    return np.concatenate([sampler.batch(i) for i in range(-(-n // 13))])[:n]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@given(
    seed=st.integers(0, 2**31),
    batch_size=st.integers(1, 40),
    iteration=st.integers(0, 1000),
    earlier=st.lists(st.integers(0, 1000), max_size=3),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_a_batch_depends_on_seed_and_iteration_alone(
    features, sampling, seed, batch_size, iteration, earlier
):
    fresh = make_sampler(sampling, features, batch_size, seed).batch(iteration)
    used = make_sampler(sampling, features, batch_size, seed)
    for other in earlier:
        used.batch(other)
    assert np.array_equal(used.batch(iteration), fresh)
    assert len(fresh) == batch_size and 0 <= fresh.min() <= fresh.max() < len(features)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_another_seed_draws_other_clips(features, sampling):
    first, second = (make_sampler(sampling, features, 50, seed).batch(0) for seed in (1, 2))
    assert not np.array_equal(first, second)


def test_balanced_draws_every_class_equally_often_and_its_clips_in_turn(features):
    counts = np.bincount(draws(features, "balanced", 4 * 162), minlength=112)
    assert counts[:81].tolist() == [2] * 81
    assert set(counts[81:97]) == {10, 11} and counts[81:97].sum() == 162
    assert set(counts[97:101]) == {40, 41} and counts[97:101].sum() == 162
    assert counts[101] == 162
    assert not counts[102:].any()


def test_square_root_draws_classes_by_the_roots_of_their_clips(features):
    """Roots 9, 4, 2 and 1: sixteen draws a round."""
    counts = np.bincount(draws(features, "square_root", 16 * 9), minlength=112)
    of_class = [part.sum() for part in np.split(counts, [81, 97, 101, 102])]
    assert of_class == [81, 36, 18, 9, 0]
    assert set(counts[:81]) == {1}
    assert set(counts[81:97]) == {2, 3}


def test_plain_draws_every_clip_once_an_epoch_in_a_new_order(features):
    first, second = np.split(draws(features, "plain", 2 * 112), 2)
    assert sorted(first) == sorted(second) == list(range(112))
    assert not np.array_equal(first, second)


@given(targets=st.integers(0, 2**31), at=st.integers(0, 50))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_balanced_visits_every_class_once_a_round_whatever_the_labels(tmp_path, targets, at):
    labels = np.random.default_rng(targets).random((30, 6)) < 0.3
    present = np.flatnonzero(labels.any(axis=0))
    sampler = make_sampler("balanced", features_of(labels, tmp_path), len(present), seed=0)
    clips = sampler.batch(at)
    # Each clip of a round is drawn for another class: some assignment has to exist.
    assert _has_assignment(labels[clips][:, present])


def _has_assignment(has_class: np.ndarray) -> bool:
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(~has_class)
    return bool(has_class[rows, columns].all())
