"""What follows from the answers: precision, a threshold and a calibration of a class."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from audioset_demo.charts import recordings as charts
from audioset_demo.recordings.figures import (
    CLASS_COLUMNS,
    FIND_COLUMNS,
    answers_to,
    class_figures,
    find_rows,
)
from audioset_demo.recordings.precision import PrecisionCurve, fit_line, precision_curve
from audioset_demo.storage import csv_text
from audioset_demo.views.downloads import File, downloads
from audioset_demo.views.names import escape
from audioset_demo.views.review.subject import Subject
from audioset_demo.views.widgets import chart, count, percent


def show(subject: Subject) -> None:
    """Precision at each threshold, the threshold for a wanted one, and the answers as files."""
    finds, label = subject.finds, subject.finds.labels[subject.k]
    places = finds.of_class(subject.k)
    scores, answers = finds.score[places], answers_to(finds, subject.given, places)
    curve = precision_curve(scores, answers)
    if curve is None:
        st.info(
            "Answer some finds with yes or no: from then on, the precision of this class is "
            "estimated here.",
            icon=":material/info:",
        )
        return
    wanted = st.slider("Wanted precision", 0.5, 0.99, 0.9, 0.01, key="wanted precision")
    line, heard = fit_line(scores, answers), np.isfinite(answers)
    at = curve.place_for(wanted)
    chart(
        charts.precision_by_threshold(curve, line, scores[heard], answers[heard], wanted, at),
        f"Precision of {label.name} at each threshold with its interval",
        key="precision",
        bar=False,
    )
    st.markdown(_threshold_in_words(curve, wanted, at))
    surely = curve.place_for(wanted, surely=True)
    if surely is None:
        st.markdown("No threshold yet has an interval that lies above it: more answers narrow it.")
    else:
        st.markdown(
            f"To be sure of it, by the lower end of the interval: from **"
            f"{curve.thresholds[surely]:.3f}** on, {count(int(curve.n_finds[surely]), 'find')}."
        )
    st.caption(
        f"Each of the {count(int(heard.sum()), 'answer')} stands for the finds of nearest score; "
        "intervals (95 %, Wilson's) are of as many answers as uneven ones are worth. In these "
        f"recordings, the log odds of a find are {line.slope:.3g} times those of its score, "
        f"{'plus' if line.intercept >= 0 else 'minus'} {abs(line.intercept):.3g}."
    )
    downloads(
        "review",
        (subject.out, label.name, wanted, tuple(subject.given.items())),
        File("Finds with probabilities, CSV", "finds.csv", "text/csv",
             lambda: csv_text(FIND_COLUMNS, find_rows(finds, subject.given))),
        File("Classes, CSV", "classes.csv", "text/csv", partial(_classes_csv, subject, wanted)),
    )  # fmt: skip
    st.caption(f"Answers are kept in {escape(str(subject.answers.path))}.")


def _threshold_in_words(curve: PrecisionCurve, wanted: float, at: int | None) -> str:
    if at is None:
        best = int(curve.precision.argmax())
        return (
            f"No threshold reaches {percent(wanted)}: the highest estimate is "
            f"{percent(curve.precision[best])}, from {curve.thresholds[best]:.3f} on."
        )
    return (
        f"From a score of **{curve.thresholds[at]:.3f}** on, precision is "
        f"**{percent(curve.precision[at])}** ({percent(curve.low[at])} to "
        f"{percent(curve.high[at])}), of {count(int(curve.n_finds[at]), 'find')}."
    )


def _classes_csv(subject: Subject, wanted: float) -> str:
    rows = class_figures(subject.finds, subject.given, wanted)
    return csv_text(CLASS_COLUMNS, (row.values() for row in rows))
