"""VGGish's PCA: its file, and the quantisation of what it gives."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audioset_demo.embeddings.frames import quantise
from audioset_demo.encoders.vggish.pca import load_pca
from audioset_demo.errors import WeightsError


def assert_quantises_to_the_last_level(path):
    """Against one frame and one number after the other, in float64."""
    parameters = np.load(path)
    means = parameters["pca_means"].astype(np.float64)
    embedding = (means + np.random.default_rng(1).normal(0, 0.4, (50, 128))).astype(np.float32)
    pca = load_pca(path)
    for frame, row in zip(embedding, quantise(pca.project(embedding)), strict=True):
        value = [math.fsum(line * (frame - means)) for line in parameters["pca_eigen_vectors"]]
        assert row.tolist() == [int((min(max(v, -2), 2) + 2) * 63.75) for v in value]
    assert quantise(pca.project(means[None])).tolist() == [[127] * 128]


def test_a_pca_file_of_the_released_form_quantises_to_the_last_level(tmp_path):
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(128, 128)))[0]
    scales = np.geomspace(0.5, 45, 128)  # as in the released file
    np.savez(
        tmp_path / "pca.npz",
        pca_eigen_vectors=directions * scales[:, None],
        pca_means=rng.normal(-0.16, 0.28, 128),
    )
    assert_quantises_to_the_last_level(tmp_path / "pca.npz")


@pytest.mark.data
def test_the_real_pca_file_quantises_to_the_last_level(shared_data):
    assert_quantises_to_the_last_level(shared_data / "vggish/vggish_pca_params.npz")


@pytest.mark.weights
def test_the_installed_pca_file_quantises_to_the_last_level(released_weights):
    assert_quantises_to_the_last_level(released_weights[1])


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.float32, (3, 128), elements=st.floats(-5, 5, width=32)))
def test_quantisation_truncates_and_loses_less_than_one_level(pca):
    levels = quantise(pca)
    assert levels.dtype == np.uint8
    below = np.clip(pca, -2, 2) - (levels / 63.75 - 2)
    assert below.min() >= -1e-6
    assert below.max() < 1 / 63.75 + 1e-6


def test_quantisation_ends():
    assert quantise(np.array([-9.0, -2.0, 0.0, 1.9999, 2.0, 9.0])).tolist() == [
        0, 0, 127, 254, 255, 255,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"pca_means": np.zeros(128)},
        {"pca_means": np.zeros(64), "pca_eigen_vectors": np.eye(128)},
        {"pca_means": np.full(128, np.nan), "pca_eigen_vectors": np.eye(128)},
        {"pca_means": np.zeros(128), "pca_eigen_vectors": np.array([{}])},
    ],
    ids=["empty", "one missing", "shape", "nan", "pickled"],
)
def test_a_wrong_pca_file_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "pca.npz", **arrays)
    with pytest.raises(WeightsError, match="not a VGGish PCA file"):
        load_pca(tmp_path / "pca.npz")
