"""Publishing a model that is one file: the app and `--model NAME` then have it, also after a start.

It stands where `python -m train publish` puts models, in a folder of the same files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, count

from audioset_demo.labels import Label
from audioset_demo.models.card import labels_of, save_card
from audioset_demo.models.published import (
    CHECKPOINT_FILE,
    CURVE_COLUMNS,
    LEARNING_CURVE_FILE,
    PER_CLASS_COLUMNS,
    PER_CLASS_FILE,
    PublishedModel,
    damaged_models,
    find_published,
    published_models,
    user_models_dir,
)
from audioset_demo.storage import LOCK_FILE, check_output, held, new_folder, write_csv

MAX_NAME = 60  # characters, before a number


def publish_file(model: PublishedModel, data: bytes) -> PublishedModel:
    """Publish a model; what is published already stays: a name that is taken gets a number.

    Parameters
    ----------
    model : with its card and the figures of each class
    data : the same model, as `checkpoint_bytes` makes it

    Raises
    ------
    StorageError
        If the folder of the user's models can't be written.
    """
    models_dir = user_models_dir()
    check_output(models_dir / CHECKPOINT_FILE, make_folder=True)
    with held(models_dir / LOCK_FILE, models_dir, wait=True):
        name = _free_name(model.card.name)
        with new_folder(models_dir / name) as part:
            (part / CHECKPOINT_FILE).write_bytes(data)
            save_card(part / CHECKPOINT_FILE, replace(model.card, name=name))
            write_csv(part / PER_CLASS_FILE, PER_CLASS_COLUMNS, _per_class(model))
            write_csv(part / LEARNING_CURVE_FILE, CURVE_COLUMNS, [])
        published_models.cache_clear()
    return find_published(name)


def _free_name(wanted: str) -> str:
    """The name as one of a folder, with a number where there is such a model."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", wanted).strip("_-")[:MAX_NAME] or "model"
    taken = {model.name for model in published_models()} | {bad.name for bad in damaged_models()}
    names = chain([stem], (f"{stem}_{n}" for n in count(2)))
    return next(
        name for name in names if name not in taken and not (user_models_dir() / name).exists()
    )


def _per_class(model: PublishedModel) -> list[tuple[int, str, str, str, str]]:
    ap, auc = model.average_precision(), model.auc()
    return [
        (label.index, label.mid, label.name, _figure(ap, label), _figure(auc, label))
        for label in labels_of(model.card)
    ]


def _figure(figures: Mapping[int, float], label: Label) -> str:
    return f"{figures.get(label.index, math.nan):.6f}"
