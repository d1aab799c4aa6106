"""Examples so easy that few clips are enough: each class has its own direction in the space."""

import numpy as np

from train.few_shot.examples import Examples

NAMES = ("bell", "siren", "kettle")


def frames_of(k: int | None, rng: np.random.Generator, n_frames: int, n_with: int) -> np.ndarray:
    """Quantised frames (T, 128) of which `n_with` hold class `k`, and the others noise."""
    frames = rng.normal(128, 20, (n_frames, 128))
    if k is not None:
        frames[rng.permutation(n_frames)[:n_with], 16 * k : 16 * k + 16] += 80
    return np.clip(frames, 0, 255).astype(np.uint8)


def easy_examples(
    n_each: int = 5, names: tuple[str, ...] = NAMES, background: int = 0, seed: int = 0
) -> Examples:
    """Clips of three to ten frames, two of which hold their class."""
    rng = np.random.default_rng(seed)
    classes = [*np.repeat(np.arange(len(names)), n_each), *[None] * background]
    labels = np.array([[k == column for column in range(len(names))] for k in classes], bool)
    return Examples(
        [frames_of(k, rng, int(rng.integers(3, 11)), 2) for k in classes],
        labels,
        names,
        tuple(f"recording {n}" for n in range(len(classes))),
    )
