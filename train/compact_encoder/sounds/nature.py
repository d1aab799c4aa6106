"""Imitations of weather, water and fire: droplets, swells and crackles of filtered noise."""

from __future__ import annotations

import numpy as np

from train.compact_encoder.sounds.synthetic import (
    TIME_S,
    N,
    band_noise,
    coloured_noise,
    hits,
    low_pass,
    normalised,
    resonate,
    ring,
    wander,
)


def _drops(rng: np.random.Generator, count: int) -> np.ndarray:
    """Impulses of a shot noise: levels are far apart, as sizes of drops are."""
    out = np.zeros(N)
    np.add.at(out, rng.integers(0, N, count), rng.normal(size=count) * rng.pareto(2.0, count))
    return out


def _bubbles(
    rng: np.random.Generator, times_s: np.ndarray, low_hz: float, high_hz: float
) -> np.ndarray:
    """Water that closes over air: bubbles of ten sizes, the smaller the shorter they ring."""
    size = rng.integers(10, size=len(times_s))
    out = np.zeros(N)
    for each in np.unique(size):
        hz = np.array([low_hz * (high_hz / low_hz) ** rng.random()])
        at_s = times_s[size == each]
        out += ring(at_s, rng.uniform(0.1, 1, len(at_s)), hz, np.ones(1), rng.uniform(3, 12) / hz)
    return out


def rain(rng: np.random.Generator) -> np.ndarray:
    """Thousands of drops over a hiss."""
    drops = low_pass(_drops(rng, int(10 ** rng.uniform(2.5, 4))), rng.uniform(3_000, 8_000))
    hiss = band_noise(rng, rng.uniform(200, 1_500), rng.uniform(5_000, 8_000))
    return rng.uniform(0.1, 0.8) * normalised(drops) + rng.uniform(0.3, 1) * hiss


def rain_on_surface(rng: np.random.Generator) -> np.ndarray:
    """Drops that make a roof or a window ring."""
    drops = _drops(rng, int(10 ** rng.uniform(2.3, 3.8)))
    out = rng.uniform(0.1, 0.5) * coloured_noise(rng, rng.uniform(0, 0.4))
    for _ in range(3):
        hz = 10 ** rng.uniform(2.3, 3.6)
        out += normalised(resonate(drops, hz, hz * rng.uniform(0.5, 1.5))) * rng.uniform(0.2, 1)
    return out


def drips(rng: np.random.Generator) -> np.ndarray:
    """Single drops into water, each a tap and a bubble or two."""
    times_s = rng.uniform(0, 0.9, rng.integers(1, 7))
    bubbles_s = np.append(times_s, times_s + rng.uniform(0.01, 0.05))
    taps = hits(times_s, 0.3, 1e-3) * band_noise(rng, 1_000, 7_000)
    return _bubbles(rng, bubbles_s, rng.uniform(400, 900), rng.uniform(1_000, 3_000)) + taps


def stream(rng: np.random.Generator) -> np.ndarray:
    """Hundreds of bubbles over a faint rush of water."""
    times_s = rng.uniform(-0.02, 0.95, int(10 ** rng.uniform(2, 3)))
    bubbles = _bubbles(rng, times_s, rng.uniform(300, 700), rng.uniform(1_500, 4_000))
    rush = band_noise(rng, 400, rng.uniform(2_000, 6_000))
    return normalised(bubbles) + rng.uniform(0.3, 1.2) * rush


def waterfall(rng: np.random.Generator) -> np.ndarray:
    """Steady broad noise, heavier below."""
    fall = coloured_noise(rng, rng.uniform(0.2, 0.7))
    spray = band_noise(rng, rng.uniform(300, 1_000), rng.uniform(4_000, 8_000))
    return fall + rng.uniform(0.2, 1) * spray * (1 + wander(rng, 8, 0.2))


def waves(rng: np.random.Generator) -> np.ndarray:
    """Surf: a swell of several seconds, of which foam hisses at the height."""
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * (TIME_S / rng.uniform(3, 9) + rng.uniform(0, 1)))
    roar = band_noise(rng, rng.uniform(60, 200), rng.uniform(500, 1_500))
    foam = band_noise(rng, rng.uniform(800, 2_000), 7_000)
    return roar * (0.3 + swell) + rng.uniform(0.1, 0.7) * foam * swell**2


def wind(rng: np.random.Generator) -> np.ndarray:
    """Gusts: bands of noise whose levels wander, and a howl where a gap whistles."""
    gust = coloured_noise(rng, rng.uniform(0.7, 1.2)) * 10 ** wander(rng, 2, rng.uniform(0.05, 0.3))
    low_hz = rng.uniform(150, 500)
    air = band_noise(rng, low_hz, low_hz * rng.uniform(1.5, 4)) * 10 ** wander(rng, 2, 0.3)
    hz = rng.uniform(300, 1_000)
    howl = band_noise(rng, hz * 0.95, hz * 1.05) * 10 ** wander(rng, 2, 0.4)
    return gust + rng.uniform(0.2, 1) * air + rng.uniform(0, 0.4) * howl


def thunder(rng: np.random.Generator) -> np.ndarray:
    """Claps that tear for a while, and the rumble that they leave."""
    claps_s = rng.uniform(-0.6, 0.5) + np.sort(rng.exponential(0.12, 10))
    levels = rng.uniform(0.1, 1, 10)
    claps = hits(claps_s, levels, rng.uniform(0.03, 0.25), 5e-3) * coloured_noise(rng, 0.6)
    rumble = low_pass(coloured_noise(rng, 0.7), rng.uniform(100, 300))
    rumble = normalised(rumble) * (0.2 + hits(claps_s, levels, 0.6, 0.05))
    return rng.uniform(0, 1) * normalised(claps) + normalised(rumble)


def fire(rng: np.random.Generator) -> np.ndarray:
    """Snaps of very different strength over the low rush of flames."""
    count = int(10 ** rng.uniform(1.3, 2.5))
    times_s, levels = rng.uniform(-0.05, 0.97, count), rng.lognormal(0, 1, count)
    snaps = hits(times_s, levels, rng.uniform(5e-4, 4e-3)) * coloured_noise(rng, 0.1)
    rush = band_noise(rng, 40, rng.uniform(200, 900)) * 10 ** wander(rng, 8, 0.3)
    return normalised(snaps) + rng.uniform(0.03, 0.4) * rush
