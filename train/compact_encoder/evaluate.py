"""Evaluation of an encoder on held-out sounds: tags, timing, and false alarms in silence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from audioset_demo.embeddings.frames import FRAME_S, quantise
from audioset_demo.encoders.compact import CompactNet
from audioset_demo.encoders.encoder import encode_examples
from audioset_demo.encoders.logmel import (
    EXAMPLE_FRAMES,
    EXAMPLE_SAMPLES,
    HOP_SAMPLES,
    SAMPLE_RATE,
    log_mel,
)
from audioset_demo.encoders.logmel import examples as cut_examples
from audioset_demo.errors import DataError
from audioset_demo.labels import Label
from audioset_demo.models.network import TaggingModel, as_input
from train.compact_encoder.real_frames import draw_frames
from train.compact_encoder.sounds.categories import Category
from train.compact_encoder.sounds.recordings import Recording, at_least_one_window
from train.compact_encoder.sounds.synthetic import coloured_noise
from train.data.features import FeatureSet

TOP = (1, 5, 10)
EXCERPT_S = 5.0
SPEECH_AND_MUSIC = {"speech": "Speech", "music": "Music"}
# Three sounds of 3 s, one after another.
SEQUENCE_SOUNDS, SEQUENCE_PART_S, N_SEQUENCES = 3, 3.0, 150
NOISE_SLOPES = {"white": 0.0, "pink": 0.5, "brown": 1.0}
NOISE_LEVELS_DB = (-60, -40, -20)
# The classes that silence and noise may get.
CALM_CLASSES = ("Silence", "Noise", "White noise", "Pink noise", "Static", "Hum", "Mains hum")
N_REAL_FRAMES = 40_000
_WINDOW_HOP = EXAMPLE_FRAMES * HOP_SAMPLES


@dataclass(frozen=True)
class Sound:
    """The input of encoder and teacher: T windows of samples (T, 15600), log-mel (T, 96, 64).

    `expected` are the indices of the classes that count as right.
    """

    windows: np.ndarray
    examples: np.ndarray
    expected: tuple[int, ...]
    group: str

    @classmethod
    def cut(cls, samples: np.ndarray, expected: tuple[int, ...], group: str) -> Sound:
        samples = at_least_one_window(samples)
        starts = range(0, len(samples) - EXAMPLE_SAMPLES + 1, _WINDOW_HOP)
        windows = np.stack([samples[start : start + EXAMPLE_SAMPLES] for start in starts])
        return cls(windows, cut_examples(log_mel(samples)), expected, group)


@dataclass(frozen=True)
class Sequence:
    """Sounds one after another; `parts` holds the expected classes of each."""

    sound: Sound
    parts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class HeldOut:
    """All sounds that encoders are scored on, in memory.

    Attributes
    ----------
    clips : held-out recordings of listed categories, whole.
    excerpts : 5 s of held-out speech and music; `group` names the collection.
    calm : silence and noises.
    sequences : clips one after another.
    real : (F, 128) real embeddings, as tagging models read them; None where none were given.
    """

    clips: list[Sound]
    excerpts: list[Sound]
    calm: list[Sound]
    sequences: list[Sequence]
    real: torch.Tensor | None = None


# A sound to the scores of the whole (K,) and of its frames (T, K).
Scorer = Callable[[Sound], tuple[np.ndarray, np.ndarray]]


def check_held_out(recordings: list[Recording]) -> None:
    """Raise a DataError if there is nothing to train on or to score with."""
    if not any(item.held_out and item.listed for item in recordings):
        raise DataError(
            "No recording of a listed category is held out, so the encoder cannot be scored. "
            "Give --hold-out a share above 0, and list at least three sources of one category."
        )
    if all(item.held_out for item in recordings):
        raise DataError("All recordings are held out. Lower --hold-out, or list more sources.")


def read_held_out(
    recordings: list[Recording], labels: tuple[Label, ...], features: FeatureSet | None = None
) -> HeldOut:
    """All sounds to score on, made from those recordings that are held out."""
    held_out = [item for item in recordings if item.held_out]
    listed = [(item.category, item.samples()) for item in held_out if item.listed and item.category]
    return HeldOut(
        clips=[
            Sound.cut(samples, category.expected, category.name) for category, samples in listed
        ],
        excerpts=[
            excerpt
            for item in held_out
            if item.category and item.category.excerpts
            for excerpt in _excerpts(item.samples(), item.category, labels)
        ],
        calm=_calm_sounds(labels),
        sequences=_sequences(listed),
        real=None if features is None else _real_frames(features),
    )


def _real_frames(features: FeatureSet) -> torch.Tensor:
    return as_input(features.x[draw_frames(features, 0, N_REAL_FRAMES)])


def _subtree(name: str, labels: tuple[Label, ...]) -> tuple[int, ...]:
    """The class `name` and all below it."""
    return tuple(label.index for label in labels if any(name in path for path in label.paths))


def _excerpts(samples: np.ndarray, category: Category, labels: tuple[Label, ...]) -> list[Sound]:
    expected = _subtree(SPEECH_AND_MUSIC[category.excerpts], labels)
    length = int(EXCERPT_S * SAMPLE_RATE)
    starts = range(0, max(1, len(samples) - length + 1), length)
    group = f"{category.excerpts}: {category.name}"
    return [Sound.cut(samples[start : start + length], expected, group) for start in starts]


def _calm_sounds(labels: tuple[Label, ...]) -> list[Sound]:
    allowed = tuple(label.index for label in labels if label.name in CALM_CLASSES)
    sounds = [Sound.cut(np.zeros(5 * SAMPLE_RATE, np.float32), allowed, "silence")]
    for name, slope in NOISE_SLOPES.items():
        for level_db in NOISE_LEVELS_DB:
            rng = np.random.default_rng(0)
            noise = np.concatenate([coloured_noise(rng, slope) for _ in range(5)])
            noise *= 10 ** (level_db / 20) / np.sqrt(np.mean(noise**2))
            sounds.append(Sound.cut(noise.clip(-1, 1).astype(np.float32), allowed, f"{name} noise"))
    return sounds


def _sequences(listed: list[tuple[Category, np.ndarray]]) -> list[Sequence]:
    """Clips of three categories that share no class, the loudest 3 s of each."""
    rng = np.random.default_rng(0)
    found: list[Sequence] = []
    if len({category.name for category, _ in listed}) < SEQUENCE_SOUNDS:
        return found
    for _ in range(20 * N_SEQUENCES):
        chosen = [listed[place] for place in rng.permutation(len(listed))[:SEQUENCE_SOUNDS]]
        parts = tuple(category.expected for category, _ in chosen)
        if len(set().union(*parts)) == sum(len(set(part)) for part in parts):
            samples = np.concatenate([_loudest(samples) for _, samples in chosen])
            found.append(Sequence(Sound.cut(samples, (), "sequence"), parts))
        if len(found) == N_SEQUENCES:
            break
    return found


def _loudest(samples: np.ndarray) -> np.ndarray:
    """The loudest 3 s, at a root mean square of 0.1; a shorter sound is repeated."""
    length = int(SEQUENCE_PART_S * SAMPLE_RATE)
    if len(samples) <= length:
        part = np.resize(samples, length)
    else:
        energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
        start = int(np.argmax(energy[length:] - energy[:-length]))
        part = samples[start : start + length]
    return (part * (0.1 / np.sqrt(np.mean(part**2) + 1e-12))).clip(-1, 1).astype(np.float32)


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
    """All figures of one scorer: those of `hit_rates`, and one entry for each other measure."""
    figures = {
        **hit_rates(scorer, held_out.clips),
        "excerpts": excerpt_rates(scorer, held_out.excerpts),
        "calm": calmness(scorer, held_out.calm),
        "in_time": in_time(scorer, held_out.sequences),
    }
    if held_out.real is not None and isinstance(scorer, EncoderScorer):
        figures["distance"] = distances(scorer, held_out.clips, held_out.real)
    return figures


def hit_rates(scorer: Scorer, clips: list[Sound]) -> dict:
    """Shares of clips that have an expected class among their top 1, 5 and 10.

    Returns
    -------
    dict with `clips`, `top1`, `top5`, `top10`, the same as a mean over categories under
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
    """The hit rates of several scorers, as text."""
    lines = [f"{'':28}{'clips':>7}" + "".join(f"{f'top-{top}':>8}" for top in TOP)]
    for name, rates in figures.items():
        shares = "".join(f"{rates[f'top{top}']:8.3f}" for top in TOP)
        lines.append(f"{name:28}{rates['clips']:7}{shares}")
        shares = "".join(f"{rates['by_category_mean'][f'top{top}']:8.3f}" for top in TOP)
        lines.append(f"{'  mean over categories':28}{'':7}{shares}")
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
