"""Classes: how well each class is recognised, where models and data fail, and the clips behind."""

import math

import numpy as np
import streamlit as st

from audioset_demo.evidence.ontology import parts
from audioset_demo.labels import Label
from audioset_demo.models.card import labels_of
from audioset_demo.views import all_classes, class_table, clips, models_of_class, one_class, session
from audioset_demo.views.all_classes import BRUSHED, PART, Subject
from audioset_demo.views.names import escape
from audioset_demo.views.widgets import class_select, errors_shown, provenance, title


def left_by_filters(labels: tuple[Label, ...], wanted: str, part: str) -> tuple[int, ...]:
    """The classes with a text in their names, ids or paths, in a part of the ontology."""
    return tuple(
        label.index
        for label in labels
        if wanted in " ".join((label.name, label.mid, *sum(label.paths, ()))).lower()
        and (not part or part == label.name or part in label.ancestors)
    )


title(
    "Classes", "How well each class is recognised, where models and data fail, and on which clips."
)
with errors_shown():
    choice = session.choice()
    provenance(clips.current(), choice)
    models = session.models()
    model, titles = models[choice.model], session.model_titles()
    labels = labels_of(model.card)
    ap = model.average_precision()
    same_classes = {
        titles[name]: models[name]
        for name in sorted(models, key=lambda name: name != choice.model)
        if models[name].card.labels == model.card.labels
    }
precision = np.array([ap.get(label.index, math.nan) for label in labels])
evidence = all_classes.evidence_shown(model)
measured = model.card.metrics
scored_on = measured.get("eval") or measured.get("validation", {})
if np.isfinite(precision).any():
    st.caption(
        f"Average precision (AP) of {escape(titles[choice.model])}, trained on "
        f"{escape(model.card.training_set)}, on {scored_on.get('clips', 0):,} clips of "
        f'"{escape(str(scored_on.get("set", "eval")))}"; '
        f"mean over classes {np.nanmean(precision):.3f}."
    )
else:
    st.info(
        f"No average precision was measured for {escape(titles[choice.model])}.",
        icon=":material/info:",
    )

by_precision = [int(k) for k in np.argsort(-np.nan_to_num(precision, nan=-1.0), kind="stable")]
left, middle, right = st.columns(3)
wanted = left.text_input(
    "Search by name or place in the ontology", key="search", bind="query-params"
).strip().lower()  # fmt: skip
with middle:
    part_names = ["", *parts(labels)]
    part = (
        st.selectbox(
            "Part of the ontology",
            part_names,
            key=PART,
            format_func=lambda name: name or "All of it",
            filter_mode="contains",
            bind="query-params",
        )
        if len(part_names) > 1
        else ""
    )
with right:
    chosen = class_select("Class (type to search)", labels, by_precision, by_precision[0])
kept = left_by_filters(labels, wanted, part)
if not kept:
    st.info(
        f'No class has "{escape(wanted)}" in its name or place in the ontology'
        f"{f', in {escape(part)}' if part else ''}. Search for a part of the word.",
        icon=":material/search_off:",
    )
label = labels[chosen]

view = all_classes.choose_view(labels)
picture, beside = st.columns([3, 2], gap="medium")
with picture:
    if kept and view:
        subject = Subject(labels, precision, kept, chosen, part, model, same_classes)
        all_classes.show(view, subject)
with beside:
    st.subheader(escape(label.name), anchor=False)
    one_class.summary(label, float(precision[chosen]), evidence)

st.subheader("All classes", anchor=False)
sort = st.selectbox(
    "Sort by", list(class_table.SORTS), key="sort", bind="query-params", filter_mode="contains"
)
brushed = st.session_state.get(BRUSHED, ())
listed = [labels[k] for k in kept if not brushed or labels[k].name in brushed]
if brushed:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{len(listed):,} classes selected in the picture.")
        st.button("Show the others too", on_click=lambda: st.session_state.pop(BRUSHED))
if listed:
    indices = np.array([label.index for label in listed], np.int64).tobytes()
    table = class_table.table(model, indices, sort, evidence)
    class_table.show(table, label.name, (choice.model, wanted, part, brushed, sort))
    st.caption(
        f"{len(listed):,} of {len(labels):,} classes. Select a row to see it in detail; the "
        "address leads to what is shown."
    )

st.subheader(escape(f"{label.name} in depth"), anchor=False)
with errors_shown():
    if evidence:
        one_class.show(label, evidence, labels, same_classes)
    else:
        models_of_class.show(label, same_classes)
