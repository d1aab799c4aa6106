"""The folder of a run: its configuration, its metrics (JSON Lines), its checkpoints."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path

from audioset_demo.errors import CheckpointError, DataError, StorageError
from audioset_demo.models.fields import check_values, shown
from audioset_demo.storage import (
    LOCK_FILE,
    check_output,
    full_disk_named,
    json_text,
    parse_json,
    remove_leftovers,
    write_json,
    write_text,
)

CONFIG_FILE = "config.json"
METRICS_FILE = "metrics.jsonl"
STATE_FILE = "state.safetensors"
CHECKPOINT_DIR = "checkpoints"
TENSORBOARD_DIR = "tensorboard"
LARGEST_SEED = 2**32 - 1  # that every framework takes
CHECKPOINT_FIGURES = ("half_precision_max_difference", "validation")
# Types of what a line of the metrics may hold; a loss that is not finite is null.
LINE = {
    "iteration": int,
    "loss": float | dict | None,
    "seconds_a_batch": float,
    "checkpoint": str,
    "validation": dict,
    "half_precision_max_difference": float | None,
}
SCORED = {"mAP": float, "AUC": float}


def command_line(command: str, *words: object, **options: object) -> str:
    """`python -m train COMMAND ...`, as it is recorded with the results.

    Paths are shortened to their names; options that are None or False are left out.
    """
    given = [word.name if isinstance(word, Path) else str(word) for word in words]
    return shlex.join(["python", "-m", "train", command, *given, *flags(options)])


def flags(options: dict[str, object]) -> list[str]:
    """Options as words of a command line."""
    words = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        values = value if isinstance(value, tuple) else [] if value is True else [value]
        words += [flag(name), *(v.name if isinstance(v, Path) else str(v) for v in values)]
    return words


def changed_flags(config, base) -> list[str]:
    """The flags, and their values, in which one dataclass of settings differs from another."""
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    changed = {name: value for name, value in values.items() if value != getattr(base, name)}
    return flags({name: "False" if value is False else value for name, value in changed.items()})


def flag(name: str) -> str:
    """The command-line flag of a setting."""
    return "--" + name.replace("_", "-")


@contextmanager
def held_run(run: Path, config: dict, resume: bool) -> Iterator[None]:
    """Hold the folder of a run, which one process at a time writes to, checked for these settings.

    The system releases the lock of a process that is killed.

    Raises
    ------
    DataError
        If another process holds the folder, it holds a run and `resume` is not set, or the run has
        other settings.
    StorageError
        If a file is where a folder must be, or nothing can be written there.
    """
    from filelock import FileLock, Timeout

    _check_places(run)
    lock = FileLock(run / LOCK_FILE, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise DataError(
            f"Another process is training the run {run}. Wait until it ends, or give another "
            "--output."
        ) from None
    try:
        check_config(run, config, resume)
        yield
    finally:
        with suppress(OSError):  # Windows deletes no file that is open
            (run / LOCK_FILE).unlink()
        lock.release()


def _check_places(run: Path) -> None:
    for folder in (run, run / CHECKPOINT_DIR, run / TENSORBOARD_DIR):
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise StorageError(
                f"{folder} is a file, and a run needs a folder there. Give another --output."
            )
    for file in (run / CONFIG_FILE, run / METRICS_FILE, run / STATE_FILE):
        check_output(file, make_folder=True)


def check_config(run: Path, config: dict, resume: bool) -> None:
    """Raise a DataError if the folder holds a run that these settings do not continue."""
    path = run / CONFIG_FILE
    if not path.exists():
        return
    if not resume:
        raise DataError(
            f"{run} already holds a run. Add --resume to continue it, or give another --output."
        )
    try:
        saved = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}). Give another --output.") from None
    if not isinstance(saved, dict):
        raise DataError(f"{path} does not hold the settings of a run. Give another --output.")
    _check_same(run, saved, config)


def open_run(run: Path, config: dict) -> None:
    """Start a run, or resume the one in the folder, which `held_run` holds."""
    remove_leftovers(run / CHECKPOINT_DIR)
    write_json(run / CONFIG_FILE, config)


def _check_same(run: Path, saved: dict, config: dict) -> None:
    differing = [
        f"{flag(name)} was {saved.get(name)} and is now {value}"
        for name, value in config.items()
        if saved.get(name) != value
    ]
    if differing:
        raise DataError(
            f"{run} was started with other settings ({'; '.join(differing)}). Resume it with the "
            "same ones, or give another --output."
        )


def log_metrics(run: Path, line: dict) -> None:
    """Add a line; it must hold its `iteration`."""
    path = run / METRICS_FILE
    with full_disk_named(path), open(path, "a", encoding="utf-8") as file:
        file.write(json_text(line) + "\n")


def read_metrics(run: Path) -> list[dict]:
    """The lines of a run.

    Raises
    ------
    DataError
        If the folder holds no run, or its metrics are damaged.
    """
    path = run / METRICS_FILE
    if not os.path.isfile(path):
        raise DataError(
            f"{run} is not a training run, because it has no {METRICS_FILE}. Give a folder that "
            "`python -m train fit` wrote."
        )
    return [line for _, line in _lines_of(path)]


def drop_metrics_after(run: Path, iteration: int) -> None:
    """Drop what a run resumed from `iteration` will log again, and a truncated line."""
    path = run / METRICS_FILE
    lines = _lines_of(path, truncated=True) if path.exists() else []
    kept = "".join(f"{text}\n" for text, line in lines if line["iteration"] <= iteration)
    write_text(path, kept)


def _lines_of(path: Path, truncated: bool = False) -> list[tuple[str, dict]]:
    """The lines of a file of metrics as text and as values; a last one may be `truncated`."""
    try:
        *lines, last = path.read_text(encoding="utf-8").split("\n")
        if last and not truncated:
            lines.append(last)
        return [(line, _parsed(line)) for line in lines]
    except (OSError, ValueError, CheckpointError) as error:
        raise DataError(
            f"{path} is damaged ({error}). Continue the run with --resume, which drops a truncated "
            "line, or train it again."
        ) from None


def _parsed(text: str) -> dict:
    line = parse_json(text)
    if not isinstance(line, dict):
        raise ValueError(f"a line is {shown(line)}")
    check_values({"iteration": None} | line, LINE)
    if "validation" in line:
        check_values(dict.fromkeys(SCORED) | line["validation"], SCORED, "validation.")
    if Path(line.get("checkpoint", "")).name != line.get("checkpoint", ""):
        raise ValueError("a checkpoint lies in another folder")
    return line


class MetricsLog:
    """Adds lines to the metrics of a run that continues from iteration `first`.

    Parameters
    ----------
    tensorboard : write each figure for TensorBoard as well
    """

    def __init__(self, run: Path, first: int, tensorboard: bool):
        drop_metrics_after(run, first)
        self.run = run
        self.writer = _tensorboard_writer(run, first) if tensorboard else None

    def add(self, line: dict) -> None:
        """`line` holds its `iteration`."""
        log_metrics(self.run, line)
        if self.writer:
            for name, value in _flat(line):
                self.writer.add_scalar(name, value, line["iteration"])

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *_) -> None:
        if self.writer:
            self.writer.close()


def check_tensorboard() -> None:
    """Raise a DataError, with the remedy, unless metrics can be written for TensorBoard."""
    if find_spec("tensorboardX") is None:
        raise DataError(
            "--tensorboard needs the package tensorboardX, which is not installed. Install it with "
            "`pip install tensorboard tensorboardX`, or leave --tensorboard out: metrics.jsonl "
            "holds the same figures."
        )


def _tensorboard_writer(run: Path, first: int):
    # torch's own writer imports TensorFlow wherever that is installed.
    from tensorboardX import SummaryWriter

    return SummaryWriter(str(run / TENSORBOARD_DIR), purge_step=first + 1)


def _flat(line: dict, prefix: str = ""):
    for key, value in line.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}/")
        elif isinstance(value, (int, float)) and key != "iteration":
            yield prefix + key, value


@dataclass(frozen=True)
class Selected:
    """The selected checkpoint of a run, and the figures that the run logged for it."""

    path: Path
    figures: dict


def saved_checkpoints(run: Path) -> dict[int, Path]:
    """The checkpoints of a run by their iterations, in order."""
    saved = [line for line in read_metrics(run) if "checkpoint" in line]
    return {line["iteration"]: run / CHECKPOINT_DIR / line["checkpoint"] for line in saved}


def select_checkpoint(run: Path) -> Selected:
    """The checkpoint with the highest mAP on the validation part; never chosen on another set.

    For a run that trained on that part too, the last one.
    """
    saved = [line for line in read_metrics(run) if "checkpoint" in line]
    if not saved:
        raise DataError(
            f"{run} has no checkpoint yet. Continue the training until the first one is written."
        )
    scored = [line for line in saved if "validation" in line]
    best = max(scored, key=lambda line: line["validation"]["mAP"]) if scored else saved[-1]
    path = run / CHECKPOINT_DIR / best["checkpoint"]
    if not os.path.isfile(path):  # not Path.is_file: a damaged name may be too long
        raise DataError(f"{path} is missing. Restore it, or train the run again.")
    return Selected(path, {key: best[key] for key in CHECKPOINT_FIGURES if key in best})
