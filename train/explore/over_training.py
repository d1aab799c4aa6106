"""Scoring the checkpoints of a run on the validation part: the AP of each class over training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from audioset_demo.device import resolve_device
from audioset_demo.errors import DataError
from audioset_demo.evaluation import evaluate_scores
from audioset_demo.evidence.over_training import COUNT, INDEX, OVER_TRAINING_FILE
from audioset_demo.models.card import load_card
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.published import find_published
from audioset_demo.storage import check_output, write_csv
from train.data.features import check_scorable, load_features, training_files
from train.data.split import split
from train.runs import saved_checkpoints
from train.tagger.evaluate import check_classes
from train.tagger.predict import predict
from train.tagger.publish import check_twin, check_unseen


def over_training(run: Path, data: Sequence[Path], model: str, device: str = "auto") -> Path:
    """Write the AP of each class at each checkpoint of a run beside a published model.

    Parameters
    ----------
    run : a run that held the validation part out, with the settings of the model
    data : what it was trained on, as in `fit`
    model : a published name
    device : a name of `DEVICES`

    Returns
    -------
    The table: a row for each class, a column for each checkpoint.

    Raises
    ------
    CheckpointError
        If a checkpoint or the model is missing or damaged, or has other classes than the data.
    DataError
        If the run has seen the validation part, or differs from the model in its settings.
    StorageError
        If the table can't be written.
    """
    published, where = find_published(model), resolve_device(device)
    output = published.path.parent / OVER_TRAINING_FILE
    saved = saved_checkpoints(run)
    if not saved:
        raise DataError(
            f"{run} has no checkpoint yet. Continue the training until the first one is written."
        )
    check_output(output, list(saved.values()))
    fit_part, validation = split(load_features(training_files(*data)))
    card = load_card(next(iter(saved.values())))
    check_unseen(run, card, fit_part)
    check_twin(published.card, card, run)
    check_classes(card, validation)
    check_scorable(validation)
    columns = []
    for path in tqdm(saved.values(), unit="checkpoint"):
        network, _ = load_checkpoint(path)
        scores = predict(network.to(where), validation)
        columns.append(evaluate_scores(validation.y, scores).average_precision)
    rows = [
        (k, n, *(f"{ap:.4f}" if np.isfinite(ap) else "" for ap in of_class))
        for k, (n, *of_class) in enumerate(zip(validation.n_positives(), *columns, strict=True))
    ]
    write_csv(output, (INDEX, COUNT, *map(str, saved)), rows)
    return output
