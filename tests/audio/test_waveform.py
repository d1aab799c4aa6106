"""Cutting and resampling a waveform: exact where it can be, and clear words where it cannot."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audioset_demo.audio.waveform import Waveform, resample, wav_bytes
from audioset_demo.errors import AudioError
from tests.sounds import sine


@given(
    samples=hnp.arrays(np.int16, st.integers(1, 400)),
    sample_rate=st.sampled_from([8_000, 16_000, 44_100]),
    ends=st.tuples(st.integers(0, 400), st.integers(0, 400)),
)
def test_a_slice_is_exact_to_the_sample(samples, sample_rate, ends):
    start, end = sorted(min(end, len(samples)) for end in ends)
    waveform = Waveform((samples / 32768).astype(np.float32), sample_rate, "clip")
    if start == end:
        with pytest.raises(AudioError, match="no sound"):
            wav_bytes(waveform, start / sample_rate, end / sample_rate)
        return
    data = wav_bytes(waveform, start / sample_rate, end / sample_rate)
    decoded, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    assert rate == sample_rate
    np.testing.assert_array_equal(decoded, samples[start:end])


def test_playback_is_clipped_never_wrapped_nor_normalised():
    loud_and_quiet = np.array([1.5, 1.0, -1.0, -3.0, 0.001], dtype=np.float32)
    data = wav_bytes(Waveform(loud_and_quiet, 16_000, "clip"))
    decoded, _ = soundfile.read(io.BytesIO(data), dtype="int16")
    assert decoded.tolist() == [32767, 32767, -32768, -32768, 33]


def test_resampling_keeps_a_tone_and_passes_an_equal_rate_on():
    waveform = Waveform(sine(1000, 44_100, 1.0).astype(np.float32), 44_100, "clip")
    at_16k = resample(waveform, 16_000)
    inner = slice(800, -800)  # the filter rings at both ends
    np.testing.assert_allclose(at_16k.samples[inner], sine(1000, 16_000, 1.0)[inner], atol=1e-3)
    assert resample(at_16k, 16_000) is at_16k


@given(n=st.integers(1, 50), rates=st.tuples(*[st.integers(1_000, 768_000)] * 2))
def test_no_sound_is_resampled_to_nothing(n, rates):
    resampled = resample(Waveform(np.ones(n, np.float32), rates[0], "clip"), rates[1])
    assert abs(len(resampled.samples) - n * rates[1] / rates[0]) <= 1


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (np.zeros((2, 100), np.float32), r"\(2, 100\)"),
        (np.zeros(100, np.int16), "int16"),
        (np.zeros(0, np.float32), "no samples"),
        (np.full(5, np.nan, np.float32), "NaN"),
    ],
)
def test_a_waveform_is_mono_float_and_finite(samples, says):
    with pytest.raises(AudioError, match=says):
        Waveform(samples, 16_000, "clip")
