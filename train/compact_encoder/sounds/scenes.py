"""Scenes: windows of augmented and mixed sound, with the teacher's output and the labels of each.

Scenes are made once, in shards on disk, and read many times by the training. A shard depends on
(seed, its number) alone; an incomplete one is made again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from audioset_demo.encoders.logmel import EXAMPLE_FRAMES, EXAMPLE_SAMPLES, N_MELS, log_mel
from audioset_demo.errors import DataError
from audioset_demo.storage import new_folder, write_json
from train.compact_encoder.sounds import augment
from train.compact_encoder.sounds.categories import Category, CategoryTable
from train.compact_encoder.sounds.makers import IMITATIONS, SYNTHETIC, TEXTURES
from train.compact_encoder.sounds.recordings import Recording
from train.compact_encoder.sounds.synthetic import coloured_noise, normalised
from train.compact_encoder.sounds.tones import silence

KINDS_FILE = "kinds.json"
SHARD_SCENES = 2_500
SYNTHETIC_SHARE = 0.25
# Groups of synthetic sounds: makers with their classes, share of draws, trust in the classes.
SYNTHETIC_GROUPS = ((SYNTHETIC, 0.35, 1.0), (IMITATIONS, 0.35, 0.5), (TEXTURES, 0.3, 0.0))
MIX_SHARE = 0.4  # of the recorded scenes
# Many copies of one sound at once: claps become applause, voices a crowd, drops rain. The teacher
# alone labels them.
LAYERED_SHARE = 0.04
LAYERS = (4, 40)
# A category with n sources is drawn n ** this times as often as one with a single source.
SOURCES_EXPONENT = 0.55
# Recordings played backwards, or at half to double speed: the teacher alone labels them.
ALTERED_SHARE = 0.12
CODED_SHARE = 0.15  # most sound files went through a lossy codec
PROFILE_HOP = 1_600  # samples, 0.1 s
# A window this much below its recording's loudest one may not hold the labelled sound.
TRUSTED_DB, DISTRUSTED_DB = 12.0, 30.0
# Levels below full scale that the loudest sample of a recording is brought to.
PEAK_RANGE_DB = (-24.0, 0.0)


@dataclass(frozen=True)
class Kinds:
    """All labels that a scene can have: the categories, then the synthetic sounds.

    Attributes
    ----------
    names : n kinds.
    targets : (n, K) float32, target scores.
    silence : (K,) float32, target scores where there is no sound.
    """

    names: tuple[str, ...]
    targets: np.ndarray
    silence: np.ndarray


def kinds_of(recordings: list[Recording], table: CategoryTable) -> Kinds:
    """The kinds of the recordings and of the synthetic sounds."""
    categories = {item.category.name: item.category for item in recordings if item.category}
    by_name = {label.name: label.index for label in table.labels}
    for maker, names in (SYNTHETIC | IMITATIONS).items():
        if names and all(name in by_name for name in names):
            classes = tuple(by_name[name] for name in names)
            categories[maker.__name__] = Category(maker.__name__, (), classes, ())
    names = tuple(sorted(categories))
    targets = {name: table.targets(categories[name]) for name in names}
    nothing = np.zeros(len(table.labels), np.float32)
    return Kinds(names, np.stack(list(targets.values())), targets.get(silence.__name__, nothing))


@dataclass(frozen=True)
class _Sound:
    """A recording in memory; `profile_db` (m,) is the level every 0.1 s, below the loudest."""

    samples: np.ndarray
    profile_db: np.ndarray
    kind: int  # -1: no category
    certainty: float  # of the category, in [0, 1]

    @classmethod
    def read(cls, recording: Recording, kind: int) -> _Sound:
        samples = recording.samples()
        samples = samples / max(1e-4, float(np.abs(samples).max()))
        energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
        centres = np.arange(0, len(samples), PROFILE_HOP)
        first = np.maximum(0, centres - EXAMPLE_SAMPLES // 2)
        last = np.minimum(len(samples), centres + EXAMPLE_SAMPLES // 2)
        power = (energy[last] - energy[first]) / EXAMPLE_SAMPLES + 1e-12
        profile_db = 10 * np.log10(power / power.max())
        return cls(samples, profile_db, kind, recording.certainty)


def scene_maker(
    recordings: list[Recording], kinds: Kinds, open_teacher: Callable[[], Callable]
) -> SceneMaker:
    """A maker with a teacher of its own, for a process of its own."""
    return SceneMaker(recordings, kinds, open_teacher())


class SceneMaker:
    """Draws scenes from recordings and synthetic sounds.

    Parameters
    ----------
    recordings : those to train on; none may be held out.
    kinds : the labels that scenes can have.
    teacher : called with (15600,) samples.
    """

    def __init__(self, recordings: list[Recording], kinds: Kinds, teacher: Callable):
        self.kinds = kinds
        self.teacher = teacher
        self._kind_index = {name: index for index, name in enumerate(kinds.names)}
        # Drawn in three steps, so that a source with many files does not drown the others.
        groups: dict[str, dict[str, list[_Sound]]] = defaultdict(lambda: defaultdict(list))
        weights = {"": 1.0}
        for item in tqdm(recordings, desc="reading recordings", unit="file"):
            if item.held_out:
                raise ValueError(f"{item.path} is held out and must not be trained on.")
            name = item.category.name if item.category else ""
            weights[name] = item.category.weight if item.category else 1.0
            kind = self._kind_index.get(name, -1)
            groups[name][item.source].append(_Sound.read(item, kind))
        self._groups = [[list(files) for files in group.values()] for group in groups.values()]
        drawn = np.array([weights[name] * len(groups[name]) ** SOURCES_EXPONENT for name in groups])
        self._group_shares = drawn / drawn.sum()

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[int, float]]]:
        """One scene: (15600,) float32 samples, and (kind, trust in [0, 1]) of what is in it."""
        if rng.random() < SYNTHETIC_SHARE:
            samples, labels = self._synthetic(rng)
        else:
            samples, labels = self._recorded(rng)
            if rng.random() < MIX_SHARE:
                other, other_labels = self._recorded(rng)
                ratio_db = rng.uniform(-3, 18)
                samples = augment.mixed(samples, other, ratio_db)
                audible = float(np.clip(1 - ratio_db / 12, 0, 1))
                labels = labels + [(kind, trust * audible) for kind, trust in other_labels]
        if rng.random() < 0.25:
            noise = coloured_noise(rng, rng.uniform(0, 1))
            samples = augment.mixed(samples, noise, rng.uniform(8, 40))
        if rng.random() < CODED_SHARE:
            samples = augment.coded(rng, samples)
        return np.clip(samples, -1, 1).astype(np.float32), labels

    def _synthetic(self, rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[int, float]]]:
        shares = [share for _, share, _ in SYNTHETIC_GROUPS]
        group, _, trust = SYNTHETIC_GROUPS[rng.choice(len(SYNTHETIC_GROUPS), p=shares)]
        maker = list(group)[rng.integers(len(group))]
        samples = maker(rng)
        if group is IMITATIONS:
            samples = _as_if_recorded(rng, samples)
        peak = np.abs(samples).max()
        if peak > 0.01:
            samples = samples / peak * 10 ** (rng.uniform(*PEAK_RANGE_DB) / 20)
        kind = self._kind_index.get(maker.__name__, -1)
        return samples, [(kind, trust if kind >= 0 else 0.0)]

    def _recorded(self, rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[int, float]]]:
        sound = self._sound(rng)
        if rng.random() < LAYERED_SHARE:
            return self._layered(rng, sound), [(sound.kind, 0.0)]
        place, centre = _place(rng, sound)
        altered = rng.random() < ALTERED_SHARE
        octaves = 1.0 if altered else augment.MAX_SPEED_OCTAVES
        samples = augment.excerpt(rng, sound.samples, centre, EXAMPLE_SAMPLES, octaves)
        if altered and rng.random() < 0.5:
            samples = samples[::-1]
        if rng.random() < 0.5:
            samples = augment.coloured(rng, samples)
        if rng.random() < 0.25:
            samples = augment.reverberated(rng, samples)
        samples = samples * 10 ** (rng.uniform(*PEAK_RANGE_DB) / 20)
        if altered or sound.kind < 0:
            return samples, [(sound.kind, 0.0)]
        depth = (-sound.profile_db[place] - TRUSTED_DB) / (DISTRUSTED_DB - TRUSTED_DB)
        return samples, [(sound.kind, sound.certainty * float(np.clip(1 - depth, 0, 1)))]

    def _sound(self, rng: np.random.Generator) -> _Sound:
        group = self._groups[rng.choice(len(self._groups), p=self._group_shares)]
        files = group[rng.integers(len(group))]
        return files[rng.integers(len(files))]

    def _layered(self, rng: np.random.Generator, sound: _Sound) -> np.ndarray:
        """Copies of one recording at other places, speeds and levels, all at once."""
        samples = np.zeros(EXAMPLE_SAMPLES)
        for _ in range(rng.integers(*LAYERS)):
            _, centre = _place(rng, sound)
            copy = augment.excerpt(rng, sound.samples, centre, EXAMPLE_SAMPLES)
            samples += np.roll(copy, rng.integers(EXAMPLE_SAMPLES)) * rng.uniform(0.1, 1)
        if rng.random() < 0.7:
            samples = augment.reverberated(rng, samples)
        return normalised(samples) * 10 ** (rng.uniform(*PEAK_RANGE_DB) / 20)


def _as_if_recorded(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
    """By some microphone, in some room, and never without a little noise."""
    if rng.random() < 0.5:
        samples = augment.coloured(rng, samples)
    if rng.random() < 0.5:
        samples = augment.reverberated(rng, samples)
    return augment.mixed(samples, coloured_noise(rng, rng.uniform(0.2, 0.8)), rng.uniform(15, 45))


def _place(rng: np.random.Generator, sound: _Sound) -> tuple[int, int]:
    """A place of the sound's profile, and a sample near it.

    Loud places are drawn more often: they hold the sound that the label names.
    """
    odds = 10 ** (sound.profile_db / 20) + 0.05
    place = int(rng.choice(len(odds), p=odds / odds.sum()))
    return place, place * PROFILE_HOP + int(rng.integers(-PROFILE_HOP, PROFILE_HOP))


def make_shards(
    make: Callable[[], SceneMaker], kinds: Kinds, folder: Path, n_scenes: int, seed: int, jobs: int
) -> list[Path]:
    """Write the shards that are not there yet, in `jobs` processes; return all, in order.

    `make` makes what draws the scenes; each process calls it once, so it must be picklable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_kinds(kinds, folder)
    counts = [min(SHARD_SCENES, n_scenes - start) for start in range(0, n_scenes, SHARD_SCENES)]
    shards = [folder / f"shard_{number:03d}_of_{count}" for number, count in enumerate(counts)]
    tasks = [
        (shard, count, [seed, number])
        for number, (shard, count) in enumerate(zip(shards, counts, strict=True))
        if not shard.is_dir()
    ]
    total = sum(count for _, count, _ in tasks)
    with tqdm(total=total, desc="scenes", unit="scene") as progress:
        for count in _written(make, tasks, jobs):
            progress.update(count)
    return shards


