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
    falling,
    hits,
    normalised,
    resonate,
    tone,
    wander,
    wave,
)


def _pulse(start_s: float, length_s: float, sharpness: float = 1.0) -> np.ndarray:
    """An arch from 0 over 1 to 0."""
    turn = ((TIME_S - start_s) / length_s).clip(0, 1)
    return np.sin(np.pi * turn) ** sharpness


def _vowel(hz: float, formants_hz: np.ndarray, widths_hz: np.ndarray, tilt: float) -> np.ndarray:
    """Levels of the harmonics of `hz` under formants."""
    harmonics_hz = hz * np.arange(1, max(2, int(7_000 / hz)))
    peaks = 1 / (1 + ((harmonics_hz[:, None] - formants_hz) / widths_hz) ** 2)
    return peaks.sum(axis=1) * falling(len(harmonics_hz), tilt)


# --- people ---------------------------------------------------------------------


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


def snoring(rng: np.random.Generator) -> np.ndarray:
    """Slow noisy breath, in which the soft palate flutters 20 to 80 times a second."""
    hz = rng.uniform(20, 80) * 2 ** (wander(rng, 4, 0.2) + wander(rng, 60, 0.15))
    flutter = wave(hz, falling(30, rng.uniform(0.3, 0.8))).clip(0) + 0.1
    breath = coloured_noise(rng, rng.uniform(0.1, 0.5)) * normalised(flutter)
    out = 0.3 * breath
    for formant_hz in (rng.uniform(250, 600), rng.uniform(900, 1_800)):
        out += normalised(resonate(breath, formant_hz, rng.uniform(80, 250))) * rng.uniform(0.3, 1)
    return out * _pulse(rng.uniform(-0.6, 0.1), rng.uniform(0.7, 1.6), 0.6)


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
    calls = sum(_pulse(start_s, length_s, 0.6) for start_s in np.arange(-0.3, 1, period_s))
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


def owl(rng: np.random.Generator) -> np.ndarray:
    """Hoots of 250 to 900 Hz, nearly pure, that sag at the end."""
    hz, out = rng.uniform(250, 900), np.zeros(N)
    start_s = rng.uniform(-0.2, 0.3)
    for _ in range(rng.integers(1, 4)):
        length_s = rng.uniform(0.15, 0.6)
        arch = _pulse(start_s, length_s, 0.7)
        out += wave(hz * (0.9 + 0.1 * arch), np.array([1, 0.15, 0.08])) * arch
        start_s += length_s + rng.uniform(0.05, 0.3)
    return echoed(rng, out, 0.6, 0.15) + 0.01 * coloured_noise(rng, 0.6)


def bark(rng: np.random.Generator) -> np.ndarray:
    """Hoarse bursts of 0.1 to 0.25 s, whose pitch rises and falls within."""
    out, start_s, size = np.zeros(N), rng.uniform(-0.1, 0.3), rng.uniform(0, 1)
    hz = 350 * 2.5**size
    formants_hz = np.array([800, 1_500, 2_900]) * (0.8 + 0.5 * size)
    levels = _vowel(hz, formants_hz, np.array([300, 400, 600]), 0.2)
    rough = 1 + wander(rng, 120, rng.uniform(0.3, 0.9))
    breath = band_noise(rng, formants_hz[0] * 0.7, formants_hz[2])
    while start_s < 0.9:
        length_s = rng.uniform(0.1, 0.25)
        arch = _pulse(start_s, length_s, 0.4)
        glide = 0.55 + 0.5 * _pulse(start_s - 0.3 * length_s, 1.3 * length_s)
        voice = normalised(wave(hz * glide * (0.97 + 0.03 * rough), levels)) * rough
        out += (voice + rng.uniform(0.1, 0.4) * breath) * arch * rng.uniform(0.6, 1)
        start_s += length_s + rng.uniform(0.1, 0.6)
    return echoed(rng, out, 0.3, rng.uniform(0.05, 0.25))
