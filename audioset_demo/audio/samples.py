"""Sounds made by programs, so that a fresh install has something to tag without any recording.

Some are made here by arithmetic; `docs/samples.py` made the others, which are bundled. The same key
gives the same samples on every call.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import numpy as np
import soundfile

from audioset_demo.audio.waveform import Waveform
from audioset_demo.errors import AudioError

SAMPLE_RATE = 16_000  # Hz
DURATION_S = 10.0  # seconds, the length of an AudioSet clip
_PEAK = 0.8  # leaves headroom, so that no player clips

SAMPLES: dict[str, str] = {
    "sequence": "Speech, then music, then rain",
    "speech": "Speech",
    "piano": "Piano",
    "guitar": "Guitar",
    "applause": "Applause",
    "engine": "Engine",
    "siren": "Siren, wailing",
    "dial_tone": "Dial tone",
    "telephone_bell": "Telephone bell ringing",
    "church_bell": "Church bell",
    "heartbeat": "Heartbeat",
    "clock": "Alarm clock ticking",
    "rain": "Rain",
    "white_noise": "White noise",
    "sweep": "Sine sweep, 50 Hz to 7 kHz",
    "silence": "Silence",
}


def synthesise(key: str) -> Waveform:
    """One of `SAMPLES` as 10 s of mono sound at 16 kHz, its peak at 0.8 (silence: all zeros).

    Raises
    ------
    AudioError : not a key of `SAMPLES`.
    """
    if key not in SAMPLES:
        raise AudioError(f"There is no sample '{key}'. Choose one of: {', '.join(SAMPLES)}.")
    if key not in _MAKERS:
        with (files("audioset_demo") / "assets" / "samples" / f"{key}.flac").open("rb") as file:
            return Waveform(soundfile.read(file, dtype="float32")[0], SAMPLE_RATE, SAMPLES[key])
    samples = _MAKERS[key](_times(DURATION_S), np.random.default_rng(0))
    peak = np.abs(samples).max()
    if peak > 0:
        samples = samples * (_PEAK / peak)
    return Waveform(samples.astype(np.float32), SAMPLE_RATE, SAMPLES[key])


def _times(duration_s: float) -> np.ndarray:
    return np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE


def _oscillator(frequency: np.ndarray, harmonics: dict[int, float]) -> np.ndarray:
    """A tone of changing frequency (n,) in Hz; `harmonics` gives each multiple's amplitude."""
    phase = 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE
    # Harmonics above the Nyquist frequency would fold back as false tones.
    tone = np.zeros_like(phase)
    for multiple, amplitude in harmonics.items():
        audible = multiple * frequency < SAMPLE_RATE / 2
        tone += amplitude * np.where(audible, np.sin(multiple * phase), 0)
    return tone