_Task = tuple[Path, int, list[int]]  # the shard, its number of scenes, its seed
_makers: list[SceneMaker] = []  # of this process


def _written(make: Callable[[], SceneMaker], tasks: list[_Task], jobs: int) -> Iterator[int]:
    """Write the shards of the tasks; yields the number of scenes of each when it is there."""
    if not tasks:
        return
    if jobs == 1:
        maker = make()
        yield from (_write_shard(maker, *task) for task in tasks)
    else:
        # Started afresh, since a copy of a process with the teacher's interpreter may hang.
        with get_context("spawn").Pool(min(jobs, len(tasks)), _start, (make,)) as pool:
            yield from pool.imap_unordered(_write, tasks)


def _start(make: Callable[[], SceneMaker]) -> None:
    _makers.append(make())


def _write(task: _Task) -> int:
    return _write_shard(_makers[0], *task)


def _check_kinds(kinds: Kinds, folder: Path) -> None:
    """Refuse to add to shards of another table or other recordings: they hold indices of kinds."""
    path = folder / KINDS_FILE
    if not path.is_file():
        write_json(path, kinds.names)
    elif tuple(json.loads(path.read_text(encoding="utf-8"))) != kinds.names:
        raise DataError(
            f"{folder} holds scenes of other categories than these recordings have. "
            "Give another --output, or delete that folder."
        )


def _write_shard(maker: SceneMaker, shard: Path, count: int, seed: list[int]) -> int:
    """Write `count` scenes, and return their number."""
    rng = np.random.default_rng(seed)
    examples = np.empty((count, EXAMPLE_FRAMES, N_MELS), np.float16)
    scores, frames = [], []
    kinds, trust = np.full((count, 2), -1, np.int16), np.zeros((count, 2), np.float16)
    for row in range(count):
        samples, labels = maker.draw(rng)
        examples[row] = log_mel(samples)
        output = maker.teacher(samples)
        scores.append(output.scores.astype(np.float16))
        if output.frame is not None:
            frames.append(output.frame.astype(np.float16))
        for column, (kind, confidence) in enumerate(labels):
            kinds[row, column], trust[row, column] = kind, confidence
    arrays = {
        "examples": examples,
        "scores": np.stack(scores),
        "kinds": kinds,
        "trust": trust,
    }
    if frames:
        arrays["frames"] = np.stack(frames)
    with new_folder(shard) as part:
        for name, array in arrays.items():
            np.save(part / f"{name}.npy", array)
    return count
