"""VGGish's front end: 16 kHz samples to log-mel examples of 96 frames.

The numbers are those of `mel_features.py` and `vggish_params.py` in tensorflow/models
(`research/audioset/vggish`). Everything is computed in float64 and returned as float32.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from audioset_demo.embeddings.frames import FRAME_S
from audioset_demo.errors import AudioSetDemoError

SAMPLE_RATE = 16_000  # Hz
WINDOW_SAMPLES = 400  # 25 ms
HOP_SAMPLES = 160  # 10 ms
FFT_SIZE = 512  # the next power of two above the window
N_BINS = FFT_SIZE // 2 + 1
N_MELS = 64
MEL_MIN_HZ = 125.0
MEL_MAX_HZ = 7_500.0
LOG_OFFSET = 0.01  # added to the mel magnitudes before the logarithm

EXAMPLE_FRAMES = 96  # spectrogram frames in one example; 96 x 10 ms is FRAME_S
EXAMPLE_SAMPLES = WINDOW_SAMPLES + (EXAMPLE_FRAMES - 1) * HOP_SAMPLES  # 15,600, the least for one

BLOCK_FRAMES = 100  # spectrogram frames computed at a time: arrays that stay in the cache


def _hz_to_mel(hz: np.ndarray | float) -> np.ndarray:
    """The HTK mel scale."""
    return 1127.0 * np.log1p(np.asarray(hz) / 700.0)


@cache
def mel_matrix() -> np.ndarray:
    """Weights from FFT bins to mel bands, (257, 64) float64, read-only.

    The triangles are linear in mel, of height 1 and not normalised by their width; the DC bin
    has no weight.
    """
    bins_mel = _hz_to_mel(np.linspace(0.0, SAMPLE_RATE / 2, N_BINS))[:, None]
    edges = np.linspace(_hz_to_mel(MEL_MIN_HZ), _hz_to_mel(MEL_MAX_HZ), N_MELS + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins_mel - lower) / (centre - lower)
    falling = (upper - bins_mel) / (upper - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights[0] = 0.0
    weights.setflags(write=False)
    return weights


@cache
def _triangles() -> tuple[np.ndarray, np.ndarray]:
    """`mel_matrix` without its zeros: for each band, the bins of its triangle and their weights.

    Both are (64, bins of the widest). Faster than the dense product, whose BLAS threads would
    contend with those of the network that runs at the same time.
    """
    weights = mel_matrix().T
    first = (weights > 0).argmax(axis=1)
    bins = first[:, None] + np.arange((weights > 0).sum(axis=1).max())
    return bins, np.take_along_axis(weights, bins, axis=1)


@cache
def window() -> np.ndarray:
    """Periodic Hann window, (400,) float64."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW_SAMPLES) / WINDOW_SAMPLES)


def _windows(array: np.ndarray, length: int, hop: int) -> np.ndarray:
    """View of the whole windows along the first axis, (n_windows, length, ...); no copy."""
    if len(array) < length:
        return np.empty((0, length, *array.shape[1:]), array.dtype)
    view = np.lib.stride_tricks.sliding_window_view(array, length, axis=0)[::hop]
    return np.moveaxis(view, -1, 1)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Log-mel spectrogram of 16 kHz samples.

    Parameters
    ----------
    samples : (n,) mono at 16 kHz, nominally in [-1, 1].

    Returns
    -------
    (frames, 64) float32, one frame every 10 ms, natural logarithm; a frame needs 400 samples,
    so that there are `1 + (n - 400) // 160` of them, and none below 400 samples.
    """
    windows = _windows(np.asarray(samples), WINDOW_SAMPLES, HOP_SAMPLES)
    bins, weights = _triangles()
    out = np.empty((len(windows), N_MELS), np.float32)
    for start in range(0, len(windows), BLOCK_FRAMES):
        block = windows[start : start + BLOCK_FRAMES] * window()  # float64 from here on
        magnitudes = np.abs(np.fft.rfft(block, FFT_SIZE))
        mel = np.einsum("fbk,bk->fb", magnitudes[:, bins], weights)
        out[start : start + BLOCK_FRAMES] = np.log(mel + LOG_OFFSET)
    return out


def examples(log_mel: np.ndarray, hop_frames: int = EXAMPLE_FRAMES) -> np.ndarray:
    """Cut a log-mel spectrogram into VGGish's examples; an incomplete last one is dropped.

    Parameters
    ----------
    log_mel : (frames, 64), one frame every 10 ms.
    hop_frames : spectrogram frames from one example to the next; 96 leaves no overlap.

    Returns
    -------
    (T, 96, 64), a view of `log_mel`; T is 0 below 96 frames.
    """
    return _windows(log_mel, EXAMPLE_FRAMES, hop_frames)


def hop_frames(hop_s: float) -> int:
    """Spectrogram frames from one example to the next, for a hop in seconds.

    Raises
    ------
    AudioSetDemoError : the hop is not a multiple of 10 ms from 0.01 to 0.96 s.
    """
    frames = hop_s * SAMPLE_RATE / HOP_SAMPLES
    # Written so that NaN fails.
    if not (1 - 1e-6 < frames < EXAMPLE_FRAMES + 1e-6 and abs(frames - round(frames)) < 1e-6):
        raise AudioSetDemoError(
            f"A hop of {hop_s} s from frame to frame is not possible. Give a multiple of 0.01 s "
            f"from 0.01 to {FRAME_S}, e.g. 0.48."
        )
    return round(frames)
