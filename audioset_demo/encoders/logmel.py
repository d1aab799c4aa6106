"""VGGish's front end: 16 kHz samples to log-mel examples of 96 frames.

The numbers are those of `mel_features.py` and `vggish_params.py` in tensorflow/models
(`research/audioset/vggish`). Everything is computed in float64 and returned as float32.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from audioset_demo.audio import Waveform, resample
from audioset_demo.encoders.embeddings import FRAME_S

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

BLOCK_FRAMES = 6_000  # one minute at a time, so that long clips hold bounded memory


class Patches(NamedTuple):
    """What both encoders read of a clip.

    Attributes
    ----------
    examples : (T, 96, 64) float32 log-mel, T >= 1.
    times_s : (T,) float64, start of each example in seconds.
    notes : remarks for the user: the waveform's, and whether the clip was padded.
    """

    examples: np.ndarray
    times_s: np.ndarray
    notes: tuple[str, ...]


def _hz_to_mel(hz: np.ndarray | float) -> np.ndarray | float:
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
def _window() -> np.ndarray:
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
    out = np.empty((len(windows), N_MELS), np.float32)
    for start in range(0, len(windows), BLOCK_FRAMES):
        block = windows[start : start + BLOCK_FRAMES] * _window()  # float64 from here on
        magnitudes = np.abs(np.fft.rfft(block, FFT_SIZE))
        out[start : start + BLOCK_FRAMES] = np.log(magnitudes @ mel_matrix() + LOG_OFFSET)
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


def patches(waveform: Waveform) -> Patches:
    """Log-mel examples of a whole clip: resampled to 16 kHz, padded if need be, framed.

    A clip shorter than one example (15,600 samples at 16 kHz) is padded with silence at its end
    to exactly one, and a note says so.
    """
    samples = resample(waveform, SAMPLE_RATE).samples
    notes = waveform.notes
    if len(samples) < EXAMPLE_SAMPLES:
        notes += (
            f"{waveform.duration_s:.3f} s is shorter than one frame "
            f"({EXAMPLE_SAMPLES / SAMPLE_RATE:.3f} s): padded with silence",
        )
        samples = np.pad(samples, (0, EXAMPLE_SAMPLES - len(samples)))
    cut = examples(log_mel(samples))
    return Patches(cut, np.arange(len(cut)) * FRAME_S, notes)
