"""Pictures of a sound, collected while it is read: every peak is kept, in little memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.audio.decoding import open_sound
from audioset_demo.audio.waveform import read_waveform
from audioset_demo.charts.overview import COLUMNS, Maxima, draw
from audioset_demo.encoders.logmel import log_mel
from tests.sounds import file_of, white_noise


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(1, 12))
def test_maxima_do_not_depend_on_how_rows_are_added(blocks, n):
    rows = np.random.default_rng(0).normal(size=(sum(blocks), 3)).astype(np.float32)
    maxima = Maxima(3, n)
    for block in np.split(rows, np.cumsum(blocks)[:-1]):
        maxima.add(block)
        assert len(maxima.rows()) <= 2 * n + 1
    held = maxima.rows()
    if len(rows) <= 2 * n:
        np.testing.assert_array_equal(held, rows)
        return
    assert len(held) >= n
    k = next(2**i for i in range(1, 20) if -(-len(rows) // 2**i) <= len(held))
    parts = [rows[start : start + k].max(axis=0) for start in range(0, len(rows), k)]
    np.testing.assert_array_equal(held, parts)


def test_a_short_sound_is_drawn_sample_by_sample():
    waveform = white_noise(0.3)
    drawn = draw(waveform)
    np.testing.assert_array_equal(drawn.high, waveform.samples)
    np.testing.assert_array_equal(drawn.low, waveform.samples)
    np.testing.assert_allclose(drawn.log_mel, log_mel(waveform.samples), atol=1e-6)
    assert drawn.duration_s == pytest.approx(0.3)


def test_a_click_in_a_long_sound_stays_visible():
    waveform = white_noise(600, 8_000)
    waveform.samples[1_234_567] = 0.99
    drawn = draw(waveform)
    assert COLUMNS <= len(drawn.high) <= 2 * COLUMNS and len(drawn.log_mel) >= COLUMNS
    place = int(np.argmax(drawn.high))
    assert drawn.high[place] == np.float32(0.99)
    assert place / len(drawn.high) == pytest.approx(1_234_567 / len(waveform.samples), abs=1e-3)


def test_a_file_is_drawn_as_its_waveform_with_progress():
    data = file_of(white_noise(3, 44_100), "FLAC")
    reports = []
    with open_sound(data, "noise.flac") as sound:
        drawn = draw(sound, lambda done_s, total_s: reports.append((done_s, total_s)))
    whole = draw(read_waveform(data))
    np.testing.assert_array_equal(drawn.high, whole.high)
    np.testing.assert_array_equal(drawn.log_mel, whole.log_mel)
    assert reports == sorted(reports) and reports[-1] == (3.0, 3.0)


def test_a_sound_below_one_spectrogram_frame_has_none():
    assert draw(white_noise(0)).log_mel is None
