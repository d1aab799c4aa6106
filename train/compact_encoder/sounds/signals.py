"""Signals of telephones, clocks and alarms: made by arithmetic at their source, too."""

from __future__ import annotations

import numpy as np

from train.compact_encoder.sounds.synthetic import (
    TIME_S,
    N,
    band_noise,
    cadence,
    every,
    falling,
    gate,
    hits,
    normalised,
    odd,
    ring,
    tone,
    wave,
)

# Seconds on, off, … of a ringing telephone (ITU-T E.180, annex: United Kingdom, North America,
# much of Europe); the last is a telephone that hurries.
RINGING_S = ([0.4, 0.2, 0.4, 2.0], [2.0, 4.0], [1.0, 4.0], [0.5, 0.5])


def dial_tone(rng: np.random.Generator) -> np.ndarray:
    """North American 350 + 440 Hz, or the European 425 Hz."""
    if rng.random() < 0.6:
        return tone(350) + tone(440, rng.uniform(0, 6))
    return tone(425)


def busy_signal(rng: np.random.Generator) -> np.ndarray:
    return (tone(480) + tone(620)) * gate(rng, rng.uniform(0.45, 1.0), 0.5)


def dialling(rng: np.random.Generator) -> np.ndarray:
    """Keys of a telephone: DTMF pairs."""
    length_s = rng.uniform(0.12, 0.35)
    key = ((TIME_S + rng.uniform(0, length_s)) / length_s).astype(int)
    low = rng.choice([697, 770, 852, 941], key.max() + 1)[key]
    high = rng.choice([1209, 1336, 1477], key.max() + 1)[key]
    pressed = ((TIME_S / length_s) % 1.0) < rng.uniform(0.5, 0.9)
    return (tone(low) + tone(high)) * pressed


def ringback(rng: np.random.Generator) -> np.ndarray:
    """What a caller hears: 440 + 480 Hz (North America), 400 + 450 Hz (Britain) or 425 Hz."""
    pair = [(440, 480), (400, 450), (425, 425)][rng.integers(3)]
    on = cadence(rng, RINGING_S[rng.integers(3)])
    return (tone(pair[0]) + tone(pair[1], rng.uniform(0, 6))) * on


def telephone_bell(rng: np.random.Generator) -> np.ndarray:
    """A hammer that strikes two gongs in turn, driven by current of 16 to 25 Hz."""
    strike_s = 0.5 / rng.uniform(16, 25)
    on = cadence(rng, RINGING_S[rng.integers(len(RINGING_S))])
    out = np.zeros(N)
    root = rng.uniform(700, 1_500)
    for gong in (1.0, rng.uniform(1.1, 1.35)):
        times_s = every(rng, 2 * strike_s, 0.02)
        struck = np.interp(times_s, TIME_S, on, left=on[0])
        partials_hz = root * gong * np.array([1, 2.4, 2.9, 4.1, 5.2]) * rng.normal(1, 0.03, 5)
        decays_s = rng.uniform(0.05, 0.4) / np.arange(1, 6) ** 0.5
        out += ring(times_s, struck, partials_hz, rng.uniform(0.2, 1, 5), decays_s)
    return out


def electronic_ring(rng: np.random.Generator) -> np.ndarray:
    """A tone ringer: two tones in ratio 1.2 to 1.4 that alternate 8 to 25 times a second."""
    low = rng.uniform(600, 2_000)
    second = (TIME_S * rng.uniform(8, 25)) % 1 < 0.5
    hz = np.where(second, low * rng.uniform(1.2, 1.4), low)
    levels = odd(9) if rng.random() < 0.7 else falling(6, 1.5)
    return wave(hz, levels) * cadence(rng, RINGING_S[rng.integers(len(RINGING_S))])


def doorbell(rng: np.random.Generator) -> np.ndarray:
    """Ding-dong: two chime bars, the second a minor to a fifth lower; transverse partials."""
    high = rng.uniform(500, 1_100)
    start_s, pause_s = rng.uniform(-0.3, 0.3), rng.uniform(0.3, 0.7)
    low = high / 2 ** (rng.choice([3, 4, 4, 5, 7]) / 12)
    decay_s = rng.uniform(0.3, 1.2)
    out = np.zeros(N)
    for hz, at_s in ((high, start_s), (low, start_s + pause_s)):
        partials_hz = hz * np.array([1, 2.76, 5.4])
        levels = np.array([1, *rng.uniform(0.02, 0.5, 2)])
        out += ring(np.array([at_s]), 1.0, partials_hz, levels, decay_s / np.array([1, 2.5, 5]))
    return out


def alarm_clock(rng: np.random.Generator) -> np.ndarray:
    """Four short beeps a second at 2,048 Hz or near it, which a 32,768 Hz quartz gives."""
    hz = rng.choice([2_048, rng.uniform(1_800, 4_100)])
    beat_s = rng.uniform(0.09, 0.14)
    clock_s = TIME_S + rng.uniform(0, 1)
    beat = (clock_s % 1.0) / beat_s
    return wave(hz, odd(5)) * ((beat < 4) & (beat % 1 < 0.5))


