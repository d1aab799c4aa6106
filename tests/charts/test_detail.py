"""A closer look at a long sound: the rows of the sound itself, whatever the part."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.charts.detail import MAX_COLUMNS, WAVE_S, Detail, part_of
from audioset_demo.encoders.logmel import log_mel
from audioset_demo.encoders.streaming import listen
from tests.sounds import white_noise

SECONDS = 60
SOUND = white_noise(SECONDS, 16_000)


@pytest.fixture(scope="module")
def detailed():
    detail = Detail(SOUND.sample_rate)
    listen(SOUND, [detail])
    return detail.sound()


@pytest.fixture(scope="module")
def rows():
    return log_mel(SOUND.samples)


@given(ends=st.tuples(st.floats(0, SECONDS), st.floats(0, SECONDS)).map(sorted))
def test_each_column_holds_the_peak_of_what_lies_below_it(detailed, rows, ends):
    part = part_of(detailed, *ends)
    assert len(part.wave) <= MAX_COLUMNS and len(part.log_mel) <= MAX_COLUMNS
    assert part.wave_from_s <= ends[0] + 1e-9
    assert part.wave_to_s >= ends[1] - 1e-9
    for of, columns, first, last, per in (
        (SOUND.samples, part.wave[:, 1], part.wave_from_s, part.wave_to_s, 16_000),
        (rows[:, 7], part.log_mel[:, 7], part.first_row, part.last_row, 1),
    ):
        borders = np.rint(np.linspace(first * per, last * per, len(columns) + 1)).astype(int)
        peaks = [of[a:b].max() for a, b in zip(borders, borders[1:], strict=False)]
        np.testing.assert_allclose(columns, peaks, atol=0.021)


def test_a_close_look_is_as_fine_as_what_is_kept(detailed):
    part = part_of(detailed, 30, 31)
    assert len(part.log_mel) == 100 and len(part.wave) == round(1 / WAVE_S)
