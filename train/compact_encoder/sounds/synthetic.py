"""The means of sound synthesis: tones, noises, resonances and strokes.

Makers of sounds are built from these. A maker takes a random generator and returns 15,600 samples
at 16 kHz; its level means nothing, because the scenes set it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter

from audioset_demo.encoders.logmel import EXAMPLE_SAMPLES as N
from audioset_demo.encoders.logmel import SAMPLE_RATE

Maker = Callable[[np.random.Generator], np.ndarray]

TIME_S = np.arange(N) / SAMPLE_RATE
MAX_HZ = 7_800
_FREQUENCY_HZ = np.maximum(np.fft.rfftfreq(N, 1 / SAMPLE_RATE), 30.0)
_TABLE = 4_096  # samples in one period of a waveform
_LEAD = SAMPLE_RATE  # strokes ring into the window from up to a second before it


# --- tones ---------------------------------------------------------------------


def tone(hz: np.ndarray | float, phase: float = 0.0) -> np.ndarray:
    """A sine of constant or gliding frequency."""
    return np.sin(2 * np.pi * np.cumsum(np.broadcast_to(hz, N)) / SAMPLE_RATE + phase)


def wave(hz: np.ndarray | float, levels: np.ndarray, phase: float = 0.0) -> np.ndarray:
    """Harmonics of a constant or gliding frequency, with their levels from the first one on.

    They are looked up in one period, so their number costs nothing. Those that would lie above
    the Nyquist frequency are left out.
    """
    hz = np.broadcast_to(hz, N)
    levels = levels[: max(1, int(MAX_HZ / max(1.0, hz.max())))]
    order = np.arange(1, len(levels) + 1)
    spectrum = np.zeros(_TABLE // 2 + 1, complex)
    # Phases that grow with the square spread the energy over the period.
    spectrum[order] = -0.5j * _TABLE * levels * np.exp(0.1j * order**2)
    period = np.fft.irfft(spectrum, _TABLE)
    place = (np.cumsum(hz) / SAMPLE_RATE + phase / (2 * np.pi)) * _TABLE
    return period[place.astype(np.int64) % _TABLE]


def falling(n_harmonics: int, exponent: float) -> np.ndarray:
    """Levels of harmonics that fall as order ** -exponent: 1 is a sawtooth."""
    return np.arange(1.0, n_harmonics + 1) ** -exponent


def odd(n_harmonics: int) -> np.ndarray:
    """Levels of the harmonics of a square wave."""
    order = np.arange(1, n_harmonics + 1)
    return (order % 2) / order


# --- shapes in time ---------------------------------------------------------------------


def gate(rng: np.random.Generator, period_s: float, duty: float) -> np.ndarray:
    """A train of pulses, 0 or 1, with edges of 3 ms."""
    return smooth(((TIME_S + rng.uniform(0, period_s)) % period_s) < duty * period_s)


def cadence(rng: np.random.Generator, lengths_s: list[float]) -> np.ndarray:
    """A repeated pattern of on, off, on, …, of which the window shows a part where it is on."""
    edges = np.cumsum(lengths_s)
    start_s = rng.uniform(-0.6, 0.6 * lengths_s[0])
    interval = np.searchsorted(edges, (TIME_S + start_s) % edges[-1], side="right")
    return smooth(interval % 2 == 0)


def smooth(steps: np.ndarray) -> np.ndarray:
    """Steps with edges of 3 ms."""
    return np.convolve(steps, np.hanning(48) / np.hanning(48).sum(), "same")


def wander(rng: np.random.Generator, rate_hz: float, depth: float) -> np.ndarray:
    """A random curve in [-depth, depth] that turns about `rate_hz` times a second."""
    n_knots = max(2, int(rate_hz * N / SAMPLE_RATE) + 2)
    knots = np.linspace(0, N, n_knots)
    return np.interp(np.arange(N), knots, rng.uniform(-depth, depth, n_knots))


def every(rng: np.random.Generator, period_s: float, jitter: float = 0.0) -> np.ndarray:
    """Times in s of a regular stroke, from a second before the window to its end.

    `jitter` is the deviation of each, in periods.
    """
    times_s = np.arange(rng.uniform(-1, -1 + period_s), N / SAMPLE_RATE, period_s)
    return times_s + jitter * period_s * rng.standard_normal(len(times_s))


def strokes(times_s: np.ndarray, levels: np.ndarray | float) -> np.ndarray:
    """Impulses at times in s, of which 0 is the window's start: a second longer than a window."""
    out = np.zeros(_LEAD + N)
    places = ((times_s + 1) * SAMPLE_RATE).astype(int)
    inside = (places >= 0) & (places < len(out))
    np.add.at(out, places[inside], np.broadcast_to(levels, places.shape)[inside])
    return out


