"""All models over one another, for one class."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from audioset_demo.charts import one_class as charts
from audioset_demo.evidence.over_training import over_training
from audioset_demo.evidence.published import published_ap
from audioset_demo.labels import Label
from audioset_demo.models.published import PublishedModel
from audioset_demo.views.all_classes import evidence_shown
from audioset_demo.views.drawn_once import draw_once
from audioset_demo.views.names import cell
from audioset_demo.views.widgets import chart, count, shown


def show(label: Label, models: dict[str, PublishedModel]) -> None:
    """The AP of a class by every model, and by those that others published."""
    draw_once("all models", (label.name, tuple(models.values())), lambda: _all(label, models))


def _all(label: Label, models: dict[str, PublishedModel]) -> None:
    titles, precision, intervals = [], [], []
    for title, model in models.items():
        of = evidence_shown(model)
        titles.append(title)
        precision.append(model.average_precision().get(label.index, math.nan))
        intervals.append((float(of.low[label.index]), float(of.high[label.index])) if of else None)
    trained_on = [model.card.training_set for model in models.values()]
    published = published_ap() if label.mid else ()
    ap = [*precision, *(each.ap[label.index] for each in published)]
    st.markdown("**All models**")
    if any(map(math.isfinite, ap)):
        chart(
            charts.model_intervals(
                [*titles, *(each.title for each in published)],
                ap,
                [*intervals, *(None for _ in published)],
                len(models),
            ),
            f"Average precision of {label.name} by each model, with intervals",
            key="all models",
            bar=False,
        )
    if published:
        st.caption(
            "Blue: this project's, with 95 % intervals (bootstrap over clips). Orange: published "
            "by others for other training data, read off a figure (arXiv 1912.10211): "
            + "; ".join(f"{each.title}, trained on {each.trained_on}" for each in published)
            + ". They do not measure these models."
        )
    with st.expander("Figures"):
        st.table(
            {
                "Model": [*map(cell, titles), *(each.title for each in published)],
                "Trained on": [
                    *map(cell, trained_on),
                    *(cell(each.trained_on) for each in published),
                ],
                "Average precision": [shown(each, 4) for each in ap],
            },
            hide_index=True,
        )


def show_over_training(label: Label, models: dict[str, PublishedModel]) -> None:
    """The AP of a class at the checkpoints of each model's training, where it was measured."""
    k = label.index
    measured = {title: over_training(model) for title, model in models.items()}
    lines = {
        title: (of.iterations, of.ap[k])
        for title, of in measured.items()
        if of and np.isfinite(of.ap[k]).any()
    }
    if not lines:
        return
    n_clips = next(int(of.n_clips[k]) for of in measured.values() if of)
    st.markdown("**Over training**")
    draw_once(
        "over training", (label.name, tuple(models.values())),
        lambda: chart(
            charts.ap_over_training(lines),
            f"Average precision of {label.name} at checkpoints of each model's training",
            key="over training",
            bar=False,
        ),
    )  # fmt: skip
    st.caption(
        "On the validation part of the balanced set, by runs with the same settings that held it "
        f"out. {count(n_clips, 'clip')} there with the label: small steps are chance. Not to be "
        "compared with the figures on the evaluation set."
    )
