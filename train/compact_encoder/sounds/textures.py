"""Random textures that imitate whole families of sounds; only the teacher labels them.

Recordings are few; these fill in sounds between them.
"""

from __future__ import annotations

import numpy as np

from train.compact_encoder.sounds.synthetic import (
    MAX_HZ,
    SAMPLE_RATE,
    TIME_S,
    N,
    coloured_noise,
    normalised,
    resonate,
    tone,
    wander,
)

# First three formants in Hz of vowels from "heed" to "hood" (Peterson and Barney, 1952).
VOWELS_HZ = np.array(
    [
        [270, 2290, 3010],
        [390, 1990, 2550],
        [530, 1840, 2480],
        [660, 1720, 2410],
        [730, 1090, 2440],
        [570, 840, 2410],
        [440, 1020, 2240],
        [300, 870, 2240],
    ]
)
FORMANT_WIDTHS_HZ, FORMANT_LEVELS = (50, 80, 120), (1.0, 0.5, 0.25)
MAX_HARMONICS = 40
BLOCK = 60  # samples, 4 ms: a divisor of the window


def machine(rng: np.random.Generator) -> np.ndarray:
    """Motors, wind, water: noise and a buzz through resonances, often beating."""
    rate_hz = 10 ** rng.uniform(0.6, 2.3)
    cycle = np.cumsum(rate_hz * (1 + wander(rng, 3, 0.1))) / SAMPLE_RATE % 1
    buzz = 2 * cycle - 1 if rng.random() < 0.5 else (np.diff(cycle, prepend=0) < -0.5) * 1.0
    out = coloured_noise(rng, rng.uniform(0, 1.2)) * rng.uniform(0, 1) + buzz * rng.uniform(0, 1)
    for _ in range(rng.integers(1, 4)):
        ringing = resonate(out, 10 ** rng.uniform(1.9, 3.6), 10 ** rng.uniform(1.7, 3))
        out = normalised(ringing) + rng.uniform(0, 0.5) * out
    if rng.random() < 0.5:
        out = out * (1 + rng.uniform(0, 1) * tone(10 ** rng.uniform(0, 1.6)))
    return out * 10 ** wander(rng, 2, rng.uniform(0, 0.5))


def bursts(rng: np.random.Generator) -> np.ndarray:
    """Knocks, claps, shots, steps: noise with a sharp attack that decays, one to thirty times."""
    noise = coloured_noise(rng, rng.uniform(-0.2, 1.2))
    if rng.random() < 0.5:
        hz = 10 ** rng.uniform(2, 3.7)
        noise = normalised(resonate(noise, hz, hz * 10 ** rng.uniform(-1.5, 0)))
    decay_s = 10 ** rng.uniform(-2.3, -0.3)
    out = np.zeros(N)
    for start_s in rng.uniform(-0.2, 0.95, int(10 ** rng.uniform(0, 1.5))):
        age = (TIME_S - start_s).clip(0)
        rise = 1 - np.exp(-age / 10 ** rng.uniform(-3.5, -2))
        fall = np.exp(-age / (decay_s * rng.uniform(0.5, 2)))
        out += rise * fall * np.roll(noise, rng.integers(N)) * rng.uniform(0.1, 1)
    return out


