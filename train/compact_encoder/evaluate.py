"""Evaluation of an encoder on held-out sounds: tags, timing, false alarms, and how sure it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import torch
from sklearn.isotonic import IsotonicRegression

from audioset_demo.embeddings.frames import FRAME_S, quantise
from audioset_demo.encoders.compact import CompactNet
from audioset_demo.encoders.encoder import encode_examples
from audioset_demo.models.network import TaggingModel, as_input
from train.compact_encoder.held_out import (
    EVERYDAY,
    SEQUENCE_PART_S,
    SEQUENCE_SOUNDS,
    HeldOut,
    Sequence,
    Sound,
)

TOP = (1, 3, 5, 10)
COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)

# A sound to the scores of the whole (K,) and of its frames (T, K).
Scorer = Callable[[Sound], tuple[np.ndarray, np.ndarray]]


class EncoderScorer:
    """Sounds through the encoder, its quantisation and a tagging model."""

    def __init__(self, network: CompactNet, model: TaggingModel):
        self._network, self._model = network.eval(), model

    def read(self, sound: Sound) -> torch.Tensor:
        """(T, 128) float32: the input of tagging models."""
        return as_input(quantise(encode_examples(self._network, sound.examples)))

    @torch.inference_mode()
    def __call__(self, sound: Sound) -> tuple[np.ndarray, np.ndarray]:
        frames = self.read(sound)
        return self._model(frames[None])[0].numpy(), self._model.frame_scores(frames).numpy()


def teacher_scorer(teacher: Callable, columns: np.ndarray) -> Scorer:
    """The teacher's scores, averaged over the windows for the whole; -1 for classes it lacks."""

    def score(sound: Sound) -> tuple[np.ndarray, np.ndarray]:
        of_windows = np.stack([teacher(window).scores for window in sound.windows])
        frames = np.where(columns >= 0, of_windows[:, columns], -1.0)
        return frames.mean(axis=0), frames

    return score


def judge(scorer: Scorer, held_out: HeldOut) -> dict:
    """All figures of one scorer: the hit rates of each set, and an entry for each other measure."""
    collections = {name: clips for name, clips in held_out.sets.items() if name != EVERYDAY}
    everything = [clip for clips in collections.values() for clip in clips]
    once = _remembering(scorer)
    figures = {
        "sets": {name: hit_rates(once, clips) for name, clips in held_out.sets.items()},
        "all": hit_rates(once, everything),
        "sureness": sureness(once, everything),
        "excerpts": excerpt_rates(scorer, held_out.excerpts),
        "calm": calmness(scorer, held_out.calm),
        "in_time": in_time(scorer, held_out.sequences),
    }
    if held_out.real is not None and isinstance(scorer, EncoderScorer):
        figures["distance"] = distances(scorer, everything, held_out.real)
    return figures


def _remembering(scorer: Scorer) -> Scorer:
    """The scorer, which does not score a sound again."""
    scores: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def score(sound: Sound) -> tuple[np.ndarray, np.ndarray]:
        if id(sound) not in scores:
            scores[id(sound)] = scorer(sound)
        return scores[id(sound)]

    return score


def hit_rates(scorer: Scorer, clips: list[Sound]) -> dict:
    """Shares of clips that have an expected class among their top 1, 3, 5 and 10.

    Returns
    -------
    dict with `clips`, `top1` and so on, the same as a mean over categories under
    `by_category_mean`, and for each category under `categories`.
    """
    hits = defaultdict(list)
    for clip in clips:
        hits[clip.group].append([_rank(scorer(clip)[0], clip.expected) < top for top in TOP])
    everything = np.concatenate([np.array(rows) for rows in hits.values()])
    means = np.array([np.mean(rows, axis=0) for rows in hits.values()])
    return {
        **_figures(everything),
        "by_category_mean": _shares(means.mean(axis=0)),
        "categories": {name: _figures(np.array(hits[name])) for name in sorted(hits)},
    }


def sureness(scorer: Scorer, clips: list[Sound]) -> dict:
    """How often the top tag is right among the clips whose top score is highest.

    Returns
    -------
    dict with `coverage`, a list of share of the clips, least top score and share of wrong top tags
    among them; `half_wrong_below`, the score at which half of the top tags are wrong (isotonic
    regression; 0 where fewer are at any score); and of the clips of categories that are not trained
    on `unknown`: their number, how many have a top tag that is wrong, and how many of these score
    above `half_wrong_below`.
    """
    scores = np.array([scorer(clip)[0] for clip in clips])
    top = scores.max(axis=1)
    right = np.array(
        [_rank(own, clip.expected) == 0 for own, clip in zip(scores, clips, strict=True)]
    )
    half = _half_wrong_below(top, right)
    unknown = np.array([not clip.trained for clip in clips])
    wrong = unknown & ~right
    return {
        "coverage": _risk_by_coverage(top, right),
        "half_wrong_below": round(half, 4),
        "unknown": {
            "clips": int(unknown.sum()),
            "wrong": int(wrong.sum()),
            "wrong_and_sure": int((wrong & (top >= half)).sum()),
        },
    }


