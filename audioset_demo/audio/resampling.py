"""Samples at another rate, block by block: the same whatever the blocks' lengths.

Two resamplers. `soxr` (its HQ) is the default: fast, and exact to 0.004 log-mel units. `resampy`
(its `kaiser_best`) is the one in Google's own front end, for comparisons with embeddings made by
that; what it changes is in docs/vggish.md and measured by benchmarks/resampling.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from audioset_demo.errors import AudioSetDemoError

RESAMPLERS = ("soxr", "resampy")

# Zero crossings of resampy's filter kaiser_best on each side, at the lower of the two rates.
_RESAMPY_ZEROS = 50
_CHUNK_SAMPLES = 2**16


def resampled(
    blocks: Iterable[np.ndarray], from_rate: int, to_rate: int, resampler: str = "soxr"
) -> Iterator[np.ndarray]:
    """Blocks (n,) float32 at another sample rate (Hz); the same whatever the blocks' lengths.

    At least one sample comes out: a sound shorter than half of one is padded with silence.

    Raises
    ------
    AudioSetDemoError : there is no such resampler, or it is not installed.
    """
    require_resampler(resampler)
    if from_rate == to_rate:
        return iter(blocks)
    resample = _by_soxr if resampler == "soxr" else _by_resampy
    return resample(blocks, from_rate, to_rate)


def require_resampler(name: str) -> None:
    """Raise `AudioSetDemoError` unless there is such a resampler and it is installed."""
    if name not in RESAMPLERS:
        raise AudioSetDemoError(
            f"There is no resampler '{name}'. Choose one of: {', '.join(RESAMPLERS)}."
        )
    if name == "resampy":
        try:
            import resampy  # noqa: F401 (an extra; a second to import)
        except ImportError as error:
            raise AudioSetDemoError(
                "The resampler 'resampy' is not installed. Install it with "
                '`pip install "resampy>=0.4.3"`, or take the default, soxr.'
            ) from error


def _by_soxr(blocks: Iterable[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    resampler = soxr.ResampleStream(from_rate, to_rate, 1, "float32", "HQ")
    n = 0
    for block in blocks:
        n += len(block)
        yield resampler.resample_chunk(block)
    silence = np.zeros(max(0, from_rate // (2 * to_rate) + 1 - n), np.float32)
    yield resampler.resample_chunk(silence, last=True)


def _by_resampy(blocks: Iterable[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """Chunk by chunk, each with as much of its neighbours as the filter reaches.

    resampy takes whole sounds only. A chunk begins where an input and an output sample coincide,
    so that its samples fall between the same phases of the filter as in the whole sound.
    """
    import resampy

    common = math.gcd(from_rate, to_rate)
    step, step_out = from_rate // common, to_rate // common  # from one such place to the next
    reach = math.ceil((_RESAMPY_ZEROS + 1) * max(1.0, from_rate / to_rate))
    margin = math.ceil(reach / step) * step
    chunk = math.ceil(_CHUNK_SAMPLES / step) * step

    def resample(samples: np.ndarray) -> np.ndarray:
        # As Google's front end, in float64.
        return resampy.resample(samples.astype(np.float64), from_rate, to_rate).astype(np.float32)

    before = 0  # samples held whose output was yielded before
    held = np.empty(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= before + chunk + margin:
            done = before // step * step_out
            out = resample(held[: before + chunk + margin])
            yield out[done : done + chunk // step * step_out]
            held = held[before + chunk - margin :]
            before = margin
    if len(held) * to_rate < from_rate:  # resampy refuses less than one sample
        held = np.pad(held, (0, math.ceil(from_rate / to_rate) - len(held)))
    yield resample(held)[before // step * step_out :]
