"""What a resampler changes in the log-mel spectrogram, and how long it takes.

    python benchmarks/resampling.py

Synthesises sounds at 44.1 and 48 kHz, resamples them to 16 kHz, and compares their log-mel with
that of the same sounds synthesised at 16 kHz: greatest and mean difference, but for the first and
last three frames (30 ms), and the greatest of those. All sounds end below 8 kHz, so that nothing
is lost. Then the time for a minute of noise, and how far the two resamplers that can be chosen
(`--resampler`) lie apart on the same sounds. resampy is an extra: pip install resampy.
"""

import argparse
import math
import time
from collections.abc import Callable

import numpy as np
import resampy
import soxr
from scipy.signal import chirp, resample_poly

from audioset_demo.audio.resampling import resampled
from audioset_demo.encoders.logmel import SAMPLE_RATE, log_mel

DURATION_S = 3
EDGE_FRAMES = 3
Resampler = Callable[[np.ndarray, int], np.ndarray]


def sounds(rate: int) -> dict[str, np.ndarray]:
    t = np.arange(DURATION_S * rate) / rate
    return {
        "tone of 1 kHz": 0.5 * np.sin(2 * np.pi * 1000 * t),
        "chirp to 7.4 kHz": 0.5 * chirp(t, 50, DURATION_S, 7400, "logarithmic"),
        "noise to 7.4 kHz": noise(t, 7400),
        "noise to 7.9 kHz": noise(t, 7900),
    }


def noise(t: np.ndarray, highest_hz: float, n: int = 2000) -> np.ndarray:
    """Many tones of random pitch and phase."""
    rng = np.random.default_rng(0)
    pitches, phases = rng.uniform(20, highest_hz, n), rng.uniform(0, 2 * np.pi, n)
    total = np.zeros_like(t)
    for hertz, phase in zip(pitches, phases, strict=True):
        total += np.sin(2 * np.pi * hertz * t + phase)
    return 0.1 * total / math.sqrt(n / 2)


def soxr_of(quality: str) -> Resampler:
    return lambda samples, rate: soxr.resample(
        samples.astype(np.float32), rate, SAMPLE_RATE, quality=quality
    )


def polyphase(samples: np.ndarray, rate: int) -> np.ndarray:
    common = math.gcd(rate, SAMPLE_RATE)
    return resample_poly(samples, SAMPLE_RATE // common, rate // common)


def resampy_of(filter: str) -> Resampler:
    return lambda samples, rate: resampy.resample(samples, rate, SAMPLE_RATE, filter=filter)


def apart(samples: np.ndarray, rate: int) -> str:
    """Log-mel by `--resampler resampy` against that by soxr."""
    blocks = [samples.astype(np.float32)]
    ours, theirs = (
        log_mel(np.concatenate(list(resampled(blocks, rate, SAMPLE_RATE, resampler))))
        for resampler in ("soxr", "resampy")
    )
    n = min(len(ours), len(theirs))
    difference = np.abs(ours[:n] - theirs[:n])[EDGE_FRAMES:-EDGE_FRAMES]
    return f"{difference.max():.4f} at most, {difference.mean():.5f} in the mean"


RESAMPLERS: dict[str, Resampler] = {
    **{f"soxr {quality}": soxr_of(quality) for quality in ("QQ", "LQ", "MQ", "HQ", "VHQ")},
    "resample_poly": polyphase,
    **{f"resampy {name}": resampy_of(name) for name in ("kaiser_best", "kaiser_fast")},
}


def seconds(resampler: Resampler, samples: np.ndarray, rate: int) -> float:
    times = []
    for _ in range(4):
        started = time.perf_counter()
        resampler(samples, rate)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    expected = {kind: log_mel(samples) for kind, samples in sounds(SAMPLE_RATE).items()}
    for rate in (44_100, 48_000):
        there = sounds(rate)
        minute = np.random.default_rng(0).normal(0, 0.1, 60 * rate).astype(np.float32)
        for name, resampler in RESAMPLERS.items():
            print(f"{rate} Hz, {name}: a minute in {1e3 * seconds(resampler, minute, rate):.0f} ms")
            for kind, samples in there.items():
                difference = np.abs(log_mel(resampler(samples, rate)) - expected[kind])
                inner = difference[EDGE_FRAMES:-EDGE_FRAMES]
                print(
                    f"  {kind}: {inner.max():.4f} at most, {inner.mean():.5f} in the mean; "
                    f"{difference.max():.4f} at the edges"
                )
        for kind, samples in there.items():
            print(f"{rate} Hz, soxr against resampy, {kind}: {apart(samples, rate)}")


if __name__ == "__main__":
    main()
