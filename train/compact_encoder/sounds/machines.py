"""Imitations of machines: firing orders, blades and teeth over the noise of air and bearings."""

from __future__ import annotations

import numpy as np

from train.compact_encoder.sounds.synthetic import (
    SAMPLE_RATE,
    TIME_S,
    N,
    band_noise,
    coloured_noise,
    every,
    falling,
    hits,
    low_pass,
    normalised,
    resonate,
    ring,
    tone,
    wander,
    wave,
)


def _firing(rng: np.random.Generator, hz: np.ndarray | float, cylinders: int) -> np.ndarray:
    """Combustions at `hz` a second through an exhaust: bursts of noise that differ a little."""
    cycle = np.cumsum(hz * 2 ** wander(rng, 40, 0.06)) / SAMPLE_RATE + rng.uniform(0, 1)
    number = cycle.astype(int)
    strength = rng.uniform(0.5, 1, cylinders)[number % cylinders]
    strength = strength * rng.uniform(0.6, 1, number[-1] + 1)[number]
    age = cycle - number
    thump = strength * np.exp(-age * rng.uniform(3, 12)) * (1 - np.exp(-age * 60))
    roar = thump * coloured_noise(rng, rng.uniform(0.2, 0.6))
    beat = low_pass(thump - thump.mean(), rng.uniform(100, 400))
    out = normalised(roar) + rng.uniform(0.05, 0.7) * normalised(beat)
    body_hz = rng.uniform(250, 900)
    out += rng.uniform(0.1, 0.8) * normalised(resonate(out, body_hz, body_hz))
    return normalised(out) + rng.uniform(0.03, 0.2) * coloured_noise(rng, rng.uniform(0.3, 0.7))


def _motor(rng: np.random.Generator, hz: np.ndarray | float, exponent: float) -> np.ndarray:
    """The whine of an electric motor: many uneven harmonics."""
    return normalised(wave(hz, falling(40, exponent) * rng.uniform(0.1, 1, 40)))


def _driven(rng: np.random.Generator, hz: np.ndarray | float, exponent: float) -> np.ndarray:
    """A rough engine at full power: uneven, noisy and distorted harmonics."""
    engine = _motor(rng, hz * 2 ** wander(rng, 60, 0.05), exponent)
    return np.tanh(3 * engine * (1 + 0.5 * rng.standard_normal(N)))


# --- engines ---------------------------------------------------------------------


def idling(rng: np.random.Generator) -> np.ndarray:
    """Four to eight cylinders at 600 to 1,000 turns a minute."""
    cylinders = int(rng.choice([4, 4, 6, 8]))
    hz = rng.uniform(600, 1_000) / 60 * cylinders / 2 * 2 ** wander(rng, 3, 0.03)
    rough = low_pass(_driven(rng, hz, rng.uniform(0.2, 0.8)), rng.uniform(150, 800))
    out = normalised(rough) + 0.5 * _firing(rng, hz, cylinders)
    return out + rng.uniform(0.05, 0.3) * coloured_noise(rng, rng.uniform(0.3, 0.6))


def revving(rng: np.random.Generator) -> np.ndarray:
    """Turns that rise and fall between 1,000 and 6,000 a minute."""
    course = 0.5 - 0.5 * np.cos(2 * np.pi * (TIME_S * rng.uniform(0.3, 1.2) + rng.uniform(0, 1)))
    hz = rng.uniform(900, 2_000) / 60 * rng.uniform(2, 4) ** course * rng.choice([1, 2, 2, 3])
    out = _driven(rng, hz, rng.uniform(0.2, 0.9)) + 0.5 * _firing(rng, hz, 4)
    return low_pass(out, rng.uniform(500, 3_000)) * (0.4 + 0.6 * course)


def motorcycle(rng: np.random.Generator) -> np.ndarray:
    """One or two uneven cylinders at 1,000 to 7,000 turns a minute, hardly muffled."""
    turns = 10 ** rng.uniform(3, 3.85) * 2 ** wander(rng, 1, rng.uniform(0, 0.6))
    out = _firing(rng, turns / 60, 2) + rng.uniform(0.5, 2) * _driven(
        rng, turns / 60, rng.uniform(0.2, 0.8)
    )
    return np.tanh(rng.uniform(1, 3) * normalised(out))


def helicopter(rng: np.random.Generator) -> np.ndarray:
    """Blades that slap 10 to 35 times a second, in the noise of a turbine."""
    hz = rng.uniform(10, 35) * 2 ** (wander(rng, 3, 0.03) + wander(rng, 40, 0.03))
    slaps = normalised(wave(hz, falling(40, rng.uniform(0.2, 0.7)))).clip(0) + 0.05
    chop = slaps * coloured_noise(rng, rng.uniform(0.4, 0.9))
    chop = normalised(chop) + normalised(resonate(chop, rng.uniform(150, 500), 150))
    return chop + rng.uniform(0.02, 0.3) * coloured_noise(rng, rng.uniform(0.2, 0.6))


def propeller_plane(rng: np.random.Generator) -> np.ndarray:
    """The drone of blades at 60 to 130 Hz; two of them beat."""
    hz = rng.uniform(60, 130) * 2 ** wander(rng, 1, rng.uniform(0, 0.1))
    rough = low_pass(_driven(rng, hz, rng.uniform(0.4, 1)), rng.uniform(300, 1_500))
    levels = falling(25, rng.uniform(0.4, 1.2)) * rng.uniform(0.3, 1, 25)
    drone = wave(hz, levels) + rng.choice([0, 1]) * wave(hz * rng.uniform(1.005, 1.03), levels)
    air = band_noise(rng, 80, rng.uniform(600, 2_500))
    return (
        0.5 * normalised(drone)
        + normalised(rough)
        + rng.uniform(0.2, 1) * air * (1 + wander(rng, 4, 0.3))
    )


