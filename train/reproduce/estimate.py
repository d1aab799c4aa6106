"""What a row still takes on this machine: time by a few steps of it, memory and disk."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audioset_demo.errors import StorageError
from audioset_demo.models.network import TaggingModel
from train.data.features import FeatureSet
from train.data.split import MAX_VALIDATION_CLIPS, VALIDATION_SHARE
from train.reproduce.experiment import Experiment
from train.reproduce.recipes import Row
from train.tagger.batches import Batches
from train.tagger.fit import Learner, iterations_done, learning_rate_at, make_learner
from train.tagger.predict import predict

WARM_UP_STEPS = 2  # the first ones allocate, and compile in Keras
LEAST_STEPS, MOST_STEPS = 3, 100
LEAST_SECONDS = 3.0
SCORED_CLIPS = 1024
CHECKPOINT_BYTES = 2  # of a parameter
STATE_BYTES = 12  # of a parameter: its value and two moments
# Of the size of the scores in float32, while checkpoints are averaged: scores, targets, two sums
# and what the metrics make of them.
SCORING_ARRAYS = 6


@dataclass(frozen=True)
class Cost:
    """What is still to be done of a row.

    `disk_bytes` counts the state twice: a new one is complete before the last one is deleted.
    """

    row: Row
    iterations: int
    seconds_an_iteration: float
    seconds: float
    disk_bytes: int


def cost_of(row: Row, experiment: Experiment) -> Cost:
    """The cost of what is left of a row, from some steps of it with this data on this machine."""
    config, training, evaluation = row.config, experiment.training, experiment.evaluation
    learner = make_learner(config.model_settings(training.n_classes), config, experiment.device)
    seconds_a_step = _seconds_a_step(row, training, learner)
    model = learner.model()
    iterations = config.iterations - iterations_done(experiment.run_of(row))
    checkpoints = -(-iterations // config.evaluate_every)
    n_validation = min(len(training) // VALIDATION_SHARE, MAX_VALIDATION_CLIPS)
    # The last checkpoint, those that are averaged, and the mean of their weights.
    times_evaluated = 1 if row.averaged == 1 else row.averaged + 2
    clips_scored = 2 * checkpoints * n_validation + times_evaluated * len(evaluation)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Cost(
        row=row,
        iterations=iterations,
        seconds_an_iteration=seconds_a_step,
        seconds=iterations * seconds_a_step + clips_scored * _seconds_a_clip(model, evaluation),
        disk_bytes=parameters * (CHECKPOINT_BYTES * checkpoints + 2 * STATE_BYTES),
    )


def _seconds_a_step(row: Row, training: FeatureSet, learner: Learner) -> float:
    batches = Batches(row.config, training)
    rate = learning_rate_at(row.config, 0)
    started, timed = time.perf_counter(), 0
    for step, batch in enumerate(batches.ahead(range(WARM_UP_STEPS + MOST_STEPS))):
        if step == WARM_UP_STEPS:
            started = time.perf_counter()
        learner.step(batch, rate, seed=step)
        timed = step + 1 - WARM_UP_STEPS
        if timed >= LEAST_STEPS and time.perf_counter() - started > LEAST_SECONDS:
            break
    return (time.perf_counter() - started) / timed


def _seconds_a_clip(model: TaggingModel, evaluation: FeatureSet) -> float:
    some = evaluation.subset(np.arange(min(SCORED_CLIPS, len(evaluation))), evaluation.name)
    predict(model, some)  # the first time allocates
    started = time.perf_counter()
    predict(model, some)
    return (time.perf_counter() - started) / len(some)


def memory_bytes(evaluation: FeatureSet) -> int | None:
    """Resident memory of the whole: the peak of the timed steps, and the arrays of the scoring.

    None where the system does not tell the peak.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_bytes = peak if sys.platform == "darwin" else peak * 1024
    return peak_bytes + SCORING_ARRAYS * 4 * len(evaluation) * evaluation.n_classes


def check_disk(costs: list[Cost], folder: Path, free: int) -> None:
    """Raise a StorageError if the disk has no room for what is left."""
    needed = sum(cost.disk_bytes for cost in costs)
    if needed > free:
        raise StorageError(
            f"{folder} needs {needed / 1e9:.2f} GB for the rows that are left, and "
            f"{free / 1e9:.2f} GB are free on its disk. Free some space, or name fewer --models."
        )
