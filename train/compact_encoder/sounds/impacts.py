"""Imitations of shots, steps and other strokes: bursts of noise and bodies that ring."""

from __future__ import annotations

import numpy as np

from train.compact_encoder.sounds.synthetic import (
    N,
    band_noise,
    coloured_noise,
    echoed,
    every,
    hits,
    normalised,
    ring,
    tone,
)


def _shot(rng: np.random.Generator, times_s: np.ndarray) -> np.ndarray:
    """Muzzle blasts at times in s: a snap, and a body of lower noise."""
    levels = rng.uniform(0.8, 1, len(times_s))
    snap = hits(times_s, levels, rng.uniform(3e-3, 0.015), 1e-4) * coloured_noise(rng, 0.1)
    body = hits(times_s, levels, rng.uniform(0.03, 0.12), 1e-3) * coloured_noise(rng, 0.6)
    return np.tanh(3 * (normalised(snap) + rng.uniform(0.3, 1.2) * normalised(body)))


def gunshot(rng: np.random.Generator) -> np.ndarray:
    """One to three shots with the echo of the place."""
    times_s = rng.uniform(-0.05, 0.7, rng.integers(1, 4))
    return echoed(rng, _shot(rng, times_s), rng.uniform(0.3, 0.9), rng.uniform(0.1, 0.5))


def machine_gun(rng: np.random.Generator) -> np.ndarray:
    """500 to 1,100 shots a minute, held or in bursts."""
    times_s = every(rng, 60 / rng.uniform(500, 1_100), 0.01)
    first_s = rng.uniform(-0.5, 0.3)
    times_s = times_s[(times_s > first_s) & (times_s < first_s + rng.uniform(0.4, 1.5))]
    return echoed(rng, _shot(rng, times_s), rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.4))


def explosion(rng: np.random.Generator) -> np.ndarray:
    """A blast, a long low roar, and debris."""
    start_s = np.array([rng.uniform(-0.5, 0.3)])
    roar = band_noise(rng, 25, rng.uniform(150, 700))
    out = hits(start_s, 1.0, rng.uniform(0.25, 0.9), 3e-3) * roar
    out += hits(start_s, 1.0, rng.uniform(0.02, 0.1), 1e-3) * coloured_noise(rng, 0.4)
    debris = hits(start_s + rng.exponential(0.3, 60), rng.random(60), 4e-3)
    return np.tanh(rng.uniform(1, 4) * out) + 0.1 * debris * coloured_noise(rng, 0.1)


def fireworks(rng: np.random.Generator) -> np.ndarray:
    """A whistle that rises, far bangs, and stars that crackle."""
    bangs_s = rng.uniform(-0.4, 0.9, rng.integers(1, 5))
    levels = rng.uniform(0.3, 1, len(bangs_s))
    bang = hits(bangs_s, levels, rng.uniform(0.03, 0.12), 1e-3)
    out = bang * band_noise(rng, rng.uniform(40, 150), rng.uniform(800, 3_000))
    count = int(10 ** rng.uniform(0.5, 2.3))
    stars_s = rng.choice(bangs_s, count) + rng.exponential(0.3, count)
    stars = hits(stars_s, rng.random(count), 3e-3) * coloured_noise(rng, 0.0)
    first_hz, last_hz = rng.uniform(1_000, 4_000, 2)
    whistle = tone(np.linspace(first_hz, last_hz, N))
    out = normalised(out) + rng.uniform(0, 0.6) * normalised(stars)
    return echoed(rng, out + rng.choice([0, 0.1]) * whistle, 0.9, 0.3)


def footsteps(rng: np.random.Generator) -> np.ndarray:
    """1.5 to 3 steps a second: a heel, and a sole that follows, on a hard or a soft floor."""
    heels_s = every(rng, 1 / rng.uniform(1.5, 3), 0.03)
    soles_s = heels_s + rng.uniform(0.04, 0.12)
    levels, hard = rng.uniform(0.6, 1, len(heels_s)), rng.random()
    heel = hits(heels_s, levels, 0.003 + 0.02 * (1 - hard), 1e-3)
    sole = hits(soles_s, 0.5 * levels, rng.uniform(0.01, 0.06), 8e-3)
    tread = normalised(heel * band_noise(rng, 150, 800 + 4_000 * hard))
    scuff = sole * band_noise(rng, 400, rng.uniform(2_000, 7_000))
    return tread + scuff + rng.uniform(0.005, 0.05) * coloured_noise(rng, 0.5)


def typing(rng: np.random.Generator) -> np.ndarray:
    """Clusters of key strokes: each a click down and a weaker one up."""
    pauses_s = rng.gamma(3, rng.uniform(0.03, 0.08), 60)
    down_s = rng.uniform(-0.2, 0.2) + np.cumsum(pauses_s)
    up_s = down_s + rng.uniform(0.05, 0.09)
    times_s = np.append(down_s, up_s)
    levels = rng.uniform(0.4, 1, 120) * np.repeat([1, rng.uniform(0.2, 0.6)], 60)
    click = hits(times_s, levels, rng.uniform(2e-3, 8e-3))
    desk = ring(times_s, levels, rng.uniform(150, 600, 2), np.ones(2), np.full(2, 0.008))
    keys = click * band_noise(rng, rng.uniform(800, 2_000), 7_500)
    room = rng.uniform(0.005, 0.05) * coloured_noise(rng, 0.4)
    return normalised(keys) + rng.uniform(0, 0.3) * normalised(desk) + room


def clock(rng: np.random.Generator) -> np.ndarray:
    """An escapement: tick and tock differ a little, 1 to 5 a second."""
    times_s = every(rng, 1 / rng.choice([1, 2, 4, 5, rng.uniform(1, 5)]), 0.003)
    even = np.arange(len(times_s)) % 2 == 0
    out = np.zeros(N)
    for side, level in ((even, 1.0), (~even, rng.uniform(0.4, 1))):
        partials_hz = rng.uniform(1_500, 5_500, 4)
        decays_s = rng.uniform(4e-4, 4e-3, 4)
        # The pallet falls back a few milliseconds later.
        both_s = np.append(times_s[side], times_s[side] + 0.012)
        levels = level * np.repeat([1, 0.4], side.sum())
        out += ring(both_s, levels, partials_hz, rng.uniform(0.2, 1, 4), decays_s)
    return normalised(out) + rng.uniform(0.003, 0.05) * coloured_noise(rng, 0.5)


def knocking(rng: np.random.Generator) -> np.ndarray:
    """Knuckles on a door: two to six quick knocks on wood."""
    times_s = rng.uniform(-0.1, 0.4) + np.arange(rng.integers(2, 7)) * rng.uniform(0.11, 0.22)
    levels = rng.uniform(0.6, 1, len(times_s))
    door_hz = rng.uniform(150, 500)
    wood = hits(times_s, levels, rng.uniform(0.01, 0.03), 1e-3)
    wood = wood * band_noise(rng, door_hz, door_hz * rng.uniform(2, 5))
    tap = hits(times_s, levels, 3e-3) * band_noise(rng, 500, 4_000)
    out = normalised(wood) + rng.uniform(0.2, 0.8) * normalised(tap)
    return out + rng.uniform(0.005, 0.04) * coloured_noise(rng, 0.5)
