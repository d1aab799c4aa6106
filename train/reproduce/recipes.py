"""The settings of each row of the table: the reference's, or this project's."""

from dataclasses import dataclass, replace

from audioset_demo.errors import DataError
from audioset_demo.models.settings import POOLINGS
from train.tagger.config import FitConfig

RECIPES = ("reference", "project")
CHECKPOINTS = 10  # of each row; the reference averages the last nine, 10,000 to 50,000 iterations
# qiuqiangkong/audioset_classification, and arXiv 1803.02353 and 1903.00765.
REFERENCE = FitConfig(
    iterations=50_000,
    batch_size=500,
    learning_rate=1e-3,
    schedule="constant",
    sampling="balanced",
    frames=0,
    mixup=0.0,
    dropout=0.5,
    precision="fp32",
    whole=True,
)
# This project's settings were chosen on the balanced training set, which needs no balanced
# sampling. A larger set is shown as often, but no more clips than the reference shows.
PROJECT = FitConfig(whole=True)
PROJECT_CHANGES: dict[str, dict] = {
    "single_attention": {"mixup": 1.0},
    **{
        model: {"iterations": 3000, "mixup": 1.0, "dropout": 0.5}
        for model in ("average", "max", "frame_baseline")
    },
}
BALANCED_CLIPS = 22_160
DECISION_LEVEL_ATTENTION = ("single_attention", "multi_attention")


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes
    ----------
    name : its folder, and its name in the app once it is published
    averaged : of how many of the last checkpoints the probabilities are averaged
    """

    name: str
    recipe: str
    config: FitConfig
    averaged: int


def rows_of(
    recipe: str, backend: str, models: list[str], n_clips: int, iterations: int | None = None
) -> list[Row]:
    """The rows of `models`, in the order of `POOLINGS`.

    Parameters
    ----------
    n_clips : size of the training set
    iterations : of each row, in place of the recipe's

    Raises
    ------
    DataError
        If the iterations are too few to average checkpoints.
    """
    if iterations is not None and iterations < CHECKPOINTS:
        raise DataError(
            f"--iterations must be at least {CHECKPOINTS}, one for each checkpoint, not "
            f"{iterations}."
        )
    rows = []
    for model in (pooling for pooling in POOLINGS if pooling in models):
        if recipe == "reference":
            config, averaged = _reference(model, backend), CHECKPOINTS - 1
        else:
            config, averaged = _project(model, backend, n_clips), 1
        n = iterations or config.iterations
        name = f"{model}_{recipe}" + ("_keras" if backend == "keras" else "")
        config = replace(config, iterations=n, evaluate_every=n // CHECKPOINTS)
        rows.append(Row(name, recipe, config, averaged))
    return rows


def _reference(model: str, backend: str) -> FitConfig:
    """The reference's two codes differ in the trunk and in attention at the decision level."""
    config = replace(REFERENCE, model=model, backend=backend)
    if backend == "torch":
        return replace(config, shared_head=model == "multi_attention")
    over_classes = model in DECISION_LEVEL_ATTENTION
    return replace(
        config,
        no_input_norm=True,
        hidden_bias=True,
        norm_epsilon=1e-3,
        norm_momentum=0.01,
        attention_activation="softmax" if over_classes else "sigmoid",
    )


def _project(model: str, backend: str, n_clips: int) -> FitConfig:
    config = replace(PROJECT, model=model, backend=backend, **PROJECT_CHANGES.get(model, {}))
    most = REFERENCE.iterations * REFERENCE.batch_size // config.batch_size
    iterations = min(config.iterations * n_clips // BALANCED_CLIPS, most)
    return replace(
        config,
        iterations=max(iterations, CHECKPOINTS),
        sampling="plain" if n_clips <= BALANCED_CLIPS else "balanced",
    )
