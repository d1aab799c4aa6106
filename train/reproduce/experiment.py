"""The rows, each trained, averaged and scored; what is finished is not done again.

A folder of rows holds what they were trained and scored on (`data.json`) and a run for each:

    feature_attention_reference/     as `fit` and `evaluate` leave it, so `publish` takes it
        row.json                     the row's figures, written when it is finished
        row_per_class.csv            AP and AUC of each class, of the same scores
        averages.json                the averaged checkpoints, alone and together
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audioset_demo.errors import DataError
from audioset_demo.evaluation import Evaluation
from audioset_demo.models.card import load_card
from audioset_demo.storage import check_output, parse_json, remove_leftovers, write_json
from train.data.features import FeatureSet
from train.reproduce.recipes import Row
from train.runs import check_config, select_checkpoint
from train.tagger.average import MEAN_OF_PROBABILITIES, average
from train.tagger.evaluate import evaluate, save_per_class
from train.tagger.fit import fit

EVALUATION_SET = "eval.h5"
DATA_FILE = "data.json"
ROW_FILE = "row.json"
ROW_PER_CLASS_FILE = "row_per_class.csv"
AVERAGES_FILE = "averages.json"


def evaluation_file(data: Path) -> Path:
    """The file in the folder of the data that the rows are scored on."""
    path = data / EVALUATION_SET
    if not path.is_file():
        raise DataError(
            f"There is no file {path} to score the rows on. Give --data a folder that holds "
            f"{EVALUATION_SET} beside the training files; `python -m train pack` makes them."
        )
    return path


@dataclass(frozen=True)
class Experiment:
    """A folder of rows, and what they are trained and scored on.

    Attributes
    ----------
    data : the file of `evaluation`
    device : a name of `DEVICES`
    """

    folder: Path
    training: FeatureSet
    evaluation: FeatureSet
    data: Path
    device: str

    def run_of(self, row: Row) -> Path:
        return self.folder / row.name

    def open(self, rows: list[Row]) -> None:
        """Make the folder, or check that what it holds is of the same clips and settings.

        Raises
        ------
        DataError
            If it is not, or the two sets differ in their classes.
        StorageError
            If the folder can't be written.
        """
        training, evaluation = self.training, self.evaluation
        if (training.n_classes, training.labels) != (evaluation.n_classes, evaluation.labels):
            raise DataError(
                f"{training.name} has {training.n_classes} classes and {evaluation.name} "
                f"{evaluation.n_classes}, or their names differ. Pack both from the same label set."
            )
        path = self.folder / DATA_FILE
        check_output(path, make_folder=True)
        present = {"training": _identity(training), "evaluation": _identity(evaluation)}
        if path.exists() and _read(path) != present:
            raise DataError(
                f"The rows in {self.folder} were trained or scored on other clips than those of "
                f"{training.name} and {evaluation.name} now. Give another --output."
            )
        for row in rows:
            check_config(self.run_of(row), row.config.to_json(), resume=True)
            remove_leftovers(self.run_of(row))
        write_json(path, present)

    def in_both(self) -> np.ndarray:
        """The video ids (n,) of clips that are trained and scored on."""
        return np.intersect1d(self.training.video_ids, self.evaluation.video_ids)

    def is_finished(self, row: Row) -> bool:
        return read_row(self.run_of(row)) is not None

    def finish(self, row: Row) -> None:
        """Train a row, or go on with it, score it, and write its figures."""
        run = self.run_of(row)
        fit(row.config, self.training, run, resume=True, device=self.device)
        figures = evaluate(run, self.data, device=self.device)
        if row.averaged > 1:
            record = run / AVERAGES_FILE
            averages = average([run], self.data, row.averaged, record=record, device=self.device)
            figures = dict(averages)[MEAN_OF_PROBABILITIES]
        save_per_class(run / ROW_PER_CLASS_FILE, self.evaluation, figures)
        write_json(run / ROW_FILE, self._record(row, figures))

    def _record(self, row: Row, figures: Evaluation) -> dict:
        return {
            "model": row.config.model,
            "recipe": row.recipe,
            "backend": row.config.backend,
            "iterations": row.config.iterations,
            "averaged": row.averaged,
            "trained_on": load_card(select_checkpoint(self.run_of(row)).path).training_set,
            "scored_on": self.evaluation.name,
            **figures.to_json(),
        }


def _identity(features: FeatureSet) -> dict:
    ids = hashlib.sha256(np.ascontiguousarray(features.video_ids).tobytes())
    return {"set": features.name, "clips": len(features), "video_ids_sha256": ids.hexdigest()}


def _read(path: Path) -> object:
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def read_row(run: Path) -> dict | None:
    """The figures of a row; None if it is not finished."""
    row = _read(run / ROW_FILE)
    return row if isinstance(row, dict) else None
