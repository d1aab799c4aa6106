"""Imitations of people and animals: hands, hearts, wings and simple voices."""

from __future__ import annotations

import numpy as np

from train.compact_encoder.sounds.synthetic import (
    SAMPLE_RATE,
    TIME_S,
    N,
    band_noise,
    coloured_noise,
    echoed,
    every,
    falling,
    hits,
    normalised,
    resonate,
    tone,
    wander,
    wave,
)

# --- people ---------------------------------------------------------------------


def clapping(rng: np.random.Generator) -> np.ndarray:
    """One person's claps: 2 to 5 a second, hollow hands at 0.8 to 2.5 kHz."""
    times_s = every(rng, 1 / rng.uniform(2, 5), 0.04)
    hz = rng.uniform(800, 2_500)
    hands = resonate(coloured_noise(rng, 0), hz, hz * rng.uniform(0.3, 1))
    claps = hits(times_s, rng.uniform(0.5, 1, len(times_s)), rng.uniform(3e-3, 0.015))
    return echoed(rng, hands * claps, 0.3, rng.uniform(0.05, 0.4))


def applause(rng: np.random.Generator) -> np.ndarray:
    """Hundreds of claps a second, at times growing or dying."""
    out = np.zeros(N)
    for _ in range(3):
        times_s = rng.uniform(-0.1, 1, int(10 ** rng.uniform(2.2, 3)))
        claps = hits(times_s, rng.uniform(0.2, 1, len(times_s)), rng.uniform(4e-3, 0.015))
        hz = rng.uniform(800, 2_000)
        out += claps * band_noise(rng, hz * 0.5, hz * rng.uniform(1.5, 4))
    return out * 10 ** wander(rng, 1, rng.uniform(0, 0.2))


def whistling(rng: np.random.Generator) -> np.ndarray:
    """A person who whistles: near a sine, 0.7 to 3 kHz, sliding between notes, with breath."""
    knots = np.sort(rng.uniform(0, N, rng.integers(2, 8)))
    hz = rng.uniform(800, 2_000) * 2 ** (rng.choice([-4, 0, 0, 2, 4, 5, 7], len(knots)) / 12)
    pitch = np.interp(np.arange(N), knots, hz) * (1 + 0.01 * tone(rng.uniform(4, 7)))
    breath = rng.uniform(0.01, 0.15) * band_noise(rng, 700, 4_000)
    return (wave(pitch, np.array([1, 0.05, 0.02])) + breath) * (0.6 + wander(rng, 4, 0.6)).clip(0)


def heartbeat(rng: np.random.Generator) -> np.ndarray:
    """Two thuds in each beat, the second weaker."""
    period_s, hz = rng.uniform(0.5, 1.1), rng.uniform(40, 130)
    age = (TIME_S + rng.uniform(0, period_s)) % period_s
    out = np.zeros(N)
    for delay_s, level in ((0.0, 1.0), (rng.uniform(0.22, 0.34), rng.uniform(0.4, 0.9))):
        since = age - delay_s
        out += (since > 0) * level * np.sin(2 * np.pi * hz * since) * np.exp(-since.clip(0) * 25)
    return out + 0.01 * coloured_noise(rng, 1.0)


# --- animals ---------------------------------------------------------------------


def insect_swarm(rng: np.random.Generator) -> np.ndarray:
    """Wings: a mosquito's 350 to 700 Hz, a fly's or bees' 120 to 280 Hz, coming and going."""
    root = rng.uniform(350, 700) if rng.random() < 0.3 else rng.uniform(120, 280)
    out = np.zeros(N)
    for _ in range(rng.integers(1, 6)):
        hz = root * 2 ** (wander(rng, 5, 0.1) + wander(rng, 50, 0.03))
        levels = falling(30, rng.uniform(0, 1)) * rng.uniform(0.2, 1, 30)
        out += wave(hz, levels) * 10 ** wander(rng, 3, rng.uniform(0.1, 0.7))
    return normalised(out) + rng.uniform(0.01, 0.1) * coloured_noise(rng, 0.5)


def frog(rng: np.random.Generator) -> np.ndarray:
    """Croaks: pulses 25 to 90 times a second in a throat of 0.6 to 2.2 kHz."""
    pulse_hz = rng.uniform(25, 90) * 2 ** wander(rng, 5, 0.2)
    glottis = (np.diff(np.cumsum(pulse_hz) / SAMPLE_RATE % 1, prepend=0) < -0.5) * 1.0
    out = np.zeros(N)
    for ratio in (1, rng.uniform(1.6, 2.6)):
        out += normalised(resonate(glottis, rng.uniform(600, 1_400) * ratio, rng.uniform(60, 250)))
    period_s, length_s = rng.uniform(0.3, 0.9), rng.uniform(0.12, 0.5)
    turn = ((TIME_S + rng.uniform(0, period_s)) % period_s / length_s).clip(0, 1)
    calls = np.sin(np.pi * turn).clip(0) ** 0.6
    return out * calls + 0.02 * coloured_noise(rng, 0.4)


def bird_song(rng: np.random.Generator) -> np.ndarray:
    """Syllables that sweep within 2 to 7 kHz, each repeated some times."""
    out, start_s = np.zeros(N), rng.uniform(-0.1, 0.3)
    while start_s < 0.95:
        length_s, ends = rng.uniform(0.03, 0.2), rng.uniform(2_000, 6_500, 3)
        pause_s = length_s * rng.uniform(1.1, 2)
        vibrato_hz, depth = rng.uniform(20, 120), rng.choice([0, 0.05, 0.1])
        for _ in range(rng.integers(1, 6)):
            first = int(max(0.0, start_s) * SAMPLE_RATE)
            turn = np.linspace(0, 1, int(length_s * SAMPLE_RATE))[: N - first]
            hz = np.interp(turn, [0, 0.5, 1], ends)
            hz = hz * (1 + depth * np.sin(2 * np.pi * vibrato_hz * length_s * turn))
            voice = np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE)
            out[first : first + len(turn)] += voice * np.sin(np.pi * turn)
            start_s += pause_s
            if start_s > 0.95:
                break
        start_s += rng.uniform(0, 0.3)
    air = rng.uniform(0, 0.05) * coloured_noise(rng, 0.5)
    return echoed(rng, out, 0.4, rng.uniform(0, 0.3)) + air
