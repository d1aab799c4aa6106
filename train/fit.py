"""Training of a tagging model in PyTorch: one run, from its first iteration to its last.

A run is a folder:

    config.json                    what was asked for
    metrics.jsonl                  loss and validation figures, a line each
    state.safetensors              where to resume: float32 weights, Adam's moments, the iteration
    checkpoints/iter_00500.*       checkpoints (half precision, as published) and their cards

What an iteration does depends on (seed, iteration) alone, so a run that was killed and resumed ends
with the weights of one that was not.
"""

import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy
from tqdm import tqdm

from audioset_demo.errors import DataError
from audioset_demo.evaluation import evaluate_scores
from audioset_demo.files import write_atomically
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import load_checkpoint, save_checkpoint
from audioset_demo.models.pooling import TaggingModel
from train.config import FitConfig
from train.data import FeatureSet, split
from train.predict import predict
from train.runs import drop_metrics_after, log_metrics, open_run
from train.sampling import BalancedSampler

STATE_FILE = "state.safetensors"
CHECKPOINT_DIR = "checkpoints"
LOG_EVERY = 50


def fit(config: FitConfig, features: FeatureSet, run: Path, resume: bool = False) -> None:
    """Train one model, or go on with a run that was stopped.

    Raises
    ------
    DataError
        If `run` already holds a run and `resume` is not set, if it holds another one, or if the
        loss stops being a number. Checkpoints written before stay as they are.
    """
    fit_part, validation = split(features)
    if config.whole:
        fit_part = features
    open_run(run, config.to_json(), resume)
    torch.manual_seed(config.seed)
    model = TaggingModel(config.model_settings(features.n_classes))
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, eps=1e-7, fused=True)
    first = _restore(run, model, optimizer)
    drop_metrics_after(run, first)
    sampler = BalancedSampler(fit_part.y, config.batch_size, config.seed)
    started, losses = time.monotonic(), []
    progress = tqdm(
        range(first, config.iterations),
        initial=first,
        total=config.iterations,
        unit="batch",
        desc=config.model,
    )
    for iteration in progress:
        losses.append(_step(config, model, optimizer, fit_part, sampler, iteration))
        done = iteration + 1
        if done % LOG_EVERY == 0:
            progress.set_postfix(loss=f"{np.mean(losses):.4f}")
            log_metrics(
                run,
                {
                    "iteration": done,
                    "loss": float(np.mean(losses)),
                    "seconds": round(time.monotonic() - started, 1),
                },
            )
            losses.clear()
        if done % config.evaluate_every == 0 or done == config.iterations:
            figures = _save_and_validate(config, run, model, fit_part, validation, done)
            log_metrics(run, {"iteration": done, **figures})
            tqdm.write(json.dumps({"iteration": done, **figures}))
            _save_state(run, model, optimizer, done)


def learning_rate_at(config: FitConfig, iteration: int) -> float:
    """Cosine from the full rate to zero."""
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * iteration / config.iterations))


def _step(
    config: FitConfig,
    model: TaggingModel,
    optimizer: torch.optim.Adam,
    data: FeatureSet,
    sampler: BalancedSampler,
    iteration: int,
) -> float:
    """One update of the weights; the loss before it."""
    # Dropout draws from torch's generator: seeded for each iteration, a resumed run draws alike.
    torch.manual_seed(_iteration_seed(config.seed, iteration))
    clips, mask, targets = data.batch(sampler.batch(iteration))
    if config.mixup > 0:
        rng = np.random.default_rng([config.seed, 2, iteration])
        clips, mask, targets = mixup(clips, mask, targets, config.mixup, rng)
    model.train()
    for group in optimizer.param_groups:
        group["lr"] = learning_rate_at(config, iteration)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=config.precision == "bf16"):
        scores, targets = training_scores(model, clips, mask, targets)
    if not torch.isfinite(scores).all():
        raise DataError(
            f"The scores are not finite at iteration {iteration}: the model has diverged. Lower "
            f"--learning-rate ({config.learning_rate}); the checkpoints written so far are intact."
        )
    # A weighted mean of probabilities can exceed 1 by rounding.
    loss = binary_cross_entropy(scores.clamp(1e-7, 1 - 1e-7), targets)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def training_scores(
    model: TaggingModel, clips: Tensor, mask: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Scores and what they should be: of clips, or for the frame baseline of their frames.

    There, each frame is an example of its own that inherits the clip's labels.
    """
    if model.settings.pooling == "frame_baseline":
        lengths = mask.sum(dim=1)
        return model.frame_scores(clips[mask]), targets.repeat_interleave(lengths, dim=0)
    return model(clips, mask), targets


def mixup(
    clips: Tensor, mask: Tensor, targets: Tensor, alpha: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Mix each clip with another of the batch, in a share drawn from Beta(alpha, alpha).

    A mixed clip is as long as the shorter of the two, so that padding is mixed into nothing.
    """
    n = len(clips)
    share = torch.from_numpy(rng.beta(alpha, alpha, size=n)).float()
    other = torch.from_numpy(rng.permutation(n))
    clips = torch.lerp(clips[other], clips, share[:, None, None])
    targets = torch.lerp(targets[other], targets, share[:, None])
    return clips, mask & mask[other], targets


def _iteration_seed(seed: int, iteration: int) -> int:
    return int(np.random.SeedSequence([seed, 3, iteration]).generate_state(1, np.uint64)[0] >> 1)


def _save_and_validate(
    config: FitConfig,
    run: Path,
    model: TaggingModel,
    fit_part: FeatureSet,
    validation: FeatureSet,
    iteration: int,
) -> dict:
    """Write a checkpoint, and score with what was written.

    The validation part tells how far half precision moves a score; how good the scores are it
    tells only of a run that has not seen it.
    """
    path = run / CHECKPOINT_DIR / f"iter_{iteration:05d}.safetensors"
    scores = predict(model.eval(), validation)
    card = ModelCard(
        name=config.model,
        settings=model.settings,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        labels=fit_part.labels,
        training={
            "set": f"{fit_part.name} ({len(fit_part):,} clips)",
            "backend": config.backend,
            "iteration": iteration,
            "config": config.to_json(),
            "command": config.command(),
        },
    )
    save_checkpoint(path, model, card)
    written_scores = predict(load_checkpoint(path)[0], validation)
    figures = {
        "checkpoint": path.name,
        "half_precision_max_difference": float(np.abs(scores - written_scores).max()),
    }
    if not config.whole:
        evaluation = evaluate_scores(validation.y, written_scores)
        figures["validation"] = {**evaluation.to_json(), "set": validation.name}
    return figures


def _save_state(run: Path, model: TaggingModel, optimizer: torch.optim.Adam, done: int) -> None:
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"adam.{key}.{name}"] = value
    write_atomically(
        run / STATE_FILE,
        lambda part: save_file(tensors, part, metadata={"iteration": str(done)}),
    )


def _restore(run: Path, model: TaggingModel, optimizer: torch.optim.Adam) -> int:
    """Load the last state; the number of iterations done, 0 if there is none."""
    path = run / STATE_FILE
    if not path.exists():
        return 0
    try:
        with safe_open(path, "pt") as file:
            done = int(file.metadata()["iteration"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is damaged ({error}). Start the run again in another folder."
        ) from None
    model.load_state_dict(
        {
            key.removeprefix("model."): value
            for key, value in tensors.items()
            if key.startswith("model.")
        }
    )
    for name, parameter in model.named_parameters():
        optimizer.state[parameter] = {
            key: tensors[f"adam.{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq")
        }
    return done