def hits(
    times_s: np.ndarray, levels: np.ndarray | float, fall_s: float, rise_s: float = 5e-4
) -> np.ndarray:
    """A curve that jumps to `levels` at times in s and falls off exponentially: for noises."""
    fall, rise = (np.exp(-1 / (SAMPLE_RATE * max(s, 1e-4))) for s in (fall_s, rise_s))
    poles = [1, -fall - rise, fall * rise]
    return lfilter([1 - rise], poles, strokes(times_s, levels))[_LEAD:]


def ring(
    times_s: np.ndarray,
    levels: np.ndarray | float,
    partials_hz: np.ndarray,
    partial_levels: np.ndarray,
    decays_s: np.ndarray,
) -> np.ndarray:
    """A struck body: partials that decay to 1/e in `decays_s` after each stroke."""
    struck, out = strokes(times_s, levels), np.zeros(N)
    for hz, level, decay_s in zip(partials_hz, partial_levels, decays_s, strict=True):
        if hz < MAX_HZ:
            radius = np.exp(-1 / (SAMPLE_RATE * decay_s))
            angle = 2 * np.pi * hz / SAMPLE_RATE
            poles = [1, -2 * radius * np.cos(angle), radius**2]
            out += lfilter([level * np.sin(angle)], poles, struck)[_LEAD:]
    return out


# --- noises and filters ---------------------------------------------------------------------


def coloured_noise(rng: np.random.Generator, slope: float) -> np.ndarray:
    """Noise whose amplitude falls as frequency ** -slope (0 white, 0.5 pink, 1 brown)."""
    return _noise(rng, _FREQUENCY_HZ**-slope)


def band_noise(rng: np.random.Generator, low_hz: float, high_hz: float) -> np.ndarray:
    """Noise between two frequencies, with slopes of 24 dB an octave beside them."""
    low, high = (low_hz / _FREQUENCY_HZ) ** 2, (_FREQUENCY_HZ / high_hz) ** 2
    return _noise(rng, 1 / ((1 + low * low) * (1 + high * high)))


def _noise(rng: np.random.Generator, gains: np.ndarray) -> np.ndarray:
    spectrum = rng.standard_normal((len(gains), 2)).view(complex)[:, 0]
    return normalised(np.fft.irfft(spectrum * gains, N))


def normalised(samples: np.ndarray) -> np.ndarray:
    """Scaled to a peak of 1."""
    return samples / max(1e-6, np.abs(samples).max())


def resonate(samples: np.ndarray, hz: float, bandwidth_hz: float) -> np.ndarray:
    """A two-pole resonance at `hz`, of gain 1 at DC."""
    radius = np.exp(-np.pi * bandwidth_hz / SAMPLE_RATE)
    poles = [1, -2 * radius * np.cos(2 * np.pi * hz / SAMPLE_RATE), radius**2]
    return lfilter([sum(poles)], poles, samples)


def low_pass(samples: np.ndarray, hz: float) -> np.ndarray:
    """Falls by 6 dB an octave above `hz`."""
    pole = np.exp(-2 * np.pi * hz / SAMPLE_RATE)
    return lfilter([1 - pole], [1, -pole], samples)


def echoed(
    rng: np.random.Generator, samples: np.ndarray, length_s: float, level: float
) -> np.ndarray:
    """With some twenty echoes at random delays that die away over `length_s`, ever duller."""
    out, dull = samples.copy(), low_pass(samples, 2_500)
    for delay_s in np.sort(rng.uniform(0.01, min(length_s, 0.9), 20)):
        delay = int(delay_s * SAMPLE_RATE)
        gain = rng.normal() * level * np.exp(-3 * delay_s / length_s)
        out[delay:] += gain * dull[: N - delay]
    return out
