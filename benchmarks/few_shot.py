"""How good classes are that are learned from five clips each, and how long that takes.

    python benchmarks/few_shot.py AUDIO FEATURES.h5

ten classes of ESC-50, through the compact encoder: AUDIO is the folder on whose recordings it was
    trained. Examples are of its training recordings; tried on the clips that were held out from it.
ten classes of AudioSet at a time, drawn at random, by Google's VGGish features: FEATURES.h5 is
    bal_train.h5. Examples and clips to try have one of the ten labels each.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from audioset_demo.audio.decoding import open_sound
from audioset_demo.encoders import load_encoder
from audioset_demo.evaluation import evaluate_scores
from audioset_demo.labels import audioset_labels
from audioset_demo.models.network import as_input
from train.compact_encoder.sounds.categories import DEFAULT_TABLE, CategoryTable
from train.compact_encoder.sounds.recordings import read_recordings
from train.data.features import load_features
from train.data.tables import read_table
from train.few_shot.examples import Examples
from train.few_shot.head import fit_head

N_CLASSES, N_EXAMPLES, N_TRIED, N_DRAWS = 10, 5, 40, 10
Clips = list[list[np.ndarray]]  # by class
ESC_10 = (
    "Dog", "Rooster", "Rain", "Sea waves", "Crackling fire", "Crying baby", "Sneezing",
    "Clock tick", "Helicopter", "Chainsaw",
)  # fmt: skip


def main() -> None:
    audio, features = map(Path, sys.argv[1:])
    report("ESC-50, ten classes, compact encoder", esc_draws(audio))
    report("AudioSet, ten classes, VGGish", audioset_draws(features))


def report(what: str, draws: Iterator[tuple[Clips, Clips]]) -> None:
    rows = np.array([tried(*draw) for draw in draws])
    (accuracy, precision, expected, seconds), spread = rows.mean(axis=0), rows.std(axis=0)
    print(
        f"{what}, {len(rows)} draws: accuracy {accuracy:.3f} (deviation {spread[0]:.3f}; expected "
        f"by cross-validation {expected:.3f}), mAP {precision:.3f}, {seconds:.1f} s of one core"
    )


def tried(given: Clips, others: Clips) -> tuple[float, float, float, float]:
    """Accuracy and mAP on other clips, the accuracy that was expected, and seconds to learn."""
    labels, clips = of_classes(given)
    names = tuple(map(str, range(len(given))))
    examples = Examples(clips, labels, names, tuple(map(str, range(len(clips)))))
    started = time.process_time()
    fitted = fit_head(examples)
    seconds = time.process_time() - started
    targets, clips = of_classes(others)
    scores = np.concatenate([fitted.model(as_input(clip)[None]).numpy() for clip in clips])
    return (
        accuracy_of(targets, scores),
        evaluate_scores(targets, scores).mean_average_precision,
        accuracy_of(labels, fitted.scores),
        seconds,
    )


def of_classes(clips: Clips) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels (N, K) bool of clips that come by class, and the clips in one list."""
    classes = np.repeat(np.arange(len(clips)), [len(of) for of in clips])
    return np.eye(len(clips), dtype=bool)[classes], [clip for of in clips for clip in of]


def accuracy_of(targets: np.ndarray, scores: np.ndarray) -> float:
    return float(np.mean(targets[np.arange(len(targets)), scores.argmax(axis=1)]))


def esc_draws(audio: Path) -> Iterator[tuple[Clips, Clips]]:
    recordings = read_recordings(audio, CategoryTable(audioset_labels(), DEFAULT_TABLE), 0.2)
    by_file = {item.path.name: item for item in recordings if item.collection == "esc50"}
    rows = read_table(audio / "esc50.csv", needed=("file", "category"))
    by_class = [
        [by_file[row["file"]] for row in rows if row["category"] == name] for name in ESC_10
    ]
    encoder = load_encoder("compact")

    @cache
    def encoded(path: Path) -> np.ndarray:
        with open_sound(path) as sound:
            return encoder.encode(sound, tail="auto").require_quantised()

    others = [[encoded(item.path) for item in of if item.held_out] for of in by_class]
    for draw in range(N_DRAWS):
        rng = np.random.default_rng(draw)
        given = []
        for of in by_class:
            known = {item.source: item.path for item in of if not item.held_out}
            chosen = rng.choice(sorted(known), N_EXAMPLES, replace=False)
            given.append([encoded(known[source]) for source in chosen])
        yield given, others


def audioset_draws(path: Path) -> Iterator[tuple[Clips, Clips]]:
    features = load_features(path)
    x, y, n_frames = features.x, features.y, features.n_frames
    enough = np.flatnonzero(y.sum(axis=0) >= N_EXAMPLES + N_TRIED)
    for draw in range(N_DRAWS):
        rng = np.random.default_rng(draw)
        classes = rng.choice(enough, N_CLASSES, replace=False)
        has_one = y[:, classes].sum(axis=1) == 1
        given, others = [], []
        for k in classes:
            rows = rng.permutation(np.flatnonzero(y[:, k] & has_one))[: N_EXAMPLES + N_TRIED]
            clips = [x[row, : n_frames[row]] for row in rows]
            given.append(clips[:N_EXAMPLES])
            others.append(clips[N_EXAMPLES:])
        yield given, others


if __name__ == "__main__":
    main()
