"""Classes: how well each class is recognised, and how many clips there are of it."""

import csv
import io
import math
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from audioset_demo.charts import results as charts
from audioset_demo.tagging import labels_of
from audioset_demo.views import clips, session
from audioset_demo.views.downloads import File, downloads
from audioset_demo.views.names import cell, escape
from audioset_demo.views.widgets import chart, errors_shown, provenance, title

COUNTS = {
    "n_bal_train": "Clips in the balanced training set",
    "n_train": "Clips in the whole training set",
    "n_eval": "Clips in the evaluation set",
}
SORTS = {
    "Highest average precision": lambda row: math.inf if row["AP"] is None else -row["AP"],
    "Lowest average precision": lambda row: math.inf if row["AP"] is None else row["AP"],
    "Most training clips": lambda row: -row["All train"],
    "Name": lambda row: row["Class"].lower(),
}
CHOSEN = "detail"


def choose(event: str, rows: list[int] | None = None) -> None:
    """Choose the class that was clicked in a chart, or in a table whose `rows` are classes."""
    selection = st.session_state[event].selection
    if rows is None and selection.points:
        st.session_state[CHOSEN] = int(selection.points[0]["customdata"])
    elif rows is not None and selection.rows:
        st.session_state[CHOSEN] = rows[selection.rows[0]]


def shown(precision: float | None, digits: int = 4) -> str:
    return "not measured" if precision is None else f"{precision:.{digits}f}"


def as_csv(rows: list[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


title("Classes", "How well each class is recognised, and how many clips there are of it.")
with errors_shown():
    choice = session.choice()
    provenance(clips.current(), choice)
    models = session.models()
    model = models[choice.model]
    labels = labels_of(model.card)
    by_model = {
        name: {k: ap for k, ap in other.average_precision().items() if math.isfinite(ap)}
        for name, other in models.items()
        if other.card.labels == model.card.labels
    }
titles = session.model_titles()
measured = by_model[choice.model]
precision = np.array([measured.get(label.index, math.nan) for label in labels])
names = [label.name for label in labels]
scored_on = model.card.metrics.get("eval", {})
if measured:
    st.caption(
        f"Average precision (AP) of {escape(titles[choice.model])}, trained on "
        f"{escape(model.card.training_set)}, on {scored_on.get('clips', 0):,} clips of "
        f'"{escape(str(scored_on.get("set", "eval")))}"; '
        f"mean over classes {np.mean(list(measured.values())):.4f}."
    )
else:
    st.info(
        f"No average precision was measured for {escape(titles[choice.model])}.",
        icon=":material/info:",
    )
# The choice of a class does not outlive the set of classes.
if st.session_state.get("detailed", model.card.labels) != model.card.labels:
    st.session_state.pop(CHOSEN, None)
st.session_state.detailed = model.card.labels
pictures, table, detail = st.container(), st.container(), st.container()
with detail:
    st.subheader("One class", anchor=False)
    chosen = st.selectbox(
        "Class (type to search)",
        range(len(labels)),
        int(np.nan_to_num(precision).argmax()),
        key=CHOSEN,
        format_func=names.__getitem__,
        bind="query-params",
    )

with pictures:
    if any(label.n_train for label in labels):
        which = st.segmented_control(
            "Count",
            list(COUNTS),
            default="n_train",
            required=True,
            format_func=COUNTS.__getitem__,
            key="counts",
            bind="query-params",
        )
        counts = np.array([getattr(label, which) for label in labels])
        chart(
            charts.precision_scatter(names, counts, precision, chosen, COUNTS[which]),
            f"Average precision of each class against its {COUNTS[which].lower()}",
            key="scatter",
            on_select=lambda: choose("scatter"),
            selection_mode="points",
        )
        st.caption(
            "Click a point to see its class in detail. The average precision is that of a model "
            f"trained on {escape(model.card.training_set)}; the counts are those of AudioSet's "
            "lists."
        )
        ranks = st.slider(
            "Classes shown, ranked by number of clips",
            1,
            len(labels),
            (1, len(labels)),
            key="ranks",
            bind="query-params",
            help="Names are written if 60 or fewer classes are shown.",
        )
        order = np.argsort(-counts, kind="stable")[ranks[0] - 1 : ranks[1]]
        chart(
            charts.counts_and_precision(
                [names[k] for k in order], counts[order], precision[order], COUNTS[which]
            ),
            f"Bars: {COUNTS[which].lower()}; stems: average precision; from the most to the least "
            "frequent class",
            key="stems",
        )
    else:
        st.info(
            "For classes of your own there are no clip counts to compare the average precision "
            "with.",
            icon=":material/info:",
        )

with table:
    st.subheader("All classes", anchor=False)
    left, right = st.columns(2)
    wanted = (
        left.text_input(
            "Search by name or place in the ontology", key="search", bind="query-params"
        )
        .strip()
        .lower()
    )
    sort = right.selectbox("Sort by", list(SORTS), key="sort", bind="query-params")
    rows: list[dict[str, Any]] = [
        {
            "Class": label.name,
            "AP": measured.get(label.index),
            "Balanced train": label.n_bal_train,
            "All train": label.n_train,
            "Eval": label.n_eval,
            "Label quality": label.quality,
            "Place": " > ".join(label.paths[0][:-1]) if label.paths else "",
            "Index": label.index,
            "Id": label.mid,
        }
        for label in labels
        if wanted in " ".join((label.name, label.mid, *sum(label.paths, ()))).lower()
    ]
    rows.sort(key=SORTS[sort])
    if rows:
        st.dataframe(
            {column: [row[column] for row in rows] for column in rows[0]},
            hide_index=True,
            height=330,
            key="table",
            selection_mode="single-row",
            on_select=lambda: choose("table", [row["Index"] for row in rows]),
            column_config={
                "AP": st.column_config.ProgressColumn(min_value=0.0, max_value=1.0, format="%.3f"),
                "Label quality": st.column_config.NumberColumn(
                    format="percent", help="Share of the rated labels that raters confirmed"
                ),
            },
            alt="All classes with their average precision and clip counts",
        )
        st.caption(f"{len(rows):,} of {len(labels):,} classes. Select a row to see it in detail.")
        downloads(
            "classes",
            (choice.model, wanted, sort),
            File("CSV", "classes.csv", "text/csv", partial(as_csv, rows)),
        )
    else:
        st.info(
            f'No class has "{escape(wanted)}" in its name or place in the ontology. Search for a '
            "part of the word.",
            icon=":material/search_off:",
        )

with detail:
    label = labels[chosen]
    for path in label.paths:
        st.markdown(escape("  ›  ".join(path)))
    figures = {"Average precision": shown(measured.get(label.index), digits=3)}
    if label.n_train:
        figures |= {
            "Balanced train": f"{label.n_bal_train:,}",
            "All train": f"{label.n_train:,}",
            "Evaluation": f"{label.n_eval:,}",
            "Label quality": "not rated" if label.quality is None else f"{label.quality:.0%}",
        }
    with st.container(horizontal=True):
        for name, value in figures.items():
            st.metric(name, value, border=True, width=150)
    st.table(
        {
            "Model": [cell(titles[name]) for name in by_model],
            "Trained on": [cell(models[name].card.training_set) for name in by_model],
            "Average precision": [shown(values.get(label.index)) for values in by_model.values()],
        },
        hide_index=True,
    )
