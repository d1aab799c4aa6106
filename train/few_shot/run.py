"""A few-shot run: a folder as `python -m train fit` writes one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from audioset_demo.models.checkpoint import save_checkpoint
from train.data.features import FeatureSet, load_features, training_files
from train.few_shot.card import card_of
from train.few_shot.examples import Examples
from train.few_shot.head import STEPS, fit_head
from train.runs import CHECKPOINT_DIR, command_line, held_run, log_metrics, open_run
from train.tagger.evaluate import labels_of


def few_shot(data: Path, run: Path, seed: int = 0) -> Iterator[str]:
    """Fit a head to all clips of a features file; lines on how it did on clips held out.

    Raises
    ------
    DataError
        If there is too little to learn a class from, or `run` already holds a run.
    """
    features = load_features(training_files(data))
    examples = examples_of(features)
    config = {"command": "few-shot", "seed": seed}
    with held_run(run, config, resume=False):
        with tqdm(total=1.0, unit="", bar_format="{l_bar}{bar}| {elapsed}") as bar:
            fitted = fit_head(examples, seed=seed, progress=lambda share: bar.update(share - bar.n))
            bar.update(1 - bar.n)
        training = {
            "set": f"{features.name} ({len(features):,} clips)",
            "command": command_line("few-shot", data="DATA", output="RUN", seed=seed),
            "iteration": STEPS,
        }
        card = card_of(fitted, examples, run.name, features.file.encoder, training)
        checkpoint = run / CHECKPOINT_DIR / "head.safetensors"
        open_run(run, config)
        save_checkpoint(checkpoint, fitted.model, card)
        log_metrics(run, {"iteration": STEPS, "checkpoint": checkpoint.name, **card.metrics})
    yield from _report(examples, fitted.scores, card.metrics.get("validation"))
    yield str(checkpoint)


def examples_of(features: FeatureSet) -> Examples:
    """All clips of a features file, with their recordings."""
    clips = [x[:n] for x, n in zip(features.x, features.n_frames, strict=True)]
    names = tuple(label.name for label in labels_of(features))
    groups = tuple(group.decode(errors="replace") for group in features.groups)
    return Examples(clips, features.y, names, groups)


def _report(examples: Examples, scores: np.ndarray, figures: dict | None) -> Iterator[str]:
    judged = np.isfinite(scores).all(axis=1) & examples.labels.any(axis=1)
    if figures is None or not judged.any():
        yield "Each class is of one recording, so that none could be tried on another."
        return
    top = scores[judged].argmax(axis=1)
    right = examples.labels[judged][np.arange(len(top)), top]
    yield f"{'class':24} {'clips':>6} {'AP':>6}"
    for name, has, ap in zip(
        examples.names, examples.labels.T, figures["average_precision"], strict=True
    ):
        yield f"{name:24} {has.sum():6} " + (f"{ap:6.3f}" if np.isfinite(ap) else f"{'–':>6}")
    yield (
        f"mAP {figures['mAP']:.3f}; the highest class is right for {right.mean():.1%} of "
        f"{len(right)} clips ({figures['set']})"
    )
