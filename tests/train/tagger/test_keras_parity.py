"""Keras models: scores and gradients are the reference's, as it runs now and as it once ran."""

import re

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs Keras: pip install 'audioset-demo[tensorflow]'")

from tests.train.tagger.keras_parity import Pass, keras_of_ours, keras_of_reference  # noqa: E402
from tests.train.tagger.parity import POOLINGS  # noqa: E402

# The terms of these gradients cancel: a BatchNorm follows that takes the bias out again, or a
# normalisation over time takes out what an attention bias adds to all frames alike.
CANCELLED = re.compile(r"trunk\.layers\.\d\.0\.bias|head\.transform\.bias|.*\.attend\.bias")


@pytest.mark.parametrize("source", ["recorded", pytest.param("run", marks=pytest.mark.reference)])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_scores_and_gradients_are_the_reference_s(request, source, pooling):
    if source == "run":
        expected = keras_of_reference(request.getfixturevalue("reference"), pooling)
    else:
        expected = Pass.from_record(f"keras/{pooling}")
    ours = keras_of_ours(pooling)
    assert np.abs(ours.scores - expected.scores).max() < 1e-5
    assert ours.gradients.keys() == expected.gradients.keys()
    largest = max(np.abs(gradient).max() for gradient in expected.gradients.values())
    for name, gradient in expected.gradients.items():
        scale = largest if CANCELLED.fullmatch(name) else np.abs(gradient).max()
        assert np.abs(ours.gradients[name] - gradient).max() < 1e-5 * scale, name
