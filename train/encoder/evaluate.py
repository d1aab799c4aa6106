"""How well clips are tagged: is a class expected for the clip's category near the top?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from audioset_demo.encoders.compact import CompactNet, encode_examples
from audioset_demo.encoders.logmel import EXAMPLE_FRAMES, EXAMPLE_SAMPLES, HOP_SAMPLES, log_mel
from audioset_demo.encoders.logmel import examples as cut_examples
from audioset_demo.encoders.pca import quantise
from audioset_demo.models.pooling import TaggingModel
from train.encoder.recordings import Recording, at_least_one_window

TOP = (1, 5, 10)
_WINDOW_HOP = EXAMPLE_FRAMES * HOP_SAMPLES


@dataclass(frozen=True)
class HeldOutClip:
    """A clip, cut into T windows: samples (T, 15600) and log-mel (T, 96, 64)."""

    recording: Recording
    windows: np.ndarray
    examples: np.ndarray


def read_held_out(recordings: list[Recording]) -> list[HeldOutClip]:
    """The held-out recordings, in memory."""
    clips = []
    for recording in recordings:
        if recording.held_out:
            samples = at_least_one_window(recording.samples())
            starts = range(0, len(samples) - EXAMPLE_SAMPLES + 1, _WINDOW_HOP)
            windows = np.stack([samples[start : start + EXAMPLE_SAMPLES] for start in starts])
            clips.append(HeldOutClip(recording, windows, cut_examples(log_mel(samples))))
    return clips


def encoder_scores(
    network: CompactNet, model: TaggingModel, clips: list[HeldOutClip]
) -> np.ndarray:
    """(n clips, K): each clip through the encoder, its quantisation and a tagging model."""
    network.eval()
    scores = []
    for clip in clips:
        read = (quantise(encode_examples(network, clip.examples)).astype(np.float32) - 128) / 128
        with torch.inference_mode():
            scores.append(model(torch.from_numpy(read)[None])[0].numpy())
    return np.stack(scores)


def teacher_scores(teacher: Callable, columns: np.ndarray, clips: list[HeldOutClip]) -> np.ndarray:
    """(n clips, K): the teacher's scores, averaged over the windows; -1 for classes it lacks."""
    scores = [np.mean([teacher(window).scores for window in clip.windows], 0) for clip in clips]
    return np.where(columns >= 0, np.stack(scores)[:, columns], -1.0)


def hit_rates(clips: list[HeldOutClip], scores: np.ndarray) -> dict:
    """Shares of clips that have an expected class among their top 1, 5 and 10.

    Returns
    -------
    dict with `clips`, `top1`, `top5`, `top10`, the same as a mean over categories under
    `by_category_mean`, and for each category under `categories`.
    """
    hits = defaultdict(list)
    for clip, row in zip(clips, scores, strict=True):
        expected = np.isin(
            np.argsort(-row, kind="stable")[: max(TOP)], clip.recording.category.expected
        )
        hits[clip.recording.category.name].append([expected[:top].any() for top in TOP])
    everything = np.concatenate([np.array(rows) for rows in hits.values()])
    means = np.array([np.mean(rows, axis=0) for rows in hits.values()])
    return {
        **_figures(everything),
        "by_category_mean": _shares(means.mean(axis=0)),
        "categories": {name: _figures(np.array(hits[name])) for name in sorted(hits)},
    }


def table(figures: dict[str, dict]) -> str:
    """The figures of several scorers, as text."""
    lines = [f"{'':28}{'clips':>7}" + "".join(f"{f'top-{top}':>8}" for top in TOP)]
    for name, rates in figures.items():
        shares = "".join(f"{rates[f'top{top}']:8.3f}" for top in TOP)
        lines.append(f"{name:28}{rates['clips']:7}{shares}")
        shares = "".join(f"{rates['by_category_mean'][f'top{top}']:8.3f}" for top in TOP)
        lines.append(f"{'  mean over categories':28}{'':7}{shares}")
    return "\n".join(lines)


def _figures(hits: np.ndarray) -> dict:
    return {"clips": len(hits), **_shares(hits.mean(axis=0))}


def _shares(shares: np.ndarray) -> dict:
    return {f"top{top}": round(float(share), 4) for top, share in zip(TOP, shares, strict=True)}
