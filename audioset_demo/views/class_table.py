"""The table of classes: a row that is ticked is the class that is chosen, however it is sorted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st

from audioset_demo.evaluation import d_prime
from audioset_demo.evidence.of_model import Evidence
from audioset_demo.labels import Label
from audioset_demo.models.card import labels_of
from audioset_demo.models.published import PublishedModel
from audioset_demo.storage import csv_text, json_text
from audioset_demo.views import session
from audioset_demo.views.downloads import File, downloads

HEIGHT = 400
CLASS_WIDTH = 170  # pixels
MOUNTS, TICKED = "tables drawn", "class ticked"
Row = dict[str, Any]


def _missing_last(value: float | None, sign: int) -> float:
    return math.inf if value is None else sign * value


SORTS = {
    "Highest average precision": lambda row: _missing_last(row["AP"], -1),
    "Lowest average precision": lambda row: _missing_last(row["AP"], 1),
    "Most training clips": lambda row: -row["All train"],
    "Name": lambda row: row["Class"].lower(),
}
_PRECISION = st.column_config.NumberColumn(format="%.3f")
_COUNT = st.column_config.NumberColumn(format="localized")
COLUMNS = {
    # Pinned while the others scroll, and narrow enough for that on a phone.
    "Class": st.column_config.TextColumn(width=CLASS_WIDTH, pinned=True),
    "AP": st.column_config.ProgressColumn(min_value=0.0, max_value=1.0, format="%.3f"),
    "AP, low": _PRECISION,
    "AP, high": _PRECISION,
    "AUC": _PRECISION,
    "d'": st.column_config.NumberColumn(format="%.2f"),
    "Balanced train": _COUNT,
    "All train": _COUNT,
    "Eval": _COUNT,
    "Label quality": st.column_config.NumberColumn(
        format="%d %%", help="Share of the rated labels that raters confirmed"
    ),
}


@dataclass(frozen=True)
class Table:
    """The rows of classes: their names, the columns that say something of one, the two files."""

    names: tuple[str, ...]
    columns: pa.Table
    csv: bytes
    json: bytes


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs={PublishedModel: repr})
def table(model: PublishedModel, classes: bytes, sort: str, _of: Evidence | None) -> Table:
    """The table of some classes of a model, the same for all visitors.

    Parameters
    ----------
    classes : their indices, as the bytes of int64, which Streamlit hashes at once
    """
    labels = labels_of(model.card)
    shown = [labels[k] for k in np.frombuffer(classes, np.int64)]
    rows = _rows(shown, model.average_precision(), model.auc(), _of, sort)
    return Table(
        names=tuple(row["Class"] for row in rows),
        columns=pa.table(
            {
                column: [row[column] for row in rows]
                for column in rows[0]
                if any(row[column] not in (None, "") for row in rows)
            }
        ),
        csv=csv_text(list(rows[0]), (row.values() for row in rows)).encode(),
        json=json_text(rows, 1).encode(),
    )


def _rows(
    labels: Sequence[Label],
    ap: dict[int, float],
    auc: dict[int, float],
    of: Evidence | None,
    sort: str,
) -> list[Row]:
    """A row for each class; a figure that was not measured is None."""

    def known(value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None

    rows = []
    for label in labels:
        k = label.index
        area = known(auc.get(k))
        rows.append(
            {
                "Class": label.name,
                "AP": known(ap.get(k)),
                "AP, low": float(of.low[k]) if of else None,
                "AP, high": float(of.high[k]) if of else None,
                "AUC": area,
                "d'": known(d_prime(area)) if area is not None else None,
                "Balanced train": label.n_bal_train,
                "All train": label.n_train,
                "Eval": label.n_eval,
                "Label quality": None if label.quality is None else round(100 * label.quality),
                "Votes": f"{label.n_true} of {label.n_rated}" if label.n_rated else "",
                "Place": " > ".join(label.paths[0][:-1]) if label.paths else "",
                "Index": k,
                "Id": label.mid,
            }
        )
    return sorted(rows, key=SORTS[sort])


def show(table: Table, chosen: str, decided_by: tuple) -> None:
    """A table and its downloads; `decided_by` is all that decides it.

    A tick belongs to a place in a table. So rows in another order, or a class that was chosen
    elsewhere, make another table, in which the chosen class is ticked from the start.
    """
    if st.session_state.get(TICKED) != chosen:
        st.session_state[MOUNTS] = st.session_state.get(MOUNTS, 0) + 1
        st.session_state[TICKED] = chosen
    names = table.names
    key = f"table {st.session_state[MOUNTS]} {hash(names)}"

    def choose() -> None:
        ticked = st.session_state[key].selection.rows
        st.session_state[TICKED] = names[ticked[0]] if ticked else None
        if ticked:
            session.choose_class(names[ticked[0]])

    st.dataframe(
        table.columns,
        hide_index=True,
        height=min(HEIGHT, 35 * (len(names) + 1) + 3),
        key=key,
        selection_mode="single-row",
        selection_default={"selection": {"rows": [names.index(chosen)] if chosen in names else []}},
        on_select=choose,
        column_config=COLUMNS,
        alt="Classes with their average precision and clip counts",
    )
    downloads(
        "classes",
        decided_by,
        File("CSV", "classes.csv", "text/csv", lambda: table.csv),
        File("JSON", "classes.json", "application/json", lambda: table.json),
    )
