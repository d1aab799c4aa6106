"""Per-class AP and AUC of a whole evaluation set: ours against scikit-learn, a class at a time.

    python benchmarks/metrics.py [eval.h5]

takes the labels of a features file, or draws as many of each class as AudioSet's evaluation set
has, and random scores that tell the classes apart. Prints both times, their ratio, and the greatest
difference of any figure; fails where that exceeds 1e-9.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from audioset_demo.evaluation import evaluate_scores
from audioset_demo.labels import audioset_labels
from train.data.features import load_features

N_CLIPS = 20_371
TOLERANCE = 1e-9


def draw_labels(rng: np.random.Generator) -> np.ndarray:
    """(N, 527) bool with the evaluation set's number of clips of each class."""
    labels = np.zeros((N_CLIPS, len(audioset_labels())), bool)
    for label in audioset_labels():
        labels[rng.choice(N_CLIPS, label.n_eval, replace=False), label.index] = True
    return labels


def draw_scores(targets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N, K) float32 probabilities, higher by three units of the logit where a label is set."""
    logits = rng.standard_normal(targets.shape, np.float32) + 3 * targets - 5
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def scikit_learn(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return np.array(
        [
            [metric(targets[:, k], scores[:, k]) for k in range(targets.shape[1])]
            for metric in (average_precision_score, roc_auc_score)
        ]
    )


def ours(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    result = evaluate_scores(targets, scores)
    return np.array([result.average_precision, result.auc])


def timed(evaluate: Callable, *arguments) -> tuple[float, np.ndarray]:
    started = time.perf_counter()
    figures = evaluate(*arguments)
    return time.perf_counter() - started, figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, nargs="?", help="features whose labels are taken")
    parser.add_argument("--pairs", type=int, default=3, help="times each is run (%(default)s)")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    targets = load_features(arguments.data).y if arguments.data else draw_labels(rng)
    scores = draw_scores(targets, rng)
    seconds = []
    for _ in range(arguments.pairs):
        slow, expected = timed(scikit_learn, targets, scores)
        fast, figures = timed(ours, targets, scores)
        seconds.append((slow, fast))
    difference = np.abs(figures - expected).max()
    slow, fast = (statistics.median(column) for column in zip(*seconds, strict=True))
    ratio = statistics.median(slow / fast for slow, fast in seconds)
    print(f"{targets.shape[0]:,} clips, {targets.shape[1]} classes, medians of {arguments.pairs}")
    print(f"scikit-learn {slow:.3f} s, ours {fast:.3f} s: {ratio:.1f} times as fast")
    print(f"greatest difference of an AP or AUC: {difference:.1e}")
    if not difference <= TOLERANCE:
        raise SystemExit(f"The figures differ by more than {TOLERANCE}.")


if __name__ == "__main__":
    main()
