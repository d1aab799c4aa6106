"""The pictures of all classes: each chooses the class, or the part of the ontology, clicked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from audioset_demo.charts import classes as charts
from audioset_demo.errors import CheckpointError
from audioset_demo.evidence import ontology, statistics
from audioset_demo.evidence.of_model import Evidence, evidence
from audioset_demo.labels import Label
from audioset_demo.models.published import PublishedModel
from audioset_demo.views import session
from audioset_demo.views.drawn_once import made_once
from audioset_demo.views.names import escape
from audioset_demo.views.widgets import chart

COUNTS = {
    "n_bal_train": "Clips in the balanced training set",
    "n_train": "Clips in the whole training set",
    "n_eval": "Clips in the evaluation set",
}
PART, BRUSHED = "part", "brushed classes"


@dataclass(frozen=True)
class Subject:
    """What the pictures show.

    Attributes
    ----------
    labels : of all K classes
    precision : (K,) AP of the chosen model, NaN where not measured
    kept : the classes that the search and the part of the ontology leave
    chosen : the class in detail
    part : of the ontology; empty: all of it
    model : the chosen model
    others : the models with the same classes, by title
    """

    labels: tuple[Label, ...]
    precision: np.ndarray
    kept: tuple[int, ...]
    chosen: int
    part: str
    model: PublishedModel
    others: dict[str, PublishedModel]

    @property
    def names(self) -> list[str]:
        return [label.name for label in self.labels]

    @property
    def decided_by(self) -> tuple[PublishedModel, bytes, int, str]:
        """All that decides the pictures, quickly compared."""
        return self.model, np.array(self.kept, np.int64).tobytes(), self.chosen, self.part

    def only_kept(self, values: np.ndarray) -> np.ndarray:
        """The values (K,), NaN where a class is left out."""
        found = np.full(len(self.labels), math.nan)
        found[list(self.kept)] = values[list(self.kept)]
        return found


def evidence_shown(model: PublishedModel) -> Evidence | None:
    """The evidence of a model; where it is damaged, none, and why."""
    try:
        return evidence(model)
    except CheckpointError as error:
        st.warning(escape(str(error)), icon=":material/warning:")
        return None


def choose_view(labels: Sequence[Label]) -> str:
    """The kind of picture that the visitor chose; empty where there are no counts to draw."""
    if not any(label.n_train for label in labels):
        st.info(
            "For classes of your own there are no clip counts to compare the average precision "
            "with.",
            icon=":material/info:",
        )
        return ""
    without = {
        "Label quality": not any(label.n_rated for label in labels),
        "Ontology": not any(label.paths for label in labels),
    }
    views = [view for view in VIEWS if not without.get(view)]
    return st.segmented_control(
        "Picture", views, default=next(iter(VIEWS)), required=True, key="view",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip


def show(view: str, subject: Subject) -> None:
    """A picture of the kind that the visitor chose."""
    VIEWS[view](subject)


def _scatter(subject: Subject) -> None:
    which, counts = _counts(subject)
    figure = made_once("scatter", (which, subject.decided_by), lambda: charts.precision_scatter(
        subject.names, counts, subject.only_kept(subject.precision), subject.chosen, COUNTS[which],
    ))  # fmt: skip
    _clickable(
        figure,
        f"Average precision of each class against its {COUNTS[which].lower()}",
        "scatter",
        subject.labels,
        brush=True,
    )
    with np.errstate(divide="ignore"):
        logs = np.where(counts > 0, np.log10(counts), math.nan)
    _correlation("the logarithm of the count", subject, logs)
    st.caption("Click a point to see its class; drag a box to list the classes in it.")


def _by_rank(subject: Subject) -> None:
    which, counts = _counts(subject)
    kept = list(subject.kept)
    chosen = kept.index(subject.chosen) if subject.chosen in kept else -1
    figure = made_once("ranks", (which, subject.decided_by), lambda: charts.precision_by_rank(
        [subject.names[k] for k in kept], counts[kept], subject.precision[kept], chosen,
        COUNTS[which],
    ))  # fmt: skip
    _clickable(
        figure,
        f"Points: average precision; bars: {COUNTS[which].lower()}; from the most to the least "
        "frequent class",
        "ranks",
        [subject.labels[k] for k in kept],
    )
    st.caption(
        "After figure 1 of the reference. The line is the mean AP of 25 neighbouring classes. Drag "
        "to zoom, double-click to see all; names are written if 60 classes or fewer are shown."
    )


def _quality(subject: Subject) -> None:
    n_true = np.array([label.n_true for label in subject.labels])
    n_rated = np.array([label.n_rated for label in subject.labels])
    quality = np.array([math.nan if q is None else q for q in _qualities(subject.labels)])
    figure = made_once("quality", subject.decided_by, lambda: charts.precision_by_quality(
        subject.names, quality, statistics.wilson(n_true, n_rated),
        subject.only_kept(subject.precision), subject.chosen,
    ))  # fmt: skip
    _clickable(
        figure,
        "Average precision of each class against the share of its labels that raters confirmed",
        "quality",
        subject.labels,
    )
    _correlation("label quality", subject, quality)
    st.caption(
        "Label quality: the share of labels that raters confirmed, of 10 votes for most classes, "
        "so the 95 % intervals are wide (Wilson's, grey). "
        f"{int((n_rated == 0).sum()):,} classes were not rated."
    )


def _qualities(labels: Sequence[Label]) -> list[float | None]:
    return [label.quality for label in labels]


def _ontology(subject: Subject) -> None:
    kept = set(subject.kept)

    def make() -> go.Figure:
        shown = [label for label in subject.labels if label.index in kept]
        boxes = ontology.nodes(shown, subject.precision, subject.part)
        return charts.ontology(boxes, subject.names[subject.chosen])

    with_parts = set(ontology.parts(subject.labels))
    by_name = {label.name for label in subject.labels}

    def choose() -> None:
        points = st.session_state["ontology"].selection.points
        if not points:
            return
        name = str(points[0]["customdata"])
        if name in by_name:
            session.choose_class(name)
        if name in with_parts:
            # A second click on the box at the left leads back up.
            st.session_state[PART] = "" if name == subject.part else name

    chart(
        made_once("ontology", subject.decided_by, make),
        "The ontology as boxes inside boxes, coloured by the mean average precision of the classes "
        "in them",
        key="ontology",
        on_select=choose,
        selection_mode="points",
    )
    st.caption(
        "Colour: mean AP of the classes in a box. Click a box to see what is in it, and to filter "
        "the table and the other pictures; click the box at the left to see all again. A class "
        "with two parents is in both."
    )


def _two_models(subject: Subject) -> None:
    titles = [title for title, model in subject.others.items() if model != subject.model]
    if not titles:
        st.info("There is no other model with the same classes.", icon=":material/info:")
        return
    against = st.selectbox(
        "The chosen model minus", titles, key="against", bind="query-params", filter_mode="contains"
    )
    one, other = evidence_shown(subject.model), evidence_shown(subject.others[against])
    found = statistics.difference(one, other) if one and other else None
    if found is None:
        remedy = " Run `python -m train explore --data AUDIOSET/eval.h5`."
        st.info(
            "These two models were not scored on the same clips."
            + (remedy if subject.labels[0].mid else ""),
            icon=":material/info:",
        )
        return
    which = subject.others[against], subject.decided_by
    figure = made_once("differences", which, lambda: charts.differences(
        subject.names, np.array(subject.kept, np.int64), found.ap, (found.low, found.high),
        found.beyond_chance, subject.chosen,
    ))  # fmt: skip
    _clickable(
        figure,
        f"Difference of average precision to {against}, class by class, with intervals",
        "differences",
        subject.labels,
    )
    st.markdown(
        f"mAP differs by **{found.mean:+.4f}** ({found.mean_low:+.4f} to {found.mean_high:+.4f}); "
        f"beyond chance in {int(found.beyond_chance.sum()):,} of {len(found.ap):,} classes: better "
        f"in {int((found.beyond_chance & (found.ap > 0)).sum()):,}, worse in "
        f"{int((found.beyond_chance & (found.ap < 0)).sum()):,}."
    )
    st.caption(
        "Lines: 95 % intervals of a paired bootstrap over clips (both models on the same draws). "
        "Beyond chance: at most one in twenty of these is expected to be by chance (Benjamini and "
        "Hochberg, over all classes). One training of each model: another seed would differ too."
    )


VIEWS: dict[str, Callable[[Subject], None]] = {
    "AP and count": _scatter,
    "AP by rank": _by_rank,
    "Label quality": _quality,
    "Ontology": _ontology,
    "Two models": _two_models,
}


def _counts(subject: Subject) -> tuple[str, np.ndarray]:
    which = st.selectbox(
        "Count", list(COUNTS), index=list(COUNTS).index("n_train"),
        format_func=COUNTS.__getitem__, key="counts", bind="query-params",
        filter_mode="contains", label_visibility="collapsed",
    )  # fmt: skip
    return which, np.array([getattr(label, which) for label in subject.labels])


def _clickable(figure, alt: str, key: str, labels: Sequence[Label], brush: bool = False) -> None:
    def choose() -> None:
        points = st.session_state[key].selection.points
        names = list(dict.fromkeys(labels[int(point["customdata"])].name for point in points))
        if len(names) == 1:
            session.choose_class(names[0])
        elif names:
            st.session_state[BRUSHED] = tuple(names)

    modes = ("points", "box", "lasso") if brush else "points"
    chart(figure, alt, key=key, brush=brush, on_select=choose, selection_mode=modes)


def _correlation(what: str, subject: Subject, values: np.ndarray) -> None:
    found = _correlations(values, subject.only_kept(subject.precision))
    if found:
        words = [
            f"{name} {each.value:+.2f} ({each.low:+.2f} to {each.high:+.2f})"
            for name, each in found.items()
        ]
        n = next(iter(found.values())).n
        st.markdown(f"Correlation of AP with {what} over {n:,} classes: {', '.join(words)}.")


@st.cache_data(max_entries=256, show_spinner=False)
def _correlations(x: np.ndarray, y: np.ndarray) -> dict[str, statistics.Correlation]:
    return statistics.correlations(x, y)