def _risk_by_coverage(top: np.ndarray, right: np.ndarray) -> list[dict]:
    order = np.argsort(-top, kind="stable")
    rows = []
    for coverage in COVERAGES:
        kept = order[: max(1, round(coverage * len(order)))]
        rows.append(
            {
                "coverage": coverage,
                "score": round(float(top[kept[-1]]), 4),
                "wrong": _share(~right[kept]),
            }
        )
    return rows


def _half_wrong_below(top: np.ndarray, right: np.ndarray) -> float:
    fitted = IsotonicRegression(y_min=0, y_max=1).fit(top, right)
    order = np.sort(top)
    often_right = order[fitted.predict(order) >= 0.5]
    if not len(often_right):
        return 1.0
    return float(often_right[0]) if often_right[0] > order[0] else 0.0


def excerpt_rates(scorer: Scorer, excerpts: list[Sound]) -> dict:
    """By group, shares of excerpts with speech (or music, or a kind of it) in the top 1 and 3."""
    ranks = defaultdict(list)
    for excerpt in excerpts:
        ranks[excerpt.group].append(_rank(scorer(excerpt)[0], excerpt.expected))
    return {
        group: {
            "excerpts": len(found),
            "top1": _share(np.array(found) < 1),
            "top3": _share(np.array(found) < 3),
        }
        for group, found in sorted(ranks.items())
    }


def calmness(scorer: Scorer, calm: list[Sound]) -> dict:
    """How often silence and noise are tagged as such, and the highest score of any other class."""
    first_allowed, others = [], []
    for sound in calm:
        scores = scorer(sound)[0]
        first_allowed.append(_rank(scores, sound.expected) == 0)
        others.append(float(np.delete(scores, sound.expected).max()))
    return {
        "sounds": len(calm),
        "silence_or_noise_first": _share(first_allowed),
        "greatest_other_score": round(max(others), 4),
    }


def in_time(scorer: Scorer, sequences: list[Sequence]) -> dict:
    """Share of sounds in a sequence whose class scores highest in a frame of their own part."""
    right = []
    for sequence in sequences:
        frames = scorer(sequence.sound)[1]
        middles_s = (np.arange(len(frames)) + 0.5) * FRAME_S
        part_of = np.minimum(middles_s // SEQUENCE_PART_S, SEQUENCE_SOUNDS - 1)
        for place, expected in enumerate(sequence.parts):
            right.append(part_of[frames[:, list(expected)].max(axis=1).argmax()] == place)
    return {"sounds": len(right), "in_own_part": _share(right) if right else None}


def distances(scorer: EncoderScorer, clips: list[Sound], real: torch.Tensor) -> dict:
    """Distance of the encoder's embeddings to the nearest of half of the real ones, root mean
    square over dimensions; and that of the other half of the real ones, for comparison.
    """
    there, others = real[::2], real[1::2]
    own = torch.cat([scorer.read(clip) for clip in clips])
    return {
        "to_nearest_real_frame": round(_to_nearest(own, there), 4),
        "of_real_frames": round(_to_nearest(others[: len(own)], there), 4),
    }


def _to_nearest(frames: torch.Tensor, others: torch.Tensor) -> float:
    return float(torch.cdist(frames, others).amin(dim=1).mean() / frames.shape[1] ** 0.5)


def table(figures: dict[str, dict]) -> str:
    """The hit rates of several scorers on each set, as text."""
    lines = [f"{'':44}{'clips':>7}" + "".join(f"{f'top-{top}':>8}" for top in TOP)]
    for scorer, judged in figures.items():
        lines.append(scorer)
        for name, rates in (judged["sets"] | {"all collections": judged["all"]}).items():
            shares = "".join(f"{rates[f'top{top}']:8.3f}" for top in TOP)
            lines.append(f"  {name:42}{rates['clips']:7}{shares}")
    return "\n".join(lines)


def _rank(scores: np.ndarray, expected: tuple[int, ...]) -> int:
    """How many classes score higher than the best expected one."""
    return int((scores > scores[list(expected)].max()).sum())


def _figures(hits: np.ndarray) -> dict:
    return {"clips": len(hits), **_shares(hits.mean(axis=0))}


def _shares(shares: np.ndarray) -> dict:
    return {f"top{top}": round(float(share), 4) for top, share in zip(TOP, shares, strict=True)}


def _share(right) -> float:
    return round(float(np.mean(right)), 4)
