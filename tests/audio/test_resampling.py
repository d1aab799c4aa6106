"""Resampling block by block: as in one piece, by either resampler, in memory that does not grow."""

import itertools
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_demo.audio.resampling import RESAMPLERS, resampled
from audioset_demo.errors import AudioSetDemoError

RATE = 16_000
RATES = [1_000, 8_000, 11_025, 22_050, 44_100, 44_101, 48_000, 96_000, 192_000]


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(n).uniform(-1, 1, n).astype(np.float32)


@pytest.fixture(scope="module")
def resampy():
    return pytest.importorskip("resampy", reason="needs resampy: pip install resampy")


def joined(blocks, rate: int, resampler: str) -> np.ndarray:
    return np.concatenate(list(resampled(blocks, rate, RATE, resampler)))


@settings(max_examples=30)
@given(
    n=st.integers(1, 300_000),
    rate=st.sampled_from(RATES),
    cuts=st.lists(st.floats(0, 1), max_size=5),
)
def test_resampy_in_blocks_is_resampy_of_the_whole_sound(resampy, n, rate, cuts):
    samples = noise(n)
    blocks = np.split(samples, sorted(round(cut * n) for cut in cuts))
    found = joined(blocks, rate, "resampy")
    if n * RATE < rate:  # resampy refuses less than one sample
        assert len(found) == 1
        return
    # As `vggish_input.waveform_to_examples` of Google's front end calls it.
    whole = samples if rate == RATE else resampy.resample(samples.astype(float), rate, RATE)
    assert found.dtype == np.float32 and len(found) == len(whole)
    assert np.abs(found - whole).max() <= 1e-6


@pytest.mark.parametrize("resampler", RESAMPLERS)
def test_a_long_sound_is_resampled_in_the_memory_of_a_short_one(resampy, resampler):
    second = noise(44_100)

    def peak(seconds: int) -> int:
        tracemalloc.start()
        try:
            for _ in resampled(itertools.repeat(second, seconds), 44_100, RATE, resampler):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # filters are made once
    assert peak(200) < 1.1 * peak(10) + 2**14


def test_the_rate_that_is_there_is_left_alone(resampy):
    samples = noise(100)
    for resampler in RESAMPLERS:
        assert np.array_equal(joined([samples[:30], samples[30:]], RATE, resampler), samples)


def test_a_resampler_that_is_not_there_is_refused_with_the_remedy(monkeypatch):
    with pytest.raises(AudioSetDemoError, match="'sinc'.* soxr, resampy"):
        resampled([noise(10)], 8_000, RATE, "sinc")
    monkeypatch.setitem(sys.modules, "resampy", None)
    with pytest.raises(AudioSetDemoError, match="pip install .resampy>="):
        resampled([noise(10)], 8_000, RATE, "resampy")
