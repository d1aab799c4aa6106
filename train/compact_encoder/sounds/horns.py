"""Horns, whistles, bells and sirens of vehicles, ships and streets."""

from __future__ import annotations

import numpy as np

from train.compact_encoder.sounds.synthetic import (
    TIME_S,
    band_noise,
    every,
    falling,
    hits,
    normalised,
    odd,
    ring,
    smooth,
    tone,
    wander,
    wave,
)

# A five-chime locomotive horn in Hz: D sharp minor sixth, the common chord of North America.
TRAIN_CHORD_HZ = (311.1, 370.0, 415.3, 493.9, 622.3)


def _blow(rng: np.random.Generator, shortest_s: float) -> np.ndarray:
    """One or more blasts of random length, the first of which has often begun already."""
    lengths_s = shortest_s * rng.uniform(1, 4, 24)
    first_s = rng.uniform(0.1, 1) * (0.5 + lengths_s[0]) - lengths_s[0]
    edges_s = first_s + np.append(0, np.cumsum(lengths_s))
    return smooth(np.searchsorted(edges_s, TIME_S) % 2 == 1)


def car_horn(rng: np.random.Generator) -> np.ndarray:
    """Two horns near 420 and 500 Hz with rich harmonics (UN Regulation 28), honked or held."""
    root = rng.normal(420, 40)
    levels = falling(16, rng.uniform(0.2, 1.0)) * rng.uniform(0.4, 1, 16)
    out = wave(root, levels)
    if rng.random() < 0.8:
        out = out + wave(root * rng.uniform(1.15, 1.28), levels)
    return out * _blow(rng, rng.uniform(0.1, 0.4))


def air_horn(rng: np.random.Generator) -> np.ndarray:
    """Two or three trumpets of a lorry, 150 to 400 Hz, driven hard."""
    root, levels = rng.uniform(150, 400), falling(30, rng.uniform(0.1, 0.7))
    rise = 1 - 0.08 * np.exp(-TIME_S / 0.05)
    ratios = [1, rng.choice([1.19, 1.26, 1.33]), 1.5][: rng.integers(1, 4)]
    out = np.sum([wave(root * ratio * rise, levels, rng.uniform(0, 6)) for ratio in ratios], axis=0)
    breath = 0.1 * band_noise(rng, 1_000, 6_000)
    return (normalised(np.tanh(2 * out)) + breath) * _blow(rng, rng.uniform(0.3, 0.9))


def train_horn(rng: np.random.Generator) -> np.ndarray:
    """Three to five chimes of a locomotive horn."""
    pitch = rng.normal(1, 0.04)
    levels = falling(16, rng.uniform(0.1, 0.7)) * rng.uniform(0.5, 1, 16)
    chimes = rng.permutation(TRAIN_CHORD_HZ)[: rng.integers(3, 6)]
    out = np.sum([wave(hz * pitch * rng.normal(1, 0.004), levels) for hz in chimes], axis=0)
    breath = rng.uniform(0.02, 0.2) * band_noise(rng, 500, 4_000)
    return (normalised(out) + breath) * _blow(rng, rng.uniform(0.4, 1.0))


def foghorn(rng: np.random.Generator) -> np.ndarray:
    """One long low tone: 70 to 350 Hz for ships of more than 75 m (COLREGs, annex III)."""
    hz = 70 * 5 ** rng.uniform(0, 1) * (1 - 0.05 * np.exp(-TIME_S / 0.2))
    out = normalised(wave(hz, falling(40, rng.uniform(0.2, 1)) * rng.uniform(0.3, 1, 40)))
    return (out + rng.uniform(0.02, 0.3) * band_noise(rng, 100, 1_500)) * _blow(
        rng, rng.uniform(0.6, 1.2)
    )


def steam_whistle(rng: np.random.Generator) -> np.ndarray:
    """Up to four chimes of 300 to 1,200 Hz that rise at first, in hissing steam."""
    root = rng.uniform(300, 900) * (1 - rng.uniform(0, 0.2) * np.exp(-TIME_S / 0.15))
    ratios = [1, 1.26, 1.5, 1.78][: rng.integers(1, 5)]
    levels = falling(5, rng.uniform(1, 2.5))
    out = normalised(np.sum([wave(root * ratio, levels) for ratio in ratios], axis=0))
    return (out + rng.uniform(0.1, 0.6) * band_noise(rng, 800, 7_000)) * _blow(rng, 0.5)


