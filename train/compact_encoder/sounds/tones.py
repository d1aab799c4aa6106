"""Electronic sounds: test signals, noises, synthesised music and effects."""

from __future__ import annotations

import numpy as np

from train.compact_encoder.sounds.synthetic import (
    SAMPLE_RATE,
    TIME_S,
    N,
    coloured_noise,
    every,
    falling,
    hits,
    normalised,
    odd,
    resonate,
    ring,
    tone,
    wander,
    wave,
)

SCALE = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16])  # semitones of the major scale


def silence(rng: np.random.Generator) -> np.ndarray:
    """Digital silence, or noise far below the threshold of hearing."""
    level = rng.choice([0.0, 10 ** rng.uniform(-5.5, -4)])
    return level * rng.standard_normal(N)


def white_noise(rng: np.random.Generator) -> np.ndarray:
    return coloured_noise(rng, rng.uniform(-0.05, 0.15))


def pink_noise(rng: np.random.Generator) -> np.ndarray:
    return coloured_noise(rng, rng.uniform(0.4, 0.7))


def sine(rng: np.random.Generator) -> np.ndarray:
    return tone(10 ** rng.uniform(2.2, 3.8))


def chirp(rng: np.random.Generator) -> np.ndarray:
    """Gliding tones, once or repeated."""
    ends = 10 ** rng.uniform(2.3, 3.8, 2)
    position = (TIME_S * rng.choice([1, 1, 2, 4]) + rng.uniform(0, 1)) % 1
    return tone(ends[0] * (ends[1] / ends[0]) ** position)


def mains_hum(rng: np.random.Generator) -> np.ndarray:
    root = rng.choice([50, 60]) * rng.choice([1, 2])
    return wave(root, rng.uniform(0.05, 1, 14) * falling(14, rng.uniform(0.2, 1.0)))


def theremin(rng: np.random.Generator) -> np.ndarray:
    """One voice that glides between notes with a wide vibrato."""
    knots = np.sort(rng.uniform(0, N, 5))
    notes = 220 * 2 ** (rng.uniform(0, 2) + rng.choice(SCALE, 5) / 12)
    hz = np.interp(np.arange(N), knots, notes)
    vibrato = 1 + rng.uniform(0.01, 0.04) * tone(rng.uniform(4, 8))
    return wave(hz * vibrato, falling(8, rng.uniform(1.2, 3))) * (1 + wander(rng, 3, 0.4))


def chiptune(rng: np.random.Generator) -> np.ndarray:
    """Music of a game console: two pulse waves and a triangle in steps, and drums of noise."""
    step = int(rng.uniform(0.06, 0.2) * SAMPLE_RATE)
    note = (np.arange(N) + rng.integers(step)) // step
    root = 220 * 2 ** rng.uniform(0, 1)
    order = np.arange(1, 41)
    out = np.zeros(N)
    for octave in (1, 2)[: rng.integers(1, 3)]:
        pulse = np.sin(np.pi * order * rng.choice([0.125, 0.25, 0.5])) / order
        tune = rng.choice(SCALE, note[-1] + 1)
        fade = 1 - rng.uniform(0, 0.8) * ((np.arange(N) % step) / step)
        out += wave(root * octave * 2 ** (tune[note] / 12), pulse) * fade
    bass = rng.choice([0, 5, 7, 9], note[-1] // 2 + 1)[note // 2]
    out += wave(root / 2 * 2 ** (bass / 12), odd(20) / order[:20])
    drums = hits(every(rng, 2 * step / SAMPLE_RATE), 1.0, rng.uniform(0.01, 0.06))
    return normalised(out) + rng.uniform(0, 0.6) * drums * np.sign(rng.standard_normal(N))


def zap(rng: np.random.Generator) -> np.ndarray:
    """Lasers, power-ups and falls of video games: tones that sweep fast, once or in a row."""
    age = (TIME_S + rng.uniform(0, 0.5)) % (10 ** rng.uniform(-1.1, -0.1))
    top, speed = 10 ** rng.uniform(2.6, 3.6), rng.uniform(-25, 25)
    hz = np.clip(top * np.exp(-speed * age), 60, 6_000)
    hz = np.clip(hz * (1 + rng.choice([0, 0.5]) * tone(rng.uniform(10, 80))), 30, 7_000)
    return wave(hz, odd(3) if rng.random() < 0.6 else np.ones(1)) * np.exp(-age * rng.uniform(0, 8))


def chord(rng: np.random.Generator) -> np.ndarray:
    """Notes of a plucked or held instrument, one after another."""
    root, held = 110 * 2 ** rng.uniform(0, 2), rng.random() < 0.4
    decay_s = 3.0 if held else rng.uniform(0.1, 1.0)
    levels = rng.uniform(0.2, 1, 5) * falling(5, rng.uniform(0.5, 2))
    out = np.zeros(N)
    for start_s in np.arange(rng.uniform(-0.5, 0.2), 1, 10 ** rng.uniform(-0.6, 0)):
        shape = hits(np.array([start_s]), 1.0, decay_s, rise_s=0.05 if held else 0.002)
        for semitone in rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 16], rng.integers(1, 4)):
            out += shape * wave(root * 2 ** (semitone / 12), levels)
    return out


def glockenspiel(rng: np.random.Generator) -> np.ndarray:
    """Struck steel bars, partials 1 : 2.76 : 5.4, in a quick tune."""
    times_s = every(rng, rng.uniform(0.1, 0.4))
    bars = rng.choice(SCALE, len(times_s))
    root, decay_s = rng.uniform(780, 1_600), rng.uniform(0.15, 0.8)
    out = np.zeros(N)
    for bar in np.unique(bars):
        partials_hz = root * 2 ** (bar / 12) * np.array([1, 2.76, 5.4])
        levels = np.array([1, 0.4, 0.15])
        out += ring(times_s[bars == bar], 1.0, partials_hz, levels, decay_s / np.array([1, 3, 6]))
    return out


def bell(rng: np.random.Generator) -> np.ndarray:
    """Decaying inharmonic partials of a struck bell, one to three strokes."""
    root = 10 ** rng.uniform(2.2, 3.2)
    ratios = np.array([0.5, 1, 1.2, 1.5, 2, 2.5, 2.67, 3, 4.1, 5.4]) * rng.normal(1, 0.01, 10)
    decays_s = rng.uniform(0.3, 3, 10) / np.sqrt(ratios)
    times_s = np.append(rng.uniform(-0.8, 0.3), rng.uniform(0, 0.9, rng.integers(0, 3)))
    return ring(times_s, 1.0, root * ratios, rng.uniform(0.2, 1, 10), decays_s)


def clicks(rng: np.random.Generator) -> np.ndarray:
    """Short ringing clicks, regular like a clock or at random."""
    out = np.zeros(N)
    if rng.random() < 0.5:
        period = rng.uniform(0.2, 1.0) * SAMPLE_RATE
        places = np.arange(rng.uniform(0, period), N, period).astype(int)
    else:
        places = rng.integers(0, N, rng.integers(1, 12))
    out[places] = rng.uniform(0.4, 1, len(places))
    return normalised(resonate(out, 10 ** rng.uniform(2.8, 3.7), rng.uniform(100, 800)))
