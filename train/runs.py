"""The folder of a run: its configuration, and its metrics, a line of JSON each."""

import json
from pathlib import Path

from audioset_demo.errors import DataError
from audioset_demo.files import write_atomically

CONFIG_FILE = "config.json"
METRICS_FILE = "metrics.jsonl"


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
    text = json.dumps(config, indent=1) + "\n"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


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
    with open(run / METRICS_FILE, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


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
