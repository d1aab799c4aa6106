"""Every frame is what a clip computed by itself gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_demo.models.combined import combined, smoothed, standardised


@settings(max_examples=20)
@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=6), st.integers(0, 2))
def test_a_frame_is_mixed_with_its_neighbours_alone(values, missing):
    clip = np.array(values + [np.nan] * missing, np.float32)[None, :, None]
    found = smoothed(clip)[0, :, 0]
    for t, value in enumerate(values):
        before, after = values[max(t - 1, 0)], values[min(t + 1, len(values) - 1)]
        assert found[t] == pytest.approx(0.6 * value + 0.2 * (before + after), abs=1e-5)
    assert np.isnan(found[len(values) :]).all()


def test_each_clip_and_class_is_standardised_by_itself():
    clips = np.random.default_rng(0).normal(3, 5, (4, 6, 2)).astype(np.float32)
    clips[0, 2:] = np.nan
    clips[1, :, 0] = 7
    found = standardised(clips)
    for n, c in np.ndindex(4, 2):
        real = clips[n, ~np.isnan(clips[n, :, c]), c]
        expected = (real - real.mean()) / (real.std() or 1)
        assert found[n, : len(real), c] == pytest.approx(expected, abs=1e-5)
        assert np.isnan(found[n, len(real) :, c]).all()


def test_clips_together_are_as_each_alone_and_a_class_that_is_not_heard_is_zero():
    rng = np.random.default_rng(1)
    frame_scores, contributions = rng.random((2, 3, 5, 4), np.float32)
    scores = np.array([[0, 0.2, 0.5, 1]] * 3, np.float32)
    together = combined(scores, frame_scores, contributions)
    for n in range(3):
        alone = combined(scores[n], frame_scores[n], contributions[n])
        assert np.array_equal(together[n], alone) and not alone[:, 0].any()
    assert np.allclose(
        together[..., 1], 0.2 * combined(1 + 0 * scores, frame_scores, contributions)[..., 1]
    )
