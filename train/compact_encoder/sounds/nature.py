"""Imitations of weather, water and fire: droplets, swells and crackles of filtered noise."""

from __future__ import annotations

import numpy as np

from train.compact_encoder.sounds.synthetic import (
    SAMPLE_RATE,
    TIME_S,
    N,
    band_noise,
    coloured_noise,
    hits,
    low_pass,
    normalised,
    resonate,
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
    """Water that closes over air: sines that rise as they decay (van den Doel, 2005)."""
    out = np.zeros(N)
    for start_s in times_s:
        hz = low_hz * (high_hz / low_hz) ** rng.random()
        decay = 0.13 * hz / 10 + rng.uniform(5, 40)
        first = int(max(0.0, start_s) * SAMPLE_RATE)
        age = TIME_S[: min(N - first, int(5 / decay * SAMPLE_RATE))]
        phase = 2 * np.pi * hz * age * (1 + 0.5 * rng.uniform(0, 0.2) * decay * age)
        out[first : first + len(age)] += rng.uniform(0.1, 1) * np.sin(phase) * np.exp(-decay * age)
    return out


def rain(rng: np.random.Generator) -> np.ndarray:
    """Thousands of drops over a hiss."""
    drops = low_pass(_drops(rng, int(10 ** rng.uniform(2.5, 4))), rng.uniform(3_000, 8_000))
    hiss = band_noise(rng, rng.uniform(200, 1_500), rng.uniform(5_000, 8_000))
    return rng.uniform(0.1, 0.8) * normalised(drops) + rng.uniform(0.3, 1) * hiss


def rain_on_surface(rng: np.random.Generator) -> np.ndarray:
    """Drops that make a roof or a window ring."""
    drops = _drops(rng, int(10 ** rng.uniform(1.7, 3.3)))
    out = rng.uniform(0.02, 0.2) * coloured_noise(rng, rng.uniform(0.1, 0.6))
    for _ in range(3):
        hz = 10 ** rng.uniform(2.3, 3.6)
        out += normalised(resonate(drops, hz, hz * rng.uniform(0.2, 1))) * rng.uniform(0.2, 1)
    return out


def drips(rng: np.random.Generator) -> np.ndarray:
    """Single drops into water, each a tap and a bubble or two."""
    times_s = rng.uniform(0, 0.9, rng.integers(1, 7))
    bubbles_s = np.append(times_s, times_s + rng.uniform(0.01, 0.05))
    taps = hits(times_s, 0.3, 1e-3) * band_noise(rng, 1_000, 7_000)
    return _bubbles(rng, bubbles_s, rng.uniform(400, 900), rng.uniform(1_000, 3_000)) + taps


def stream(rng: np.random.Generator) -> np.ndarray:
    """Hundreds of bubbles over a faint rush of water."""
    times_s = rng.uniform(-0.02, 0.95, int(10 ** rng.uniform(1.5, 2.3)))
    bubbles = _bubbles(rng, times_s, rng.uniform(300, 700), rng.uniform(1_500, 4_000))
    rush = band_noise(rng, 400, rng.uniform(2_000, 6_000))
    return normalised(bubbles) + rng.uniform(0.05, 0.6) * rush


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
    out = band_noise(rng, rng.uniform(20, 120), rng.uniform(200, 700)) * 10 ** wander(rng, 3, 0.5)
    centre = rng.uniform(300, 900)
    for ratio in 2 ** rng.uniform(-0.8, 0.8, 3):
        band = band_noise(rng, centre * ratio * 0.9, centre * ratio * 1.1)
        out += rng.uniform(0, 0.8) * band * 10 ** wander(rng, 3, 0.7)
    return out


def thunder(rng: np.random.Generator) -> np.ndarray:
    """A crack, if it is near, and a rumble of many delayed claps."""
    claps_s = rng.uniform(-0.8, 0.9, 12)
    rumble = band_noise(rng, 25, rng.uniform(90, 400))
    out = rumble * (0.1 + hits(claps_s, rng.uniform(0.1, 1, 12), rng.uniform(0.15, 0.6), 0.02))
    if rng.random() < 0.4:
        crack_s = rng.uniform(-0.1, 0.5) + np.sort(rng.exponential(0.03, 8))
        crack = hits(crack_s, rng.uniform(0.2, 1, 8), rng.uniform(0.01, 0.08))
        out = normalised(out) + crack * coloured_noise(rng, rng.uniform(0.2, 0.6))
    return out


def fire(rng: np.random.Generator) -> np.ndarray:
    """Snaps of very different strength over the low rush of flames."""
    count = int(10 ** rng.uniform(0.8, 2.2))
    times_s, levels = rng.uniform(-0.05, 0.97, count), rng.pareto(1.5, count)
    snaps = hits(times_s, levels, rng.uniform(5e-4, 4e-3)) * coloured_noise(rng, 0.1)
    rush = band_noise(rng, 40, rng.uniform(200, 900)) * 10 ** wander(rng, 8, 0.3)
    return normalised(snaps) + rng.uniform(0.03, 0.4) * rush


def splash(rng: np.random.Generator) -> np.ndarray:
    """A slap of water, spray that falls back, and bubbles."""
    start_s = rng.uniform(-0.1, 0.4)
    slap = hits(np.array([start_s]), 1.0, rng.uniform(0.05, 0.3), rng.uniform(0.002, 0.03))
    drops = normalised(low_pass(_drops(rng, 2_000), 5_000)) * slap
    bubbles_s = start_s + rng.exponential(0.2, 30)
    bubbles = _bubbles(rng, bubbles_s[bubbles_s < 0.9], 300, 2_000)
    return slap * coloured_noise(rng, rng.uniform(0.2, 0.6)) + drops + 0.2 * bubbles
