"""How fast the compact encoder is on one core, and what memory it takes beyond torch's.

    python benchmarks/compact_encoder.py

Encodes ten minutes of noise at 16 kHz, from samples to embeddings, log-mel included. Prints how
many times faster than the sound that is (median of five), the share of the log-mel front end, the
bytes on disk, and by how much the peak of the resident memory rose over that of `import torch`.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from audioset_demo.audio.waveform import Waveform
from audioset_demo.encoders.compact import BUNDLED, WEIGHTS_FILE, CompactEncoder
from audioset_demo.encoders.logmel import SAMPLE_RATE
from audioset_demo.encoders.streaming import BATCH_EXAMPLES, ExampleStream

DURATION_S = 600
REPEATS = 5


def peak_mb() -> float:
    """The peak resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def median_s(work: Callable[[], object]) -> float:
    """The median time of `work`, after one run that does not count."""
    times = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    torch.set_num_threads(1)
    torch.ones(1) + torch.ones(1)
    bare_mb = peak_mb()
    rng = np.random.default_rng(0)
    samples = 0.1 * rng.standard_normal(DURATION_S * SAMPLE_RATE, dtype=np.float32)
    minute = Waveform(samples[: 60 * SAMPLE_RATE], SAMPLE_RATE, "noise")
    encoder = CompactEncoder()
    encoder.encode(minute)
    print(f"a minute: {peak_mb() - bare_mb:.0f} MB of memory beyond torch")

    sound = Waveform(samples, SAMPLE_RATE, "noise")
    whole_s = median_s(lambda: encoder.encode(sound))
    front_s = median_s(lambda: list(ExampleStream(sound).batches(BATCH_EXAMPLES)))
    print(f"{DURATION_S} s: {DURATION_S / whole_s:.0f} times real time on one core")
    print(f"log-mel: {front_s / whole_s:.0%} of the time")
    print(f"weights: {len((BUNDLED / WEIGHTS_FILE).read_bytes()) / 1e6:.2f} MB on disk")


if __name__ == "__main__":
    main()
