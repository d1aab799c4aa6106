"""Mixtures: every frame is what a clip computed by itself gives."""

import numpy as np
import pytest

from train.locate.mixture import cross_chosen, standardised


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


def test_signals_of_a_clip_are_chosen_without_it():
    """Each half likes its own signals: a choice that saw the clips it is used on would show."""
    half = np.array([True, True, False])
    signals = [np.full((3, 1, 1), value, np.float32) for value in (1, 10, 100, 1000)]
    worth = {1: (3, 0), 10: (2, 0), 100: (0, 5), 1000: (-1, -1)}  # on each half

    def auc(signal, clips):
        digits = [value for value in worth if signal[0, 0, 0] // value % 10]
        return sum(worth[value][0 if clips[0] else 1] for value in digits)

    mixture, choices = cross_chosen(signals, half, auc)
    assert choices == [[0, 1], [2]]
    assert mixture.ravel().tolist() == [100, 100, 11]
