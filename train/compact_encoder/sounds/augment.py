"""Random changes to a waveform that leave its classes the same."""

from __future__ import annotations

import io

import numpy as np
import soundfile
import soxr
from scipy.signal import fftconvolve

from audioset_demo.encoders.logmel import SAMPLE_RATE

MAX_SPEED_OCTAVES = 0.4  # pitch and speed change together, as on a tape


def excerpt(
    rng: np.random.Generator,
    samples: np.ndarray,
    centre: int,
    length: int,
    max_octaves: float = MAX_SPEED_OCTAVES,
) -> np.ndarray:
    """(length,) samples around `centre`, often faster or slower; silence outside the recording."""
    speed = 2 ** rng.uniform(-max_octaves, max_octaves) if rng.random() < 0.6 else 1.0
    needed = int(np.ceil(length * speed)) + 1
    start = centre - needed // 2
    cut = samples[max(0, start) : start + needed]
    before = max(0, -start)
    cut = np.pad(cut, (before, max(0, needed - before - len(cut))))
    if speed != 1.0:
        cut = soxr.resample(cut, SAMPLE_RATE * speed, SAMPLE_RATE, quality="LQ")
        cut = np.pad(cut, (0, max(0, length - len(cut))))
    return cut[:length]


def coloured(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
    """Through a random smooth frequency response: a microphone, a loudspeaker, a narrow line."""
    spectrum = np.fft.rfft(samples)
    octaves = np.log2(np.maximum(np.linspace(0, SAMPLE_RATE / 2, len(spectrum)), 40.0))
    knots = np.linspace(octaves[0], octaves[-1], 6)
    gain_db = np.interp(octaves, knots, rng.normal(0, 4, len(knots)))
    if rng.random() < 0.3:
        gain_db -= 24 * np.maximum(0, octaves - np.log2(10 ** rng.uniform(3.3, 3.85)))
    if rng.random() < 0.3:
        gain_db -= 18 * np.maximum(0, np.log2(10 ** rng.uniform(1.9, 2.7)) - octaves)
    return np.fft.irfft(spectrum * 10 ** (gain_db / 20), len(samples))


def reverberated(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
    """In a room: convolved with noise that decays by 60 dB in 0.15 to 1.2 s."""
    decay_s = 10 ** rng.uniform(-0.8, 0.1)
    time_s = np.arange(int(min(decay_s, 0.6) * SAMPLE_RATE)) / SAMPLE_RATE
    response = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / decay_s)
    response *= 10 ** rng.uniform(-1.3, -0.1) / np.sqrt((response**2).sum())
    response[0] = 1.0
    return fftconvolve(samples, response)[: len(samples)]


def coded(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
    """Through MP3 or Ogg Vorbis, at anything from their worst quality to a good one."""
    container = ("MP3", "OGG")[rng.integers(2)]
    memory = io.BytesIO()
    quality = {"compression_level": rng.uniform(0.3, 0.95)}
    soundfile.write(memory, samples.clip(-1, 1), SAMPLE_RATE, format=container, **quality)
    memory.seek(0)
    decoded, _ = soundfile.read(memory)
    return np.pad(decoded, (0, max(0, len(samples) - len(decoded))))[: len(samples)]


def rms(samples: np.ndarray) -> float:
    """Root mean square, never zero."""
    return float(np.sqrt(np.mean(np.square(samples)) + 1e-12))


def mixed(first: np.ndarray, second: np.ndarray, ratio_db: float) -> np.ndarray:
    """`first` plus `second`, the first louder by `ratio_db`."""
    return first + second * (rms(first) / rms(second) * 10 ** (-ratio_db / 20))
