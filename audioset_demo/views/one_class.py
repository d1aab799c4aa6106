"""One class in depth: how well it is found at each threshold, and the clips behind the figures."""

from __future__ import annotations

import numpy as np
import streamlit as st

from audioset_demo.charts import one_class as charts
from audioset_demo.evaluation import d_prime
from audioset_demo.evidence.clips import ABSENT, NOT_COVERED, PRESENT, ScoredClips, eval_clips
from audioset_demo.evidence.of_model import LOGIT_EDGES, Evidence
from audioset_demo.evidence.statistics import wilson
from audioset_demo.labels import Label
from audioset_demo.models.published import PublishedModel
from audioset_demo.views import models_of_class, session
from audioset_demo.views.drawn_once import draw_once
from audioset_demo.views.names import escape
from audioset_demo.views.widgets import chart, count, percent, shown

TABLE_HEIGHT = 330
CARD_WIDTH = 140  # two stand side by side in the narrower column


def summary(label: Label, ap: float, of: Evidence | None) -> None:
    """The figures of a class in short."""
    for path in label.paths:
        st.markdown(escape("  ›  ".join(path)))
    k = label.index
    with st.container(horizontal=True):
        interval = f"{of.low[k]:.3f} to {of.high[k]:.3f}" if of else None
        _figure("Average precision", shown(ap), interval)
        if of:
            _figure("AUC", shown(float(of.auc[k])))
            _figure("d'", f"{d_prime(float(of.auc[k])):.2f}")
        if label.quality is not None:
            low, high = map(float, wilson(np.array(label.n_true), np.array(label.n_rated)))
            _figure("Label quality", percent(label.quality), f"{percent(low)} to {percent(high)}")
    if label.n_train and not label.mid:
        st.caption(f"Clips: {label.n_train:,} in training, {label.n_eval:,} scored.")
    elif label.n_train:
        votes = (
            f"of {label.n_rated} rated labels, raters confirmed {label.n_true}"
            if label.n_rated
            else "its labels were not rated"
        )
        st.caption(
            f"Clips: {label.n_bal_train:,} of the balanced training set, {label.n_train:,} of the "
            f"whole training set, {label.n_eval:,} of the evaluation set; {votes}. Intervals: 95 %."
        )


def _figure(name: str, value: str, interval: str | None = None) -> None:
    st.metric(
        name, value, interval, delta_color="off", delta_arrow="off", border=True, width=CARD_WIDTH
    )


def show(
    label: Label, of: Evidence, labels: tuple[Label, ...], models: dict[str, PublishedModel]
) -> None:
    """Everything that scoring the evaluation set has shown of a class.

    Parameters
    ----------
    of : the evidence of the chosen model
    models : those with the same classes, by title, the chosen one first
    """
    clips = eval_clips()
    _curves(label, of, next(iter(models.values())))
    left, right = st.columns(2, gap="medium")
    with left:
        models_of_class.show(label, models)
    with right:
        _confused(label, of, clips, labels)
        models_of_class.show_over_training(label, models)
    model = next(iter(models.values()))
    draw_once("clips of class", (label.name, model), lambda: _clips(label, of, clips, labels))


def _curves(label: Label, of: Evidence, model: PublishedModel) -> None:
    k = label.index
    thresholds, found, false = of.curve(k)
    positive, negative = int(of.n_positive[k]), int(of.n_negative[k])
    precision, recall = found / (found + false), found / positive
    f1 = 2 * precision * recall / (precision + recall)
    st.markdown("**Precision, recall and the threshold**")
    at = st.select_slider(
        "Score from which a clip counts as having the class",
        range(len(thresholds))[::-1],
        int(f1.argmax()),
        key=f"threshold {model.name} {label.name}",
        format_func=lambda i: f"{thresholds[i]:.4f}",
        help="At first the threshold with the best F1 on these very clips.",
    )
    st.markdown(
        f"At a score of {thresholds[at]:.4f} or more: precision **{precision[at]:.3f}** "
        f"({found[at]:,} of {count(int(found[at] + false[at]), 'clip')} have the label), recall "
        f"**{recall[at]:.3f}** ({found[at]:,} of {positive:,}), false-positive rate "
        f"{false[at] / negative:.4f} ({false[at]:,} of {negative:,}), F1 {f1[at]:.3f}."
    )
    draw_once("curves", (label.name, model, at), lambda: _curves_at(at, label, of))
    if of.curve_error[k] > 0:
        st.caption(
            f"The curves go through {len(thresholds)} thresholds, and elsewhere differ by at most "
            f"{of.curve_error[k]:.3f}."
        )


def _curves_at(at: int, label: Label, of: Evidence) -> None:
    k = label.index
    thresholds, found, false = of.curve(k)
    positive, negative = int(of.n_positive[k]), int(of.n_negative[k])
    precision, recall = found / (found + false), found / positive
    columns = st.columns(3, gap="small")
    with columns[0]:
        chart(
            charts.precision_recall(recall, precision, at, positive / (positive + negative)),
            f"Precision over recall of {label.name}, the threshold marked",
            key="precision and recall",
            bar=False,
        )
    with columns[1]:
        chart(
            charts.roc(false / negative, recall, at),
            f"Recall over the false-positive rate of {label.name}, the threshold marked",
            key="roc",
            bar=False,
        )
    with columns[2]:
        chart(
            charts.score_histograms(
                LOGIT_EDGES, of.histogram[k][0], of.histogram[k][1], float(thresholds[at])
            ),
            f"Histograms of the scores of clips with and without {label.name}",
            key="histograms",
            bar=False,
        )