def _harmonics(
    pitch_hz: np.ndarray, formants: list[tuple], tilt: float, floor: float = 0.0
) -> np.ndarray:
    """Harmonics of a gliding pitch, shaped by gliding formants (Hz, width in Hz, level).

    Levels change slowly: they are computed once a block, and linearly between.
    """
    order = np.arange(1, min(MAX_HARMONICS, int(7_000 / pitch_hz.mean())) + 1)
    knots = np.minimum(np.arange(N // BLOCK + 1) * BLOCK, N - 1)
    hz = pitch_hz[knots] * order[:, None]
    levels = np.full(hz.shape, floor)
    for f, width, peak in formants:
        levels += peak / (1 + ((hz - f[knots]) / width) ** 2)
    levels *= (hz < MAX_HZ) * order[:, None] ** -tilt
    # The powers of one phasor are all harmonics; phases that grow with the square spread them.
    phasor = np.exp(2j * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE).astype(np.complex64)
    harmonic, sines = np.ones(N, np.complex64), np.empty((len(order), N), np.float32)
    for k, row in zip(order, sines, strict=True):
        harmonic = harmonic * phasor * np.exp(0.1j * (2 * k - 1)).astype(np.complex64)
        row[:] = harmonic.imag
    ends = np.stack([levels[:, :-1], levels[:, 1:]]).astype(np.float32)  # (2, K, blocks)
    blocks = sines.reshape(len(order), -1, BLOCK)
    at_start, at_end = np.einsum("ekb,kbt->ebt", ends, blocks)
    turn = np.arange(BLOCK) / BLOCK
    return normalised((at_start * (1 - turn) + at_end * turn).ravel())


def calls(rng: np.random.Generator) -> np.ndarray:
    """Animals, whistles, squeaks: calls of gliding harmonics, some breathy."""
    pitch_hz = 10 ** rng.uniform(1.9, 3.4) * 2 ** wander(
        rng, 10 ** rng.uniform(0.2, 1.3), rng.uniform(0, 0.8)
    )
    pitch_hz *= 1 + rng.uniform(0, 0.05) * tone(rng.uniform(4, 30))
    width_hz = rng.uniform(80, 400)
    formants = [
        (10 ** rng.uniform(2.5, 3.1) * 2 ** wander(rng, 6, 0.6), width_hz, 1.0),
        (10 ** rng.uniform(3.0, 3.6) * 2 ** wander(rng, 6, 0.5), width_hz, 0.7),
    ]
    voice = _harmonics(pitch_hz, formants, rng.uniform(0.3, 1.5), floor=0.05)
    voice += rng.uniform(0, 0.3) * coloured_noise(rng, rng.uniform(0, 0.6))
    turn = np.cumsum(10 ** rng.uniform(0, 1) * (1 + wander(rng, 4, 0.5))) / SAMPLE_RATE
    shape = np.sin(2 * np.pi * turn + rng.uniform(0, 6)) + rng.uniform(-0.5, 1)
    return voice * shape.clip(0, 1) ** rng.uniform(0.3, 1.5)


def babble(rng: np.random.Generator) -> np.ndarray:
    """A voice without words: vowels that glide into one another, with hisses between them."""
    base_hz = 10 ** rng.uniform(1.95, 2.4)
    pitch_hz = base_hz * 2 ** wander(rng, 4, 0.25)
    pitch_hz *= 1 + 1e-4 * np.cumsum(rng.standard_normal(N))
    n_knots = int(rng.uniform(7, 13)) + 3
    knots = np.linspace(-1_000, N + 1_000, n_knots) + rng.uniform(-400, 400, n_knots)
    # Small speakers have high voices and short vocal tracts.
    size = 1 + 0.4 * (np.log10(base_hz) - 1.95)
    vowels = VOWELS_HZ[rng.integers(len(VOWELS_HZ), size=n_knots)] * size
    place = np.arange(N)
    formants = [
        (np.interp(place, knots, vowels[:, i]), FORMANT_WIDTHS_HZ[i], FORMANT_LEVELS[i])
        for i in range(3)
    ]
    voice = _harmonics(pitch_hz, formants, tilt=0.6)
    loudness = np.interp(place, knots, rng.choice([0, 0.3, 0.6, 0.8, 1], n_knots))
    hiss = np.diff(rng.standard_normal(N), prepend=0)
    hiss = normalised(resonate(hiss, rng.uniform(3_000, 5_500), 1_500))
    hissing = np.interp(place, knots + 300, rng.choice([0, 0, 0, 0.15, 0.3], n_knots))
    return voice * loudness + hiss * hissing
