import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.smoothing import smoothed


@settings(max_examples=20)
@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=6), st.integers(0, 2))
def test_a_frame_is_mixed_with_its_neighbours_alone(values, missing):
    clip = np.array(values + [np.nan] * missing, np.float32)[None, :, None]
    found = smoothed(clip)[0, :, 0]
    for t, value in enumerate(values):
        before, after = values[max(t - 1, 0)], values[min(t + 1, len(values) - 1)]
        assert found[t] == pytest.approx(0.6 * value + 0.2 * (before + after), abs=1e-5)
    assert np.isnan(found[len(values) :]).all()
