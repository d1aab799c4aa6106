"""Ensembles: checkpoints alone, the means of their probabilities (arithmetic, as in the reference,
and geometric), and the mean of their weights where all have the same settings."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from audioset_demo.device import resolve_device
from audioset_demo.errors import DataError
from audioset_demo.evaluation import Evaluation, evaluate_scores
from audioset_demo.models.card import ModelCard, card_path
from audioset_demo.models.checkpoint import half_precision, load_checkpoint, save_checkpoint
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.reference import is_reference
from audioset_demo.storage import check_output, write_json
from train.data.features import FeatureSet, check_scorable, load_features
from train.data.split import split
from train.runs import CHECKPOINT_DIR, command_line
from train.tagger.evaluate import check_classes
from train.tagger.predict import predict

SUFFIX = ".safetensors"
MEAN_OF_PROBABILITIES = "mean of probabilities"


def average(
    sources: list[Path],
    data: Path,
    last: int | None = None,
    validation: bool = False,
    pooling: str | None = None,
    output: Path | None = None,
    record: Path | None = None,
    device: str = "auto",
) -> list[tuple[str, Evaluation]]:
    """Evaluate each checkpoint, the means of their probabilities, and the mean of their weights.

    Weights are averaged where all checkpoints have the same settings, the running statistics of
    BatchNorm like any other.

    Parameters
    ----------
    sources : runs (all checkpoints of each), folders of checkpoints, or checkpoints
    last : how many checkpoints of each run or folder, counted from the end; None: all
    validation : score on the validation part of the data alone, to choose what to average
    pooling : "average" or "max", for checkpoints of the reference that do not say which they are
    output : checkpoint (.safetensors) for the mean of the weights; None: not written
    record : JSON file for all figures; None: not written
    device : a name of `DEVICES`

    Returns
    -------
    Pairs of a name and its figures: the checkpoints in order, then the means.

    Raises
    ------
    CheckpointError
        If a checkpoint is damaged, or was trained on other classes than the data has.
    DataError
        If there are fewer than two checkpoints, nothing can be scored, or `output` is asked for and
        the checkpoints differ.
    StorageError
        If a file can't be written.
    """
    where = resolve_device(device)
    paths = members(sources, last)
    _check_outputs(output, record, [data, *paths, *map(card_path, paths)])
    features = load_features(data)
    if validation:
        features = split(features)[1]
    # Before an hour of scoring: every checkpoint must be readable and fit the data.
    cards = [load_checkpoint(path, pooling)[1] for path in paths]
    for card in cards:
        check_classes(card, features)
    check_scorable(features)
    differences = _differences(cards)
    if output and differences:
        raise DataError(
            f"The weights cannot be averaged into --output {output}, because the checkpoints "
            f"differ in {differences}. Leave --output out to average probabilities only."
        )
    names = [_name(path) for path in paths]
    targets = features.y
    probabilities, weights = ProbabilityMeans(targets), WeightMean()
    rows: list[tuple[str, Evaluation]] = []
    for name, path in zip(names, paths, strict=True):
        tqdm.write(f"{name} ({len(rows) + 1} of {len(paths)})")
        model, _ = load_checkpoint(path, pooling)
        scores = predict(model.to(where), features, progress=True)
        rows.append((name, evaluate_scores(targets, scores)))
        probabilities.add(scores)
        if not differences:
            weights.add(model)
    rows += probabilities.rows()
    command = command_line(
        "average", *sources, data=data, last=last, validation=validation, pooling=pooling
    )
    if differences:
        tqdm.write(
            f"The weights are not averaged, because the checkpoints differ in {differences}."
        )
    else:
        tqdm.write("Mean of the weights")
        model = weights.model().to(where)
        result = evaluate_scores(targets, predict(model, features, progress=True))
        rows.append(("mean of weights", result))
        if output:
            figures = {**result.to_json(), "set": features.name, "command": command}
            save_checkpoint(output, model, _card(cards, names, figures))
    if record:
        _save_record(record, rows, names, features, command)
    return rows


def _check_outputs(output: Path | None, record: Path | None, inputs: list[Path]) -> None:
    """Refuse what cannot be written, before the scoring; no file may be written twice."""
    written = [record] if record else []
    if output:
        if output.suffix != SUFFIX:
            raise DataError(f"--output must end in {SUFFIX}, and {output} does not. Rename it.")
        written += [output, card_path(output)]
        if record and record.absolute() == card_path(output).absolute():
            raise DataError(
                f"--json {record} is where the card of --output {output} is written. Give the "
                "figures another name."
            )
    for path in written:
        check_output(path, inputs)


class ProbabilityMeans:
    """The running means of several models' probabilities (N, K) of the same clips."""

    def __init__(self, targets: np.ndarray):
        self.targets = targets
        self.n = 0
        self.total = np.zeros(targets.shape, np.float32)
        self.log_total = np.zeros(targets.shape, np.float32)

    def add(self, scores: np.ndarray) -> None:
        self.n += 1
        self.total += scores
        self.log_total += np.log(np.maximum(scores, np.finfo(np.float32).tiny))

    def rows(self) -> list[tuple[str, Evaluation]]:
        arithmetic = evaluate_scores(self.targets, self.total / self.n)
        # Its logarithm ranks clips as the geometric mean does, and can't underflow.
        geometric = evaluate_scores(self.targets, self.log_total / self.n)
        return [(MEAN_OF_PROBABILITIES, arithmetic), ("geometric mean", geometric)]


