"""Ablations: runs compared on the validation part, never on another set."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import numpy as np

from audioset_demo.errors import DataError
from audioset_demo.storage import check_output, parse_json, write_csv
from train.runs import CONFIG_FILE, read_metrics, select_checkpoint
from train.tagger.config import FitConfig

COLUMNS = (
    "setting", "runs", "validation_mAP", "spread_mAP", "gain_mAP", "validation_AUC", "spread_AUC",
    "seconds_a_batch",
)  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Runs that differ in their seed alone, compared with the first ones given.

    `spread` is the standard deviation over the seeds, None for a single run.
    """

    setting: str
    runs: int
    mean_average_precision: float
    spread_average_precision: float | None
    gain: float | None
    mean_auc: float
    spread_auc: float | None
    seconds_a_batch: float

    def row(self) -> tuple[str, ...]:
        figures = (
            self.mean_average_precision, self.spread_average_precision, self.gain,
            self.mean_auc, self.spread_auc,
        )  # fmt: skip
        texts = ["" if value is None else f"{value:.5f}" for value in figures]
        return (self.setting, str(self.runs), *texts, f"{self.seconds_a_batch:.4f}")


def compare(runs: list[Path], output: Path | None = None) -> list[Comparison]:
    """Compare runs with the first of them.

    Parameters
    ----------
    output : CSV file to write; None: none

    Raises
    ------
    DataError
        If a folder is not a run, or a run has no figures on the validation part.
    StorageError
        If `output` can't be written.
    """
    if output:
        check_output(output)
    groups: dict[FitConfig, list[Path]] = {}
    for run in runs:
        # Neither the seed nor how often a run was evaluated makes another setting.
        setting = replace(
            config_of(run), seed=FitConfig.seed, evaluate_every=FitConfig.evaluate_every
        )
        groups.setdefault(setting, []).append(run)
    base = next(iter(groups))
    reference = mean(_validation(run)["mAP"] for run in groups[base])
    rows = [_compare(base, config, same, reference) for config, same in groups.items()]
    if output:
        write_csv(output, COLUMNS, [row.row() for row in rows])
    return rows


def config_of(run: Path) -> FitConfig:
    """The configuration of a run.

    Raises
    ------
    DataError
        If the folder holds none.
    """
    try:
        config = FitConfig.from_json(parse_json((run / CONFIG_FILE).read_text(encoding="utf-8")))
        hash(config)  # a TypeError where a value is a list
        return config
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{run} is not a training run of this version ({error}). Give folders that "
            "`python -m train fit` wrote."
        ) from None


def _validation(run: Path) -> dict:
    figures = select_checkpoint(run).figures.get("validation")
    if figures is None:
        raise DataError(f"{run} was trained on the validation part (--whole). Leave it out.")
    return figures


def _compare(base: FitConfig, config: FitConfig, runs: list[Path], reference: float) -> Comparison:
    figures = [_validation(run) for run in runs]
    precision = [figure["mAP"] for figure in figures]
    auc = [figure["AUC"] for figure in figures]
    return Comparison(
        setting=shlex.join(
            ["--model", config.model, *config.changes()] if config == base else config.changes(base)
        ),
        runs=len(runs),
        mean_average_precision=mean(precision),
        spread_average_precision=spread(precision),
        gain=mean(precision) - reference if config != base else None,
        mean_auc=mean(auc),
        spread_auc=spread(auc),
        seconds_a_batch=mean(_seconds_a_batch(run) for run in runs),
    )


def spread(values: Sequence[float]) -> float | None:
    """Standard deviation of a sample, None of a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _seconds_a_batch(run: Path) -> float:
    said = [line.get("seconds_a_batch") for line in read_metrics(run) if "loss" in line]
    seconds = [value for value in said if isinstance(value, int | float)]
    if not seconds or len(seconds) < len(said):
        raise DataError(f"{run} does not say what each of its batches took. Leave it out.")
    return float(np.median(seconds))
