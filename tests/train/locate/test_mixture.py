"""Mixtures: chosen on clips on which they are not judged."""

import numpy as np

from train.locate.mixture import cross_chosen


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