def members(sources: list[Path], last: int | None = None) -> list[Path]:
    """The checkpoints that `sources` stand for, those of a folder in order of their iterations.

    Raises
    ------
    DataError
        If a folder has none, or there are fewer than two in all.
    """
    if last is not None and last < 1:
        raise DataError(f"--last must be at least 1, not {last}.")
    found = []
    for source in sources:
        found += _in_folder(source)[-(last or 0) :] if os.path.isdir(source) else [source]
    if len(found) < 2:
        raise DataError(
            f"There is only one checkpoint to average, {found[0]}. Give several, or score it with "
            "`python -m train evaluate`."
        )
    return found


def _in_folder(folder: Path) -> list[Path]:
    inner = folder / CHECKPOINT_DIR
    paths = (inner if inner.is_dir() else folder).iterdir()
    found = [path for path in paths if path.suffix == SUFFIX or is_reference(path)]
    if not found:
        raise DataError(
            f"{folder} holds no checkpoints. Give a run, or a folder of .safetensors or of the "
            "reference's .tar files."
        )
    return sorted(found, key=lambda path: ([int(n) for n in re.findall(r"\d+", path.stem)], path))


def _name(path: Path) -> str:
    """Folder and file, without the part that is the same for every run."""
    folder = path.absolute().parent
    return f"{(folder.parent if folder.name == CHECKPOINT_DIR else folder).name}/{path.stem}"


class WeightMean:
    """The running mean of the weights of models with the same settings."""

    def __init__(self):
        self.n = 0
        self.settings = None
        self.total: dict[str, torch.Tensor] = {}

    def add(self, model: TaggingModel) -> None:
        self.n += 1
        self.settings = model.settings
        for name, tensor in model.state_dict().items():
            self.total[name] = self.total.get(name, 0) + tensor.cpu().double()

    def model(self) -> TaggingModel:
        """The mean in half precision: figures are those of the saved checkpoint."""
        mean = {name: (tensor / self.n).float() for name, tensor in self.total.items()}
        model = TaggingModel(self.settings)
        model.load_state_dict(half_precision(mean))
        return model.eval()


def _card(cards: list[ModelCard], names: list[str], figures: dict) -> ModelCard:
    """What the trainings of the members have in common, and that this is a mean of weights."""
    first = cards[0].training
    shared = {
        key: value
        for key, value in first.items()
        if all(card.training.get(key) == value for card in cards)
    }
    sets = dict.fromkeys(card.training.get("set", "an unnamed set") for card in cards)
    training = shared | {
        "set": "; ".join(sets),
        "averaged": f"mean of the weights of {len(cards)} checkpoints",
        "members": names,
    }
    return replace(cards[0], training=training, metrics={figures["set"]: figures})


def _differences(cards: list[ModelCard]) -> str:
    """The settings in which the models differ, as text; empty if there are none."""
    settings = [card.settings.to_json() for card in cards]
    differing = [key for key in settings[0] if len({each[key] for each in settings}) > 1]
    return "; ".join(
        f"{key} ({', '.join(sorted({str(each[key]) for each in settings}))})" for key in differing
    )


def _save_record(
    path: Path,
    rows: list[tuple[str, Evaluation]],
    names: list[str],
    features: FeatureSet,
    command: str,
) -> None:
    record = {
        "set": features.name,
        "command": command,
        "members": names,
        "rows": [{"name": name, **result.to_json()} for name, result in rows],
    }
    write_json(path, record)
