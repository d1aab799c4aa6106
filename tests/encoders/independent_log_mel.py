"""VGGish's log-mel from its definition, without any of our code: slow, plain, in float64."""

import math

import numpy as np

RATE = 16_000


def independent_log_mel(samples):
    """(n,) to (frames, 64) in float64: a plain DFT, and one band after the other."""
    bins = np.arange(257)
    dft = np.exp(-2j * np.pi * np.outer(np.arange(400), bins) / 512)
    hann = np.array([0.5 - 0.5 * math.cos(2 * math.pi * i / 400) for i in range(400)])

    def mel(hz):
        return 1127.0 * np.log(1.0 + hz / 700.0)

    edges = np.linspace(mel(125.0), mel(7500.0), 66)
    at_bins = mel(bins * RATE / 512)
    starts = range(0, len(samples) - 399, 160)
    frames = np.array([samples[s : s + 400] for s in starts], np.float64)
    magnitudes = np.abs((frames * hann) @ dft)
    bands = []
    for low, mid, high in zip(edges, edges[1:], edges[2:], strict=False):
        up, down = (at_bins - low) / (mid - low), (high - at_bins) / (high - mid)
        triangle = np.clip(np.minimum(up, down), 0, None)
        triangle[0] = 0
        bands.append(magnitudes @ triangle)
    return np.log(np.stack(bands, axis=1) + 0.01)
