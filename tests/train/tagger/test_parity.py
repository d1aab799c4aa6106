"""Training and sampling equal the reference's, as it runs now and as it once ran (parity.npz)."""

import h5py
import numpy as np
import pytest
import torch

from tests.train.tagger.parity import (
    MOVED_BY_ROUNDING,
    POOLINGS,
    Problem,
    Trained,
    in_float64,
    labels_to_sample,
    recorded,
    train_ours,
)
from tests.train.tagger.reference_code import sampled_by_reference, train_reference
from train.data.features import FeatureSet, load_features
from train.tagger.sampling import make_sampler

SOURCES = ["recorded", pytest.param("run", marks=pytest.mark.reference)]
DRAWS, BATCH_SIZE = 100_000, 95  # of 100 classes: like 500 of 527


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_fifty_batches_make_the_reference_s_losses_and_weights(request, source, dtype, pooling):
    problem = Problem(dtype=dtype)
    if source == "run":
        expected = train_reference(request.getfixturevalue("reference"), pooling, problem)
    else:
        expected = Trained.from_record(pooling)
    ours = train_ours(pooling, problem)
    assert np.abs(ours.losses - expected.losses).max() < 1e-5
    assert ours.weights.keys() == expected.weights.keys()
    ignored = MOVED_BY_ROUNDING if dtype == torch.float32 else set()
    errors = {
        name: np.abs(value - expected.weights[name]).max()
        for name, value in ours.weights.items()
        if name not in ignored
    }
    assert max(errors.values()) < 1e-5, errors


@pytest.mark.reference
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_record_is_what_the_reference_computes(reference, pooling):
    now = train_reference(reference, pooling, in_float64(Problem())).arrays(pooling)
    then = recorded(pooling)
    assert {f"{pooling}/{name}" for name in then} == now.keys()
    assert all(np.abs(now[f"{pooling}/{name}"] - then[name]).max() < 1e-6 for name in then)


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> FeatureSet:
    path = tmp_path_factory.mktemp("sampling") / "own.h5"
    with h5py.File(path, "w") as file:
        file["y"] = labels_to_sample()
        file["x"] = np.ones((6000, 1, 128), np.uint8)
        file["video_id_list"] = np.arange(6000).astype("S")
        file["labels"] = np.arange(100).astype("S")
    return load_features(path)


@pytest.mark.parametrize("source", SOURCES)
def test_balanced_sampling_draws_clips_and_labels_as_often_as_the_reference(
    request, source, features
):
    """Seeds can't be shared: the reference shuffles one list again and again, which would have to
    be replayed from the start for a run to be resumed."""
    labels = labels_to_sample()
    if source == "run":
        folder = request.getfixturevalue("reference")
        expected = sampled_by_reference(folder, labels, BATCH_SIZE, DRAWS)
    else:
        expected = recorded("sampler")["draws"].astype(int)
    sampler = make_sampler("balanced", features, BATCH_SIZE, seed=1)
    drawn = np.concatenate([sampler.batch(i) for i in range(DRAWS // BATCH_SIZE)])
    draws = np.bincount(drawn, minlength=len(labels))
    # A clip comes once a lap through each of its classes, and laps end at different draws. The
    # reference loses a draw where a batch takes two clips of a class that has one left in its lap.
    assert (np.abs(draws - expected) <= 2 * labels.sum(axis=1)).all()
    of_class, expected_of_class = draws @ labels, expected @ labels
    assert np.abs(of_class / expected_of_class - 1).max() < 0.015
    assert np.abs(len(drawn) / expected.sum() - 1) < 0.005
