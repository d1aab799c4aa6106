"""One training run, from its first iteration to its last, with either framework.

A run is a folder:

    config.json                    the settings
    metrics.jsonl                  loss, seconds a batch and validation figures, a line each
    state.safetensors              where to resume: float32 weights, Adam's moments, the iteration
    checkpoints/iter_00500.*       checkpoints (half precision, as published) and their cards
    tensorboard/                   the same figures for TensorBoard, with --tensorboard

An iteration depends on (seed, iteration) alone, so a run that was killed and resumed ends with the
same weights as one that was not.

Of several processes (`processes`) the first one writes; each scores its share of the clips.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from tqdm import tqdm

from audioset_demo.embeddings.frames import ENCODER_TITLES
from audioset_demo.errors import DataError
from audioset_demo.evaluation import evaluate_scores
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import load_checkpoint, save_checkpoint
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from audioset_demo.storage import json_text
from train.data.features import FeatureSet
from train.runs import (
    CHECKPOINT_DIR,
    MetricsLog,
    check_tensorboard,
    held_run,
    open_run,
)
from train.tagger import processes
from train.tagger.batches import Batch, Batches
from train.tagger.config import FitConfig
from train.tagger.evaluate import clips_of_class
from train.tagger.missing_labels import check_ontology
from train.tagger.parts import never_learned, parts_of
from train.tagger.predict import predict
from train.tagger.state import Resumable, restore_state, save_state
from train.tagger.teacher import load_teachers, teacher_frame_scores, teacher_scores

LOG_EVERY = 50


class Learner(Resumable, Protocol):
    """A model and its optimizer in one framework.

    Attributes
    ----------
    device : where torch computes the scores of its models
    """

    device: torch.device

    def step(self, batch: Batch, learning_rate: float, seed: int) -> float:
        """One update; the loss before it, not finite where the model diverged."""

    def model(self) -> TaggingModel:
        """The present weights in PyTorch, in evaluation mode."""


def fit(
    config: FitConfig,
    features: FeatureSet,
    run: Path,
    resume: bool = False,
    tensorboard: bool = False,
    device: str = "auto",
) -> None:
    """Train one model, or resume a run that was stopped.

    Settings, data and places to write are checked before the run starts.

    Parameters
    ----------
    device : a name of `DEVICES`; a run may be resumed on another device

    Raises
    ------
    DataError
        If another process trains the run, if `run` already holds a run and `resume` is not set, if
        that run has other settings, if the clips are too few or of one kind, or if the loss becomes
        NaN or infinite. Checkpoints written before stay as they are.
    """
    is_first = processes.is_first()
    with held_run(run, config.to_json(), resume) if is_first else nullcontext():
        _fit(config, features, run, tensorboard, device)


def _fit(
    config: FitConfig, features: FeatureSet, run: Path, tensorboard: bool, device: str
) -> None:
    """Check the inputs, and train to the last iteration, from the last state if there is one."""
    fit_part, validation = parts_of(config, features)
    if tensorboard:
        check_tensorboard()
    if config.mask_missing:
        check_ontology(features.labels)
    teachers = load_teachers("teacher", config.teacher, features)
    frame_teachers = load_teachers("frame_teacher", config.frame_teacher, features)
    learner = make_learner(config.model_settings(features.n_classes), config, device)
    if processes.is_first():
        open_run(run, config.to_json())
        if note := never_learned(fit_part):
            tqdm.write(note)
    first = restore_state(run, learner)
    if not (processes.all_equal(first) and processes.all_equal(len(fit_part))):
        raise DataError(
            f"{run} has {first} iterations done and {fit_part.name} {len(fit_part)} clips here, "
            "and not in every process. Give --data and --output on a disk that all machines share."
        )
    for teacher in teachers + frame_teachers:
        teacher.to(learner.device)
    batches = Batches(
        config,
        fit_part,
        teacher_scores(teachers, fit_part),
        teacher_frame_scores(frame_teachers, fit_part, run),
    )
    losses = _losses(config, learner, batches, first)
    if not processes.is_first():
        for done, _ in enumerate(losses, first + 1):
            if config.is_checkpoint(done):
                _scores_of_both(run, learner, validation, done, lambda: None)
        return
    _record(config, run, learner, fit_part, validation, losses, first, tensorboard)


def _losses(config: FitConfig, learner: Learner, batches: Batches, first: int) -> Iterator[float]:
    """The loss of each iteration from `first` on, which trains as it is taken."""
    iterations = range(first, config.iterations)
    for iteration, batch in zip(iterations, batches.ahead(iterations), strict=True):
        yield _step(config, learner, batch, iteration)


def _record(
    config: FitConfig,
    run: Path,
    learner: Learner,
    fit_part: FeatureSet,
    validation: FeatureSet,
    losses: Iterator[float],
    first: int,
    tensorboard: bool,
) -> None:
    """Log the losses as they come, and write checkpoints and where to resume."""
    with MetricsLog(run, first, tensorboard) as log:
        progress = tqdm(
            losses, initial=first, total=config.iterations, unit="batch", desc=config.model
        )
        latest, started = [], time.perf_counter()
        for done, loss in enumerate(progress, first + 1):
            latest.append(loss)
            is_checkpoint = config.is_checkpoint(done)
            if not is_checkpoint and done % LOG_EVERY:
                continue
            seconds, mean = time.perf_counter() - started, float(np.mean(latest))
            progress.set_postfix(loss=f"{mean:.4f}")
            log.add(
                {
                    "iteration": done,
                    "loss": mean,
                    "seconds_a_batch": round(seconds / len(latest), 5),
                }
            )
            if is_checkpoint:
                figures = _save_and_validate(config, run, learner, fit_part, validation, done)
                log.add({"iteration": done, **figures})
                tqdm.write(json_text({"iteration": done, **figures}))
                save_state(run, learner, done)
            latest, started = [], time.perf_counter()


def make_learner(settings: ModelSettings, config: FitConfig, device: str = "auto") -> Learner:
    """The learner of the configured framework; TensorFlow is imported only for Keras."""
    if config.backend == "keras":
        return _keras_learner(settings, config, device)
    from train.tagger.torch_learner import TorchLearner

    return TorchLearner(settings, config, device)


def _keras_learner(settings: ModelSettings, config: FitConfig, device: str) -> Learner:
    if config.frame_teacher:
        raise DataError(
            "--backend keras learns from no --frame-teacher. Train with --backend torch."
        )
    if processes.count() > 1:
        raise DataError(
            "--backend keras trains in one process, and torchrun has started several. Leave "
            "torchrun out, or train with --backend torch."
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow reports its build otherwise
    try:
        from train.tagger.keras.learner import KerasLearner
    except ImportError as error:
        raise DataError(
            f"--backend keras needs Keras on TensorFlow, which cannot be imported ({error}). "
            "Install it with `pip install 'audioset-demo[tensorflow]'`."
        ) from None
    return KerasLearner(settings, config, device)


def learning_rate_at(config: FitConfig, iteration: int) -> float:
    """Cosine from the full rate to zero, or the full rate throughout."""
    if config.schedule == "constant":
        return config.learning_rate
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * iteration / config.iterations))


def _step(config: FitConfig, learner: Learner, batch: Batch, iteration: int) -> float:
    seed = int(np.random.SeedSequence([config.seed, 3, iteration]).generate_state(1)[0])
    loss = learner.step(batch, learning_rate_at(config, iteration), seed)
    if not math.isfinite(loss):
        raise DataError(
            f"The loss is {loss} at iteration {iteration}, so the model has diverged. Lower "
            f"--learning-rate ({config.learning_rate}) and start again in another folder. The "
            "checkpoints written so far are intact."
        )
    return loss


def _save_and_validate(
    config: FitConfig,
    run: Path,
    learner: Learner,
    fit_part: FeatureSet,
    validation: FeatureSet,
    iteration: int,
) -> dict:
    """Write a checkpoint, and score with what was written.

    The validation part shows how far half precision moves a score; it says how good the scores are
    only for a run that was not trained on it.
    """
    path = _path_of(run, iteration)
    model = learner.model()
    card = ModelCard(
        name=config.model,
        settings=model.settings,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        labels=fit_part.labels,
        encoder=ENCODER_TITLES.get(fit_part.file.encoder, fit_part.file.encoder),
        training={
            "set": f"{fit_part.name} ({len(fit_part):,} clips)",
            **clips_of_class(fit_part),
            "backend": config.backend,
            "iteration": iteration,
            "config": config.to_json(),
            "command": config.command(),
        },
    )
    scores, written_scores = _scores_of_both(
        run, learner, validation, iteration, lambda: save_checkpoint(path, model, card)
    )
    figures = {
        "checkpoint": path.name,
        "half_precision_max_difference": float(np.abs(scores - written_scores).max()),
    }
    if not config.whole:
        evaluation = evaluate_scores(validation.y, written_scores)
        figures["validation"] = {**evaluation.to_json(), "set": validation.name}
    return figures


def _path_of(run: Path, iteration: int) -> Path:
    return run / CHECKPOINT_DIR / f"iter_{iteration:05d}.safetensors"


def _scores_of_both(
    run: Path, learner: Learner, validation: FeatureSet, iteration: int, save: Callable[[], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N, K) of the weights as they are, and as `save` has written them.

    All processes call it; `save` writes in the first one alone.
    """
    scores = _scores(learner.model(), validation)
    save()
    processes.wait_for_all()
    written, _ = load_checkpoint(_path_of(run, iteration))
    return scores, _scores(written.to(learner.device), validation)


def _scores(model: TaggingModel, features: FeatureSet) -> np.ndarray:
    """Scores (N, K) of every clip, of which each process computes its share."""
    share = processes.share_of(len(features))
    scores = np.zeros((len(features), features.n_classes), np.float32)
    clips = np.arange(len(features))[share]
    scores[share] = predict(model, features.subset(clips, features.name))
    processes.add_up(torch.from_numpy(scores))  # in place
    return scores
