"""The folder of a run: its configuration, its metrics (a line of JSON each), its checkpoints."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

from audioset_demo.errors import DataError
from audioset_demo.storage import (
    full_disk_told,
    json_text,
    remove_leftovers,
    write_atomically,
    write_json,
)

CONFIG_FILE = "config.json"
METRICS_FILE = "metrics.jsonl"
CHECKPOINT_DIR = "checkpoints"
TENSORBOARD_DIR = "tensorboard"
CHECKPOINT_FIGURES = ("half_precision_max_difference", "validation")


def changed_flags(config, base) -> list[str]:
    """The flags, and their values, in which one dataclass of settings differs from another."""
    words = []
    for field in fields(config):
        value = getattr(config, field.name)
        if value != getattr(base, field.name):
            values = value if isinstance(value, tuple) else [] if value is True else [value]
            words += [flag(field.name), *map(str, values)]
    return words


def flag(name: str) -> str:
    """The command-line flag of a setting."""
    return "--" + name.replace("_", "-")


def open_run(run: Path, config: dict, resume: bool) -> None:
    """Begin a run, or check that the one in the folder has these settings.

    Raises
    ------
    DataError
        If there is a run and `resume` is not set, or it has other settings.
    """
    path = run / CONFIG_FILE
    if path.exists():
        if not resume:
            raise DataError(
                f"{run} already holds a run. Add --resume to go on with it, or give another "
                "--output."
            )
        _check_same(run, json.loads(path.read_text(encoding="utf-8")), config)
    run.mkdir(parents=True, exist_ok=True)
    for folder in (run, run / CHECKPOINT_DIR):
        remove_leftovers(folder)
    write_json(path, config)


def _check_same(run: Path, there: dict, config: dict) -> None:
    differing = [
        f"{flag(name)} was {there.get(name)}, now {value}"
        for name, value in config.items()
        if there.get(name) != value
    ]
    if differing:
        raise DataError(
            f"{run} was started with other settings ({'; '.join(differing)}). Resume it with the "
            "same ones, or give another --output."
        )


def log_metrics(run: Path, line: dict) -> None:
    """Add a line; it must hold the `iteration` that it speaks of."""
    path = run / METRICS_FILE
    with full_disk_told(path), open(path, "a", encoding="utf-8") as file:
        file.write(json_text(line) + "\n")


def read_metrics(run: Path) -> list[dict]:
    """The lines of a run.

    Raises
    ------
    DataError
        If the folder holds no run.
    """
    try:
        lines = (run / METRICS_FILE).read_text(encoding="utf-8").splitlines()
    except OSError:
        raise DataError(f"{run} is not a training run: it has no {METRICS_FILE}.") from None
    return [json.loads(line) for line in lines]


def drop_metrics_after(run: Path, iteration: int) -> None:
    """Forget what a run that goes on from `iteration` will log again, and a line cut short."""
    path = run / METRICS_FILE
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    kept = [
        line for line in lines if line.endswith("\n") and json.loads(line)["iteration"] <= iteration
    ]
    write_atomically(path, lambda part: part.write_text("".join(kept), encoding="utf-8"))


class MetricsLog:
    """Adds lines to the metrics of a run that goes on from iteration `first`.

    Parameters
    ----------
    tensorboard : write each figure for TensorBoard as well

    Raises
    ------
    DataError
        If TensorBoard is asked for and not installed.
    """

    def __init__(self, run: Path, first: int, tensorboard: bool):
        drop_metrics_after(run, first)
        self.run = run
        self.writer = _tensorboard_writer(run, first) if tensorboard else None

    def add(self, line: dict) -> None:
        """`line` holds the `iteration` that it speaks of."""
        log_metrics(self.run, line)
        if self.writer:
            for name, value in _flat(line):
                self.writer.add_scalar(name, value, line["iteration"])

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *_) -> None:
        if self.writer:
            self.writer.close()


def _tensorboard_writer(run: Path, first: int):
    try:
        # torch's own writer imports TensorFlow wherever that is installed.
        from tensorboardX import SummaryWriter
    except ImportError:
        raise DataError(
            "--tensorboard needs the package tensorboardX, which is not installed: "
            "pip install tensorboard tensorboardX. metrics.jsonl holds the same figures without it."
        ) from None
    return SummaryWriter(str(run / TENSORBOARD_DIR), purge_step=first + 1)


def _flat(line: dict, prefix: str = ""):
    for key, value in line.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}/")
        elif isinstance(value, (int, float)) and key != "iteration":
            yield prefix + key, value


@dataclass(frozen=True)
class Selected:
    """A run's checkpoint that counts, and what the run has measured of it."""

    path: Path
    figures: dict


def select_checkpoint(run: Path) -> Selected:
    """The checkpoint with the highest mAP on the validation part; never chosen on another set.

    Of a run that trained on that part as well, the last one.
    """
    saved = [line for line in read_metrics(run) if "checkpoint" in line]
    if not saved:
        raise DataError(f"{run} has no checkpoint yet. Let the training go on.")
    scored = [line for line in saved if "validation" in line]
    best = max(scored, key=lambda line: line["validation"]["mAP"]) if scored else saved[-1]
    path = run / CHECKPOINT_DIR / best["checkpoint"]
    if not path.is_file():
        raise DataError(f"{run} has lost its checkpoint {path.name}. Train it again.")
    return Selected(path, {key: best[key] for key in CHECKPOINT_FIGURES if key in best})