def _confused(label: Label, of: Evidence, clips: ScoredClips, labels: tuple[Label, ...]) -> None:
    k = label.index
    n_false, positive = int(of.n_false[k]), int(of.n_positive[k])
    confused = [
        (int(j), int(n)) for j, n in zip(of.confused[k], of.n_confused[k], strict=True) if n
    ]
    st.markdown("**Confused with**")
    st.caption(
        f"Of the {positive:,} highest-scored clips, {n_false:,} lack the label. They carry these "
        "more often than other clips do."
    )
    _shares("confused", label, labels, confused, n_false)
    st.markdown("**Occurs with**")
    st.caption(f"What the {positive:,} clips with the label carry beside it.")
    _shares("beside", label, labels, clips.co_occurring(k), positive)


def _shares(
    what: str, label: Label, labels: tuple[Label, ...], found: list[tuple[int, int]], n: int
) -> None:
    if not found:
        st.caption("None.")
        return
    key = f"{what} {label.name}"

    def choose() -> None:
        rows = st.session_state[key].selection.rows
        if rows:
            session.choose_class(labels[found[rows[0]][0]].name)

    st.dataframe(
        {
            "Class": [labels[j].name for j, _ in found],
            "Clips": [n_both for _, n_both in found],
            "Share": [round(100 * n_both / max(n, 1)) for _, n_both in found],
        },
        hide_index=True,
        height=35 * (min(len(found), 5) + 1) + 3,
        key=key,
        on_select=choose,
        selection_mode="single-row",
        column_config={
            "Clips": st.column_config.NumberColumn(format="localized"),
            "Share": st.column_config.NumberColumn(format="%d %%"),
        },
        alt=f"Classes that occur with {label.name}: {what}",
    )


def _clips(label: Label, of: Evidence, clips: ScoredClips, labels: tuple[Label, ...]) -> None:
    k = label.index
    st.markdown("**The clips behind it**")
    st.markdown(_vindication(k, of, clips))
    left, right = st.columns(2, gap="medium")
    with left:
        st.caption("Highest-scored clips without the label: noise of the labels, or of the model?")
        _clip_table("unlabelled", k, of.unlabelled[k], of.unlabelled_scores[k], clips, labels)
    with right:
        st.caption("Lowest-scored clips with the label: missed, or not to be heard?")
        _clip_table("missed", k, of.missed[k], of.missed_scores[k], clips, labels)


def _vindication(k: int, of: Evidence, clips: ScoredClips) -> str:
    """How many of the false alarms the strong labels have, in words."""
    present, absent, not_covered = (int(n) for n in of.vindicated[k])
    n = present + absent + not_covered
    complete = clips.complete
    all_present, all_absent, _ = of.vindicated[complete].sum(axis=0, dtype=np.int64)
    overall = (
        f"Over the {int(complete.sum()):,} classes that strong labels mark, they have the class in "
        f"{percent(all_present / (all_present + all_absent))} of the covered clips among the {n} "
        "highest-scored without the label of each."
    )
    if not complete[k] and not present:
        return f"The strong labels do not mark this class. {overall}"
    if not complete[k]:
        return (
            f"The strong labels do not mark this class itself; they have a class below it in "
            f"{present:,} of the {n} highest-scored clips without the label. {overall}"
        )
    usual = clips.heard_of(k)[clips.covered & ~clips.has_label[:, k]].mean()
    covered = present + absent
    share = f"{percent(present / covered)}; " if covered else ""
    return (
        f"Of the {n} highest-scored clips without the label, strong labels cover {covered:,}, and "
        f"have the class in **{present:,}** of them ({share}of all covered clips without the "
        f"label, in {percent(usual, 1)}). {overall}"
    )


def _clip_table(
    what: str,
    k: int,
    rows: np.ndarray,
    scores: np.ndarray,
    clips: ScoredClips,
    labels: tuple[Label, ...],
) -> None:
    marks = {PRESENT: "present", ABSENT: "absent", NOT_COVERED: "–"}
    st.dataframe(
        {
            "Video": [clips.address(clip) for clip in rows],
            "Score": scores.astype(np.float64),
            "Strong": [marks[said] for said in clips.strong(rows, k)],
            "Labels": [", ".join(labels[j].name for j in clips.labels_of(clip)) for clip in rows],
        },
        hide_index=True,
        height=TABLE_HEIGHT,
        key=f"{what} clips",
        column_config={
            "Video": st.column_config.LinkColumn(
                display_text="Watch", width="small", help="On YouTube, at the clip's start"
            ),
            "Score": st.column_config.NumberColumn(format="%.4f", width="small"),
            "Strong": st.column_config.TextColumn(
                width="small",
                help="What the strong labels say of the class; –: not covered",
            ),
        },
        alt=f"Clips: {what}",
    )
