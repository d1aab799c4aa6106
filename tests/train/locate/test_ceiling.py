"""The ceiling learns what can be learnt, and never from the clips on which it is judged."""

import numpy as np
import torch

from train.locate.ceiling import cross_fitted
from train.locate.metrics import within_clip_auc

N, T, D = 120, 5, 40


def mean_auc(frames: np.ndarray, inside: np.ndarray, real: np.ndarray, half: np.ndarray) -> float:
    logits = cross_fitted(torch.from_numpy(frames[real]).float(), real, inside, half, epochs=60)
    assert (np.isnan(logits[..., 0]) == ~real).all()
    return float(np.nanmean(within_clip_auc(logits, inside, real[..., None] & ~inside)))


def test_frames_that_show_the_class_are_told_apart_and_noise_is_not():
    rng = np.random.default_rng(0)
    real = np.arange(T) < rng.integers(2, T + 1, (N, 1))
    inside = (rng.random((N, T, 1)) < 0.5) & real[..., None]
    half = rng.random(N) < 0.5
    noise = rng.normal(size=(N, T, D))
    assert mean_auc(noise + inside, inside, real, half) > 0.95
    # With as many numbers as these, what was trained on would be known by heart.
    assert abs(mean_auc(noise, inside, real, half) - 0.5) < 0.06


def test_both_halves_are_judged_by_the_other():
    """Labels that are the other way round in one half: each is judged by the wrong rule."""
    rng = np.random.default_rng(0)
    real = np.ones((N, T), bool)
    inside = rng.random((N, T, 1)) < 0.5
    half = np.arange(N) % 2 == 0
    sign = np.where(half[:, None, None], 1, -1) * (2 * inside - 1)
    assert mean_auc(sign + rng.normal(size=(N, T, D)) / 10, inside, real, half) < 0.05
