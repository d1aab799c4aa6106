"""A few-shot run: a folder as `python -m train fit` writes one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from audioset_demo.evaluation import Evaluation
from audioset_demo.models.checkpoint import save_checkpoint
from train.data.features import FeatureSet
from train.data.own_data import OwnData
from train.few_shot.card import card_of, evaluation_of, scored_on
from train.few_shot.examples import Examples
from train.few_shot.head import STEPS, FittedHead, fit_head
from train.runs import CHECKPOINT_DIR, command_line, held_run, log_metrics, open_run
from train.tagger.evaluate import labels_of, save_evaluation


def few_shot(data: OwnData, run: Path, seed: int = 0) -> Iterator[str]:
    """Fit a head to all clips; lines on how it did on clips held out, which are published with it.

    Raises
    ------
    DataError
        If the data cannot be read, there is too little to learn a class from, or `run` already
        holds a run.
    """
    config = {"command": "few-shot", "seed": seed}
    with held_run(run, config, resume=False):
        features = data.load(run)
        examples = examples_of(features)
        fitted = _fit(examples, seed)
        command = command_line("few-shot", data="DATA", output="RUN", seed=seed)
        training = {
            "set": f"{features.name} ({len(features):,} clips)",
            "command": command,
            "iteration": STEPS,
        }
        card = card_of(fitted, examples, run.name, features.file.encoder, training)
        checkpoint = run / CHECKPOINT_DIR / "head.safetensors"
        open_run(run, config)
        save_checkpoint(checkpoint, fitted.model, card)
        log_metrics(run, {"iteration": STEPS, "checkpoint": checkpoint.name})
        if evaluation := evaluation_of(fitted, examples):
            judged = features.subset(np.flatnonzero(fitted.judged), features.name)
            of = f"{features.name}, {scored_on(fitted)}"
            save_evaluation(run, checkpoint, judged, evaluation, of, command)
    yield from _report(examples, fitted, evaluation)
    yield str(checkpoint)


def _fit(examples: Examples, seed: int) -> FittedHead:
    with tqdm(total=1.0, unit="", bar_format="{l_bar}{bar}| {elapsed}") as bar:
        fitted = fit_head(examples, seed=seed, progress=lambda share: bar.update(share - bar.n))
        bar.update(1 - bar.n)
    return fitted


def examples_of(features: FeatureSet) -> Examples:
    """All clips of a features file, with their recordings."""
    clips = [x[:n] for x, n in zip(features.x, features.n_frames, strict=True)]
    names = tuple(label.name for label in labels_of(features))
    groups = tuple(group.decode(errors="replace") for group in features.groups)
    return Examples(clips, features.y, names, groups)


def _report(examples: Examples, fitted: FittedHead, evaluation: Evaluation | None) -> Iterator[str]:
    of_classes = fitted.judged & examples.labels.any(axis=1)
    if evaluation is None or not of_classes.any():
        yield "Each class is of one recording, so that none could be tried on another."
        return
    top = fitted.scores[of_classes].argmax(axis=1)
    right = examples.labels[of_classes][np.arange(len(top)), top]
    yield f"{'class':24} {'clips':>6} {'AP':>6}"
    for name, has, ap in zip(
        examples.names, examples.labels.T, evaluation.average_precision, strict=True
    ):
        yield f"{name:24} {has.sum():6} " + (f"{ap:6.3f}" if np.isfinite(ap) else f"{'–':>6}")
    yield (
        f"mAP {evaluation.mean_average_precision:.3f}; the highest class is right for "
        f"{right.mean():.1%} of {len(right)} clips ({scored_on(fitted)})"
    )