def _shaped_noise(n: int, rng: np.random.Generator, gain: Callable) -> np.ndarray:
    """Noise whose spectrum follows `gain`, a function of the frequencies (n,) in Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    return np.fft.irfft(spectrum * gain(np.fft.rfftfreq(n, 1 / SAMPLE_RATE)), n)


def _place(n: int, onsets_s: np.ndarray, event: Callable[[int], np.ndarray]) -> np.ndarray:
    """`event(i)` added at the i-th onset, cut at the end of the n samples."""
    samples = np.zeros(n)
    for i, onset_s in enumerate(onsets_s):
        start = round(onset_s * SAMPLE_RATE)
        sound = event(i)[: n - start]
        samples[start : start + len(sound)] += sound
    return samples


def _struck(t: np.ndarray, partials: list[tuple[float, float, float]]) -> np.ndarray:
    """A struck body: each partial is (frequency in Hz, amplitude, decay time in s)."""
    sound = np.zeros_like(t)
    for frequency, amplitude, decay in partials:
        sound += amplitude * np.exp(-t / decay) * np.sin(2 * np.pi * frequency * t)
    return sound


def _siren(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # A wail: up and down between 600 and 1500 Hz every 4 s, through an overdriven horn.
    wail = 0.5 - 0.5 * np.cos(2 * np.pi * t / 4.0)
    frequency = 600 * (1500 / 600) ** wail
    horn = _oscillator(frequency, {1: 1.0, 2: 0.5, 3: 0.6, 4: 0.2, 5: 0.25, 7: 0.1})
    # Two late, weaker copies: houses along the street.
    street = np.zeros_like(horn)
    for delay_s, level in ((0.09, 0.3), (0.21, 0.2)):
        late = round(delay_s * SAMPLE_RATE)
        street[late:] += level * horn[:-late]
    return horn + street + 0.01 * rng.standard_normal(len(t))


def _dial_tone(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # North America's: 350 and 440 Hz without a break.
    line = _shaped_noise(len(t), rng, lambda f: (f > 300) & (f < 3400))
    return np.sin(2 * np.pi * 350 * t) + np.sin(2 * np.pi * 440 * t) + 0.004 * line


def _telephone_bell(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # A clapper strikes two gongs in turn, 20 blows a second, 2 s of ringing and 1.5 s of rest.
    gongs = [
        [(1500.0, 1.0, 0.3), (2790.0, 0.8, 0.2), (4350.0, 0.6, 0.12), (6100.0, 0.4, 0.06)],
        [(1330.0, 1.0, 0.3), (2510.0, 0.8, 0.2), (3980.0, 0.6, 0.12), (5650.0, 0.4, 0.06)],
    ]
    blows = np.concatenate([np.arange(start, start + 2.0, 0.05) for start in (0.2, 3.7, 7.2)])
    loudness = rng.uniform(0.8, 1.0, len(blows))
    ring = _times(1.0)
    return _place(len(t), blows, lambda i: loudness[i] * _struck(ring, gongs[i % 2]))


def _church_bell(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # The partials of a minor-third bell as multiples of its strike note. Each is a pair less
    # than a few hertz apart: no cast bell is quite round, so its partials beat.
    strike = 440.0
    ratios = [
        (0.5, 0.6, 6.0), (1.0, 0.6, 3.5), (1.19, 0.7, 3.0), (1.5, 0.3, 2.0), (2.0, 1.0, 2.5),
        (2.51, 0.4, 1.2), (2.66, 0.35, 1.2), (3.01, 0.6, 1.1), (4.17, 0.5, 0.8),
        (5.43, 0.8, 0.5), (6.8, 0.6, 0.35), (8.2, 0.5, 0.25), (9.7, 0.4, 0.18),
    ]  # fmt: skip
    partials = [
        (strike * ratio + side * 0.35 * (1 + 0.3 * ratio), amplitude, decay)
        for ratio, amplitude, decay in ratios
        for side in (-1, 1)
    ]
    ring = _times(9.0)
    clapper = 0.3 * np.exp(-ring / 0.01) * rng.standard_normal(len(ring))
    stroke = _struck(ring, partials) + clapper
    loudness = (1.0, 0.9, 0.95, 0.85)
    return _place(len(t), np.arange(0.1, 9.0, 2.5), lambda i: loudness[i] * stroke)


def _heartbeat(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # 70 beats a minute as through a stethoscope: bursts of low noise (a pure tone would be a
    # drum), the second 0.3 s after the first, shorter and higher, over the rush of blood.
    s = _times(0.35)

    def thump(centre: float, rise_s: float, loudness: float) -> np.ndarray:
        burst = _shaped_noise(len(s), rng, lambda f: np.exp(-(((f - centre) / 80) ** 2)))
        envelope = s / rise_s * np.exp(1 - s / rise_s)
        return loudness * envelope * burst / np.abs(burst).max()

    sounds = ((100.0, 0.04, 1.0), (140.0, 0.03, 0.7))
    beats = np.arange(0.3, 9.5, 60 / 70)
    onsets = np.sort(np.concatenate([beats, beats + 0.3]))
    rush = _shaped_noise(len(t), rng, lambda f: 1 / (1 + (f / 80) ** 4))
    return _place(len(t), onsets, lambda i: thump(*sounds[i % 2])) + 0.2 * rush


def _clock(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # An alarm clock, five ticks a second. Each tick is four impacts of the escapement within
    # 30 ms, each a click of noise that rings in the case; every other tick is lower.
    s = _times(0.15)
    impacts = ((0.0, 0.5), (0.009, 1.0), (0.016, 0.4), (0.030, 0.25))

    def click(centre: float) -> np.ndarray:
        noise = _shaped_noise(len(s), rng, lambda f: np.exp(-(((f - centre) / 2500) ** 2)))
        case = [(1100.0, 0.1, 0.01), (0.55 * centre, 0.2, 0.01), (centre, 0.2, 0.006)]
        return np.exp(-s / 0.003) * noise + _struck(s, case)

    def tick(centre: float) -> np.ndarray:
        onsets_s = np.array([onset_s for onset_s, _ in impacts])
        return _place(len(s), onsets_s, lambda i: impacts[i][1] * click(centre * (1 + 0.1 * i)))

    pair = (tick(4000.0), 0.8 * tick(3200.0))
    room = _shaped_noise(len(t), rng, lambda f: 1 / (1 + f / 200))
    return _place(len(t), np.arange(0.05, 10, 0.2), lambda i: pair[i % 2]) + 0.01 * room


def _rain(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # Many distant drops make a hiss; a few near ones are heard individually.
    n = len(t)
    hiss = _shaped_noise(n, rng, lambda f: np.sqrt(f) / (400 + f))
    hiss /= hiss.std()
    drop = _times(0.03)

    def near(i: int) -> np.ndarray:
        frequency, loudness = rng.uniform(1200, 6000), rng.exponential(1.2)
        tone = np.sin(2 * np.pi * frequency * drop) + 0.7 * rng.standard_normal(len(drop))
        return loudness * np.exp(-drop / rng.uniform(0.001, 0.004)) * tone

    return hiss + _place(n, rng.uniform(0, DURATION_S, 900), near)


def _white_noise(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(-1, 1, len(t))


def _sweep(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # Equal time for each octave.
    return _oscillator(50 * (7000 / 50) ** (t / DURATION_S), {1: 1.0})


def _silence(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.zeros(len(t))


_MAKERS = {
    "siren": _siren,
    "dial_tone": _dial_tone,
    "telephone_bell": _telephone_bell,
    "church_bell": _church_bell,
    "heartbeat": _heartbeat,
    "clock": _clock,
    "rain": _rain,
    "white_noise": _white_noise,
    "sweep": _sweep,
    "silence": _silence,
}
