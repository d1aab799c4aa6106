"""Where frames lie among the classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audioset_demo.embeddings.class_space import class_space
from audioset_demo.labels import audioset_labels

frames = st.integers(1, 6).flatmap(
    lambda n: arrays(np.uint8, (n, 128), elements=st.integers(0, 255), fill=st.just(128))
)


def test_plane_holds_the_most_variance_that_a_plane_can():
    space = class_space()
    spread = np.linalg.eigvalsh(np.cov(space.centroids.T.astype(np.float64)))[::-1]
    np.testing.assert_allclose(space.explained, spread[:2] / spread.sum(), rtol=1e-9)
    np.testing.assert_allclose(space.axes @ space.axes.T, np.eye(2), atol=1e-9)


def test_mean_of_the_centroids_is_the_origin_of_the_plane():
    space = class_space()
    np.testing.assert_allclose(space.project(space.centroids).mean(axis=0), 0, atol=1e-3)


def test_every_centroid_is_nearest_to_its_own_class():
    space = class_space()
    nearest = space.similarity(space.centroids).argmax(axis=1)
    assert (nearest == np.arange(len(audioset_labels()))).all()


@pytest.mark.parametrize(("name", "related"), [("Cat", "Meow"), ("Siren", "Police car (siren)")])
def test_a_related_class_is_among_the_nearest(name, related):
    names = [label.name for label in audioset_labels()]
    space = class_space()
    similarity = space.similarity(space.centroids[[names.index(name)]])[0]
    assert names.index(related) in np.argsort(-similarity)[1:6]


@given(frames)
def test_distances_in_the_plane_never_exceed_the_true_ones(frames):
    points = class_space().project(frames)
    for k in range(len(frames)):
        true = np.linalg.norm(frames.astype(float) - frames[k], axis=1)
        assert (np.linalg.norm(points - points[k], axis=1) <= true + 1e-6).all()


@given(frames)
def test_cosine_is_symmetric_and_highest_of_a_frame_with_itself(frames):
    similarity = class_space().cosine(frames, frames)
    np.testing.assert_allclose(np.diag(similarity), 1, atol=1e-9)
    np.testing.assert_allclose(similarity, similarity.T, atol=1e-12)
    assert np.abs(similarity).max() <= 1 + 1e-9


def test_a_frame_at_the_origin_has_similarity_zero_with_every_class():
    space = class_space()
    assert (space.similarity(space.origin[None]) == 0).all()