def car_alarm(rng: np.random.Generator) -> np.ndarray:
    """One of a siren's six sounds: sweeps up, down or both, and two tones, quickly repeated."""
    low, rate_hz = rng.uniform(600, 1_200), 10 ** rng.uniform(0.2, 1.0)
    high = low * rng.uniform(1.5, 2.5)
    turn = (TIME_S * rate_hz + rng.uniform(0, 1)) % 1
    course = [turn, 1 - turn, 1 - abs(2 * turn - 1), (turn < 0.5) * 1.0][rng.integers(4)]
    return wave(low + (high - low) * course, falling(8, rng.uniform(0.7, 1.6)))


def buzzer(rng: np.random.Generator) -> np.ndarray:
    """An armature on mains current, or the sawtooth of a game show; once or repeated."""
    hz = rng.choice([50, 60, 100, 120, rng.uniform(80, 450)])
    levels = falling(60, rng.uniform(0.2, 1.0)) * rng.uniform(0.3, 1, 60)
    held = rng.random() < 0.5
    return wave(hz, levels) * (1.0 if held else gate(rng, rng.uniform(0.3, 2), 0.6))


def beeps(rng: np.random.Generator) -> np.ndarray:
    levels = odd(9) if rng.random() < 0.4 else np.ones(1)
    on = gate(rng, 10 ** rng.uniform(-0.8, 0.1), rng.uniform(0.2, 0.7))
    return wave(rng.uniform(600, 3500), levels) * on


def heart_monitor(rng: np.random.Generator) -> np.ndarray:
    """A beep of 0.1 s with each beat, 40 to 160 a minute; a few harmonics (IEC 60601-1-8)."""
    period_s = 60 / rng.uniform(40, 160)
    on = gate(rng, period_s, rng.uniform(0.07, 0.15) / period_s)
    return wave(rng.uniform(440, 1_100), falling(4, rng.uniform(1, 3))) * on


def reversing_beeps(rng: np.random.Generator) -> np.ndarray:
    """1,250 Hz, on and off about once a second (SAE J994)."""
    on = gate(rng, 1 / rng.uniform(0.8, 1.8), 0.5)
    return wave(1_250 * rng.normal(1, 0.005), odd(5) * np.append(1, rng.uniform(0.3, 1, 4))) * on


def smoke_alarm(rng: np.random.Generator) -> np.ndarray:
    """Three loud beeps near 3.1 kHz."""
    return np.tanh(3 * tone(rng.uniform(2800, 3500))) * gate(rng, rng.uniform(0.3, 1.0), 0.5)


def fire_alarm(rng: np.random.Generator) -> np.ndarray:
    """Half a second on, half off, thrice (ISO 8201): a horn, a 520 Hz square wave, or held."""
    hz = rng.choice([520, rng.uniform(400, 1_000), rng.uniform(2_000, 3_200)])
    sweep = 1 + rng.choice([0, 0.2]) * ((TIME_S * rng.uniform(1, 8)) % 1)
    on = cadence(rng, [0.5, 0.5, 0.5, 0.5, 0.5, 1.5]) if rng.random() < 0.7 else 1.0
    return wave(hz * sweep, odd(9) + falling(9, 1) * rng.uniform(0, 1)) * on


def sonar(rng: np.random.Generator) -> np.ndarray:
    """A ping that decays, with echoes that come back weaker."""
    hz, start_s = rng.uniform(700, 3_000), rng.uniform(-0.1, 0.4)
    times_s = start_s + np.append(0, rng.uniform(0.1, 0.6, 3))
    levels = np.append(1, rng.uniform(0, 0.35, 3))
    return tone(hz) * hits(times_s, levels, rng.uniform(0.08, 0.5), rise_s=rng.uniform(0.002, 0.02))


def ding(rng: np.random.Generator) -> np.ndarray:
    """A small bell, struck once or twice: a counter, a cash register, a lift."""
    times_s = rng.uniform(-0.1, 0.5) + np.arange(rng.integers(1, 3)) * rng.uniform(0.1, 0.4)
    partials_hz = rng.uniform(900, 3_000) * np.array([1, 1.003, 2.7, 5.2])
    levels = np.array([1, 0.6, *rng.uniform(0.05, 0.6, 2)])
    return ring(times_s, 1.0, partials_hz, levels, rng.uniform(0.2, 1) / np.array([1, 1, 2, 4]))


def metronome(rng: np.random.Generator) -> np.ndarray:
    """Wooden or electronic ticks, 40 to 208 a minute, at times with a higher first beat."""
    times_s = every(rng, 60 / rng.uniform(80, 208))
    accents = rng.uniform(0.4, 1, 2)[np.arange(len(times_s)) % 2]
    hz = rng.uniform(900, 4_000)
    wood = ring(times_s, accents, hz * np.array([1, 2.6]), np.ones(2), rng.uniform(5e-4, 6e-3, 2))
    snap = hits(times_s, accents, 2e-3) * band_noise(rng, 2_000, 7_000)
    return normalised(wood) + rng.uniform(0, 0.5) * normalised(snap)
