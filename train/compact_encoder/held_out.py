"""The held-out sounds that encoders are scored on, all in memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

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
from audioset_demo.models.network import as_input
from train.compact_encoder.real_frames import draw_frames
from train.compact_encoder.sounds.categories import Category, relatives
from train.compact_encoder.sounds.recordings import Recording, at_least_one_window, in_order
from train.compact_encoder.sounds.synthetic import coloured_noise
from train.data.features import FeatureSet
from train.data.tables import read_table

EVERYDAY = "everyday"
EVERYDAY_TABLE = Path(__file__).with_name("everyday.csv")
MAX_EVERYDAY_CLIPS = 3  # of each kind
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

    `expected` are the indices of the classes that count as right; `trained` is False where no
    sound of its category is trained on.
    """

    windows: np.ndarray
    examples: np.ndarray
    expected: tuple[int, ...]
    group: str
    trained: bool = True

    @classmethod
    def cut(
        cls, samples: np.ndarray, expected: tuple[int, ...], group: str, trained: bool = True
    ) -> Sound:
        samples = at_least_one_window(samples)
        starts = range(0, len(samples) - EXAMPLE_SAMPLES + 1, _WINDOW_HOP)
        windows = np.stack([samples[start : start + EXAMPLE_SAMPLES] for start in starts])
        return cls(windows, cut_examples(log_mel(samples)), expected, group, trained)


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
    sets : whole recordings of categories known for certain: by collection, and everyday ones.
    excerpts : 5 s of held-out speech and music; `group` names the collection.
    calm : silence and noises.
    sequences : clips one after another.
    real : (F, 128) real embeddings, as tagging models read them; None where none were given.
    """

    sets: dict[str, list[Sound]]
    excerpts: list[Sound]
    calm: list[Sound]
    sequences: list[Sequence]
    real: torch.Tensor | None = None


def check_held_out(recordings: list[Recording]) -> None:
    """Raise a DataError if there is nothing to train on or to score with."""
    if not any(item.scored for item in recordings):
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
    scored = {item: item.samples() for item in recordings if item.scored}
    listed = [(item.category, samples) for item, samples in scored.items() if item.category]
    return HeldOut(
        sets=_by_collection(scored, recordings, labels) | _everyday(scored, labels),
        excerpts=[
            excerpt
            for item in recordings
            if item.held_out and item.category and item.category.excerpts
            for excerpt in _excerpts(item.samples(), item.category, labels)
        ],
        calm=_calm_sounds(labels),
        sequences=_sequences(listed),
        real=None if features is None else _real_frames(features),
    )


def _by_collection(
    scored: dict[Recording, np.ndarray], recordings: list[Recording], labels: tuple[Label, ...]
) -> dict[str, list[Sound]]:
    """The scored recordings of each collection."""
    trained = {
        index
        for item in recordings
        if item.category and not item.held_out
        for index in item.category.classes
    }
    sets: dict[str, list[Sound]] = defaultdict(list)
    for item, samples in scored.items():
        assert item.category is not None
        known = not trained.isdisjoint(item.category.classes)
        expected = hits(item.category, labels)
        sets[item.collection].append(Sound.cut(samples, expected, item.category.name, known))
    return dict(sets)


def hits(category: Category, labels: tuple[Label, ...]) -> tuple[int, ...]:
    """The classes that count as right for a category: of one that is a class itself, that class,
    its parents and its children in the ontology; of another, those that its table names.
    """
    itself = [label.index for label in labels if label.name == category.name]
    return tuple(sorted(relatives(labels)[itself[0]])) if itself else category.expected


def _everyday(
    scored: dict[Recording, np.ndarray], labels: tuple[Label, ...]
) -> dict[str, list[Sound]]:
    """Sounds that visitors try first: of each kind in the table up to three clips."""
    by_name = {label.name: label.index for label in labels}
    clips = []
    for row in read_table(EVERYDAY_TABLE, needed=("kind", "classes")):
        expected = tuple(by_name[name] for name in row["classes"].split("|"))
        of_kind = [
            item
            for item in scored
            if item.category and not set(expected).isdisjoint(item.category.classes)
        ]
        for item in in_order(of_kind)[:MAX_EVERYDAY_CLIPS]:
            clips.append(Sound.cut(scored[item], expected, row["kind"]))
    return {EVERYDAY: clips} if clips else {}


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
