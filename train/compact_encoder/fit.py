"""Training of the compact encoder: one run, from its first iteration to its last.

A run is a folder:

    config.json           the settings
    scenes/               sounds and the teacher's output for them; may be deleted afterwards
    metrics.jsonl         the tagging models, parts of the loss, held-out figures, a line each
    state.safetensors     where to resume: weights, their moving average, Adam's moments
    compact.safetensors   the moving average of the weights, half precision: what is published
    compact.json          its card

An iteration depends on (seed, iteration) alone, so a run that was killed and resumed ends with the
same weights as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tqdm import tqdm

from audioset_demo.encoders.compact import CompactNet, CompactSettings
from audioset_demo.errors import DataError
from audioset_demo.storage import json_text, write_atomically
from train.compact_encoder.config import EncoderConfig
from train.compact_encoder.material import Material
from train.compact_encoder.objective import Objective, Student
from train.runs import STATE_FILE, drop_metrics_after, log_metrics, read_metrics
from train.tagger.adam import adamw, part_of, restore_training, set_learning_rate, training_state
from train.tagger.moving_average import MovingAverage

LOG_EVERY = 50
DECAY = 0.998  # of the moving average of the weights, an iteration


class Run:
    """The state of a training: network, optimizer and moving average.

    `start` gives the untrained student its first weights, where those are not random.
    """

    def __init__(
        self,
        config: EncoderConfig,
        material: Material,
        settings: CompactSettings,
        start: Callable[[Student], None],
    ):
        torch.manual_seed(config.seed)
        self.config = config
        self.student = Student(CompactNet(settings), material.n_scores)
        start(self.student)
        for convolution in self.student.encoder.convolutions[: config.frozen]:
            convolution.requires_grad_(False)
        # mypy: torch's annotations of `to` leave `memory_format` out.
        self.student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        shares = {"encoder.convolutions": config.convolutions_rate}
        self.optimizer = adamw(
            self.student, config.learning_rate, config.weight_decay, shares=shares
        )
        self.average = MovingAverage(self.student.encoder, DECAY)
        self.done = 0

    def step(self, objective: Objective, material: Material) -> dict[str, float]:
        """One iteration; returns the parts of the loss."""
        config, iteration = self.config, self.done
        rng = np.random.default_rng([config.seed, 1, iteration])
        batch = material.batch(scenes_of(config, len(material), iteration), rng)
        set_learning_rate(self.optimizer, learning_rate_at(config, iteration))
        self.student.train()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss, parts = objective(self.student, batch, iteration)
        if not torch.isfinite(loss):
            raise DataError(
                f"The loss is {loss.item()} at iteration {iteration}, so the encoder has diverged. "
                f"Lower --learning-rate ({config.learning_rate}) and start again in another folder."
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.optimizer.step()
        self.done += 1
        self.average.update(self.student.encoder, self.done)
        return parts

    def averaged(self) -> CompactNet:
        """The encoder with the moving average of its weights, in evaluation mode."""
        network = CompactNet(self.student.encoder.settings)
        network.load_state_dict(self.average.tensors)
        return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def save(self, path: Path) -> None:
        tensors = training_state(self.student, "student", self.optimizer)
        tensors |= {f"mean.{k}": v.contiguous() for k, v in self.average.tensors.items()}
        metadata = {"iteration": str(self.done)}
        write_atomically(path, lambda part: save_file(tensors, part, metadata=metadata))

    def restore(self, path: Path) -> None:
        """Restore a saved state.

        Raises
        ------
        DataError : if the file is damaged or holds another network.
        """
        try:
            with safe_open(path, "pt") as file:
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
                self.done = int(file.metadata()["iteration"])
            restore_training(self.student, "student", self.optimizer, tensors)
            self.average.restore(part_of(tensors, "mean"))
        except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"{path} is damaged or of another run ({error}). Start the run again in another "
                "folder."
            ) from None


def scenes_of(config: EncoderConfig, n_scenes: int, iteration: int) -> np.ndarray:
    """(B,) indices of the scenes of one iteration: each once a round, in a new order."""
    size = min(config.batch_size, n_scenes)
    round_, place = divmod(iteration, n_scenes // size)
    order = np.random.default_rng([config.seed, 2, round_]).permutation(n_scenes)
    return np.sort(order[place * size : (place + 1) * size])


def learning_rate_at(config: EncoderConfig, iteration: int) -> float:
    """A linear start over the first 3 %, then a cosine to zero."""
    warm_up = max(1, round(0.03 * config.iterations))
    rise = min(1.0, (iteration + 1) / warm_up)
    return (
        config.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * iteration / config.iterations))
    )


def fit(
    run: Run,
    material: Material,
    objective: Objective,
    folder: Path,
    evaluate: Callable[[CompactNet], dict],
    through: list[str],
) -> None:
    """Train to the last iteration, from the state in `folder` if there is one.

    `through` names the tagging models of the objective; it is logged at every start, since a run
    may be resumed with other ones.
    """
    config, state = run.config, folder / STATE_FILE
    if state.is_file():
        run.restore(state)
    drop_metrics_after(folder, run.done)
    log_metrics(folder, {"iteration": run.done, "through": through})
    started, logged = time.monotonic(), []
    progress = tqdm(total=config.iterations, initial=run.done, unit="batch", desc="compact encoder")
    while run.done < config.iterations:
        logged.append(run.step(objective, material))
        progress.update()
        if run.done % LOG_EVERY == 0:
            parts = {name: float(np.mean([p[name] for p in logged])) for name in logged[0]}
            logged.clear()
            progress.set_postfix({name: f"{value:.3f}" for name, value in parts.items()})
            seconds = round(time.monotonic() - started, 1)
            log_metrics(folder, {"iteration": run.done, "loss": parts, "seconds": seconds})
        last = run.done == config.iterations
        if run.done % config.evaluate_every == 0 and not last:
            figures = evaluate(run.averaged())
            log_metrics(folder, {"iteration": run.done, "held_out": figures})
            tqdm.write(f"iteration {run.done}: held out {json_text(figures)}")
        if run.done % config.save_every == 0 or last:
            run.save(state)
    progress.close()


def trained_through(folder: Path) -> list[dict]:
    """The tagging models that the run in `folder` trained through, and from which iteration on."""
    starts = [line for line in read_metrics(folder) if "through" in line]
    return [
        {"from_iteration": line["iteration"], "models": line["through"]}
        for place, line in enumerate(starts)
        if place == 0 or line["through"] != starts[place - 1]["through"]
    ]
