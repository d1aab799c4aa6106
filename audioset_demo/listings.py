"""What is published and installed, as tables: models, classes, VGGish's weights."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from audioset_demo.encoders.vggish.weights import WeightsFile
from audioset_demo.labels import audioset_labels
from audioset_demo.models.published import DamagedModel, PublishedModel

CLASS_COLUMNS = ("index", "mid", "name", "ap", "n_bal_train", "n_unbal_train", "n_eval", "quality")
CLASS_ORDERS = {
    "ap": lambda row: math.inf if row["ap"] is None else -row["ap"],
    "count": lambda row: -(row["n_bal_train"] + row["n_unbal_train"]),
    "name": lambda row: row["name"].casefold(),
}


def class_rows(model: PublishedModel) -> Iterator[dict[str, Any]]:
    """A row of `CLASS_COLUMNS` for each AudioSet class; AP is None where none was measured."""
    measured = model.average_precision()
    for label in audioset_labels():
        row = {column: getattr(label, column, None) for column in CLASS_COLUMNS}
        ap = measured.get(label.index, math.nan)
        yield row | {"ap": None if math.isnan(ap) else ap}


def classes_table(rows: Iterable[dict], model: PublishedModel) -> str:
    """Rows of `class_rows` of a model as a table."""
    source = f"AP of {model.title}, trained on {model.card.training_set}"
    lines = [f"{'AP':>6} {'train clips':>12} {'eval':>6}  class ({source})"]
    for row in rows:
        count = row["n_bal_train"] + row["n_unbal_train"]
        lines.append(f"{_cell(row['ap'], '6.3f')} {count:12,} {row['n_eval']:6,}  {row['name']}")
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