def pea_whistle(rng: np.random.Generator) -> np.ndarray:
    """A referee's whistle: two chambers of 2 to 4 kHz that a pea opens 20 to 50 times a second."""
    root, pea = rng.uniform(2_000, 4_000), tone(rng.uniform(20, 50), rng.uniform(0, 6))
    glide = 1 - 0.1 * np.exp(-TIME_S / 0.03) + 0.01 * pea
    out = tone(root * glide) + rng.uniform(0, 1) * tone(root * glide * rng.uniform(1.02, 1.08))
    out = out * (1 + rng.uniform(0.2, 0.8) * pea)
    breath = rng.uniform(0.05, 0.3) * band_noise(rng, 2_000, 7_000)
    return (normalised(out) + breath) * _blow(rng, rng.uniform(0.1, 0.5))


def bicycle_bell(rng: np.random.Generator) -> np.ndarray:
    """A thumb lever whirls clappers: some strokes in quick succession on a small bell."""
    flicks_s = rng.uniform(-0.2, 0.6) + np.arange(rng.integers(1, 3)) * rng.uniform(0.2, 0.4)
    blows_s = np.arange(rng.integers(3, 9)) * rng.uniform(0.02, 0.05)
    times_s = (flicks_s[:, None] + blows_s).ravel()
    partials_hz = rng.uniform(1_300, 2_800) * np.array([1, 1.006, 2.3, 2.75, 3.4])
    decays_s = rng.uniform(0.15, 0.7) / np.array([1, 1, 1.5, 2, 3])
    levels = rng.uniform(0.3, 1, 5)
    return ring(times_s, rng.uniform(0.4, 1, len(times_s)), partials_hz, levels, decays_s)


# --- sirens ---------------------------------------------------------------------


def _swept(rng: np.random.Generator, low: float, high: float, rate_hz: float) -> np.ndarray:
    """An electronic siren: a pitch that rises and falls, with the harmonics of a square wave."""
    course = 0.5 - 0.5 * np.cos(2 * np.pi * (TIME_S * rate_hz + rng.uniform(0, 1)))
    hz = low * (high / low) ** course
    return wave(hz, odd(9) + rng.uniform(0, 1) * falling(9, rng.uniform(1, 2)))


def wail(rng: np.random.Generator) -> np.ndarray:
    """10 to 30 sweeps a minute between about 650 and 1,500 Hz (SAE J1849)."""
    low = rng.uniform(450, 800)
    return _swept(rng, low, low * rng.uniform(1.7, 2.6), rng.uniform(10, 30) / 60)


def yelp(rng: np.random.Generator) -> np.ndarray:
    """150 to 250 sweeps a minute between about 650 and 1,500 Hz (SAE J1849)."""
    low = rng.uniform(450, 800)
    return _swept(rng, low, low * rng.uniform(1.7, 2.6), rng.uniform(150, 250) / 60)


def hi_lo(rng: np.random.Generator) -> np.ndarray:
    """Two tones of 360 to 630 Hz in the ratio of a fourth, in turn (DIN 14610)."""
    low = rng.uniform(360, 470)
    second = (TIME_S / rng.uniform(0.6, 1.4) + rng.uniform(0, 1)) % 1 < 0.5
    levels = falling(14, rng.uniform(0.3, 1.2)) * rng.uniform(0.4, 1, 14)
    return wave(np.where(second, low * 4 / 3, low), levels)


def civil_defence_siren(rng: np.random.Generator) -> np.ndarray:
    """A chopper siren near 420 Hz: steady, or a slow rise and fall; some with a second ring."""
    top = rng.uniform(380, 480)
    course = 1 - rng.uniform(0, 0.6) * (0.5 - 0.5 * np.cos(TIME_S * rng.uniform(0.3, 2.0)))
    hz = top * (course[::-1] if rng.random() < 0.5 else course)
    levels = falling(10, rng.uniform(0.6, 1.6)) * rng.uniform(0.4, 1, 10)
    out = wave(hz, levels)
    if rng.random() < 0.5:
        out = out + wave(hz * rng.choice([5 / 6, 4 / 5, 3 / 4]), levels)
    return out * (1 + wander(rng, 2, rng.uniform(0, 0.3)))


def crossing_bell(rng: np.random.Generator) -> np.ndarray:
    """A level crossing's or a tram's bell: one gong struck one to five times a second."""
    times_s = every(rng, 1 / rng.uniform(1, 5), 0.02)
    partials_hz = rng.uniform(500, 1_400) * np.array([1, 1.51, 1.99, 2.6, 3.1, 4.2])
    levels = rng.uniform(0.2, 1, 6)
    body = ring(times_s, 1.0, partials_hz, levels, rng.uniform(0.1, 0.8) / np.arange(1, 7) ** 0.5)
    return normalised(body) + 0.1 * hits(times_s, 1.0, 0.01) * band_noise(rng, 1_000, 6_000)
