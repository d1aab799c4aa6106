"""Mixtures: every frame is what a clip computed by itself gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.locate.mixture import smoothed, standardised


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