def jet(rng: np.random.Generator) -> np.ndarray:
    """Broad noise that sinks in pitch as it passes, and the whine of a fan."""
    roar = coloured_noise(rng, rng.uniform(0.3, 0.8)) * 10 ** wander(rng, 5, 0.15)
    air = band_noise(rng, rng.uniform(100, 500), rng.uniform(1_500, 6_000))
    whine = wave(rng.uniform(1_200, 3_500) * (1 - rng.uniform(0, 0.1) * TIME_S), falling(3, 1))
    return roar + rng.uniform(0.2, 1) * air + rng.uniform(0, 0.15) * whine


def chainsaw(rng: np.random.Generator) -> np.ndarray:
    """A two-stroke engine, 5,000 to 12,000 turns a minute, that sags under load; chain noise."""
    hz = rng.uniform(85, 200) * 2 ** wander(rng, 4, rng.uniform(0.05, 0.3))
    engine = _driven(rng, hz, rng.uniform(0, 0.4))
    chain = band_noise(rng, rng.uniform(1_000, 2_500), 7_000)
    return engine + rng.uniform(0.1, 0.6) * chain


def lawn_mower(rng: np.random.Generator) -> np.ndarray:
    """One cylinder at 2,500 to 3,600 turns a minute, and the rush of the blade."""
    hz = rng.uniform(2_500, 3_600) / 120 * 2 ** wander(rng, 2, 0.02)
    engine = normalised(_firing(rng, hz, 1)) + rng.uniform(0.1, 0.5) * _motor(rng, 2 * hz, 0.4)
    return engine + rng.uniform(0.2, 0.9) * band_noise(rng, 150, rng.uniform(1_500, 5_000))


# --- motors and tools ---------------------------------------------------------------------


def vacuum_cleaner(rng: np.random.Generator) -> np.ndarray:
    """A motor of 250 to 700 Hz within strong broad noise."""
    hz = rng.uniform(250, 700) * 2 ** wander(rng, 1, rng.uniform(0, 0.05))
    air = band_noise(rng, rng.uniform(300, 800), rng.uniform(2_000, 5_000))
    whine = _motor(rng, hz, rng.uniform(0.2, 0.6)) + 0.5 * _motor(rng, 2.7 * hz, 0.3)
    return 0.5 * air + coloured_noise(rng, 0.5) + rng.uniform(0.2, 0.8) * whine


def hair_dryer(rng: np.random.Generator) -> np.ndarray:
    """A small quick motor, 150 to 450 Hz, and air through a nozzle."""
    hz = rng.uniform(150, 450)
    air = band_noise(rng, rng.uniform(400, 1_000), rng.uniform(3_000, 7_500))
    nozzle = normalised(resonate(air, rng.uniform(500, 1_500), rng.uniform(200, 500)))
    return air + rng.uniform(0, 0.6) * nozzle + rng.uniform(0.1, 0.5) * _motor(rng, hz, 0.3)


def drill(rng: np.random.Generator) -> np.ndarray:
    """A geared motor that spins up and sags, harsh up to the top."""
    spin = np.minimum(1, 0.3 + (TIME_S + rng.uniform(0, 0.5)) * rng.uniform(1, 4))
    hz = rng.uniform(150, 600) * spin * 2 ** wander(rng, 5, 0.05)
    whine = _motor(rng, hz, rng.uniform(0, 0.5)) + 0.5 * _motor(rng, hz * rng.uniform(3, 7), 0.5)
    grind = band_noise(rng, 1_500, 7_000) * (1 + tone(hz / 4))
    return normalised(whine) + rng.uniform(0.1, 0.6) * grind


def dental_drill(rng: np.random.Generator) -> np.ndarray:
    """An air turbine: a whistle of 3 to 6.5 kHz that sinks as it touches."""
    hz = rng.uniform(3_300, 6_500) * (1 - 0.15 * wander(rng, 3, 1).clip(0))
    air = band_noise(rng, 1_500, 7_500)
    return normalised(wave(hz, falling(2, 1)) + 0.3 * wave(hz / 2, falling(4, 1))) + (
        rng.uniform(0.05, 0.5) * air
    )


def jackhammer(rng: np.random.Generator) -> np.ndarray:
    """Steel on stone 12 to 30 times a second, in exhausted air."""
    times_s = every(rng, 1 / rng.uniform(12, 30), 0.02)
    levels = rng.uniform(0.7, 1, len(times_s))
    partials_hz = rng.uniform(800, 2_500) * np.array([1, 1.7, 2.4])
    steel = ring(times_s, levels, partials_hz, np.ones(3), rng.uniform(0.005, 0.03, 3))
    stone = hits(times_s, levels, rng.uniform(0.005, 0.02)) * coloured_noise(rng, 0.3)
    return normalised(stone) + rng.uniform(0.1, 0.7) * normalised(steel)


def train_wheels(rng: np.random.Generator) -> np.ndarray:
    """Clickety-clack: two pairs of axles over each gap of the rails, over a rumble."""
    gap_s = rng.uniform(0.5, 1.3)
    axle_s = gap_s * rng.uniform(0.08, 0.16)
    bogie_s = gap_s * rng.uniform(0.3, 0.45)
    times_s = (every(rng, gap_s)[:, None] + [0, axle_s, bogie_s, bogie_s + axle_s]).ravel()
    clack = hits(times_s, rng.uniform(0.5, 1, len(times_s)), rng.uniform(0.01, 0.05))
    steel = clack * band_noise(rng, rng.uniform(150, 500), rng.uniform(1_500, 4_000))
    rumble = coloured_noise(rng, rng.uniform(0.5, 0.9))
    return normalised(steel) + rng.uniform(0.3, 1) * rumble
