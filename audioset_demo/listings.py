"""What is published and installed, as tables: models, classes, VGGish's weights."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from audioset_demo.encoders.vggish.weights import WeightsFile
from audioset_demo.evidence.of_model import evidence
from audioset_demo.models.card import labels_of
from audioset_demo.models.published import DamagedModel, PublishedModel

CLASS_COLUMNS = (
    "index", "mid", "label", "balanced_train", "all_train", "eval", "quality", "ap", "ap_low",
    "ap_high", "auc",
)  # fmt: skip
CLASS_ORDERS = {
    "ap": lambda row: math.inf if row["ap"] is None else -row["ap"],
    "count": lambda row: -row["all_train"],
    "name": lambda row: row["label"].casefold(),
}


def class_rows(model: PublishedModel) -> Iterator[dict[str, Any]]:
    """A row of `CLASS_COLUMNS` for each class of a model; None where nothing was measured.

    Raises
    ------
    CheckpointError
        If a table that was published with the model is damaged.
    """
    ap, auc, shown = model.average_precision(), model.auc(), evidence(model)
    for label in labels_of(model.card):
        k = label.index
        interval = (shown.low[k], shown.high[k]) if shown else (math.nan, math.nan)
        counts = (label.n_bal_train, label.n_train, label.n_eval)
        figures = (ap.get(k, math.nan), *interval, auc.get(k, math.nan))
        known = (None if math.isnan(figure) else round(float(figure), 6) for figure in figures)
        values = (k, label.mid, label.name, *counts, label.quality, *known)
        yield dict(zip(CLASS_COLUMNS, values, strict=True))


def classes_table(rows: Iterable[dict], model: PublishedModel) -> str:
    """Rows of `class_rows` of a model as a table."""
    source = f"AP of {model.title}, trained on {model.card.training_set}"
    lines = [f"{'AP':>6} {'95 % interval':>16} {'train clips':>12} {'eval':>6}  class ({source})"]
    for row in rows:
        low, high = row["ap_low"], row["ap_high"]
        interval = "–" if low is None else f"{low:.3f} to {high:.3f}"
        lines.append(
            f"{_cell(row['ap'], '6.3f')} {interval:>16} {row['all_train']:12,} {row['eval']:6,}  "
            f"{row['label']}"
        )
    return "\n".join(lines) + "\n"


def models_table(models: Sequence[PublishedModel]) -> str:
    """The models, what each was trained on, and its figures with what they are of."""
    rows = [model.to_json() for model in models]
    name = max([19, *(len(row["name"]) for row in rows)])
    title = max([5, *(len(row["title"]) for row in rows)])
    lines = [
        f"{'name':{name}}  {'title':{title}} {'mAP':>7} {'AUC':>7} {'d-prime':>8} "
        f"{'parameters':>11} {'MB':>5}  trained on"
    ]
    for model, row in zip(models, rows, strict=True):
        mark = "*" if row["default"] else " "
        lines.append(
            f"{row['name']:{name}}{mark} {row['title']:{title}} {_cell(row['mAP'], '7.4f')} "
            f"{_cell(row['AUC'], '7.4f')} {_cell(row['d_prime'], '8.3f')} "
            f"{row['parameters']:11,} {row['bytes'] / 1e6:5.1f}  {model.card.training_set}"
        )
    scored = sorted({_scored_on(model) for model in models if "eval" in model.card.metrics})
    lines.append(f"* the default; figures on {'; '.join(scored) or 'no set'}")
    return "\n".join(lines) + "\n"


def _scored_on(model: PublishedModel) -> str:
    evaluated = model.card.metrics["eval"].get("set", "an unnamed set")
    return f'"{evaluated}", {model.card.encoder}'


def damage(model: DamagedModel) -> str:
    """Why a published model is not offered, and the remedy."""
    return f"The published model '{model.name}' is damaged. {model.error}"


def weights_table(files: Iterable[WeightsFile]) -> str:
    """The state of each file of VGGish's weights, in a few lines."""
    lines = []
    for file in files:
        state = f"{file.bytes:,} bytes, {file.verified}" if file.present else "not installed"
        lines += [f"{file.what}: {state}", f"  {file.path}"]
        if file.present:
            lines += [f"  from {file.source or 'an unknown source'}", f"  sha256 {file.sha256}"]
        if file.part_bytes:
            lines.append(
                f"  {file.part_bytes:,} bytes are downloaded already; weights get resumes there"
            )
    return "".join(f"{line}\n" for line in lines)


def _cell(figure: float | None, form: str) -> str:
    """A figure, or a dash of the same width."""
    return f"{'–':>{form.split('.')[0]}}" if figure is None else f"{figure:{form}}"
