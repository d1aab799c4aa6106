"""What can be seen beside the find that is heard: the map, the answers, similar sounds, a plane."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from audioset_demo.charts import recordings as charts
from audioset_demo.recordings.answers import Answers
from audioset_demo.recordings.figures import (
    CLASS_COLUMNS,
    FIND_COLUMNS,
    answers_to,
    class_figures,
    find_rows,
)
from audioset_demo.recordings.finds import Find, Finds, Key
from audioset_demo.recordings.precision import PrecisionCurve, fit_line, precision_curve
from audioset_demo.recordings.similar import Similar
from audioset_demo.recordings.when import FindMap, by_hour, by_recording, hours_of
from audioset_demo.storage import csv_text
from audioset_demo.views import listening, recordings, session
from audioset_demo.views.downloads import File, downloads
from audioset_demo.views.names import escape, unique_names
from audioset_demo.views.times import stamp, stamp_range
from audioset_demo.views.widgets import chart, count

N_SIMILAR = 20
MOST_POINTS = 3_000  # that a browser draws and picks with ease
_COLUMN, _SOUGHT = "column of the map", "similar to"


@dataclass(frozen=True)
class Subject:
    """What is looked at.

    Attributes
    ----------
    out : the folder of finds.
    given : the answers so far.
    k : the chosen class.
    find : the one that is heard; None where all are answered.
    """

    out: Path
    finds: Finds
    answers: Answers
    given: Mapping[Key, str]
    k: int
    find: Find | None


def has_hours(finds: Finds) -> bool:
    return any(recording.start is not None for recording in finds.recordings)


def in_column(finds: Finds, places: np.ndarray) -> np.ndarray:
    """Those of some finds in the hour or the recording that was chosen on the map."""
    column = st.session_state.get(_COLUMN)
    if column is None:
        return places
    columns = hours_of(finds) if has_hours(finds) else finds.of_recording
    return places[columns[places] == column]


def show_column(finds: Finds) -> None:
    """Say which hour or recording was chosen on the map, with a way back to all."""
    column = st.session_state.get(_COLUMN)
    if column is None:
        return
    words = (
        f"between {column}:00 and {column + 1}:00"
        if has_hours(finds)
        else f"in {os.path.basename(finds.recordings[column].path)}"
    )
    st.button(
        f"Only {escape(words)}",
        icon=":material/close:",
        on_click=lambda: st.session_state.pop(_COLUMN),
        help="Show all again",
    )


def _map(subject: Subject) -> None:
    finds = subject.finds
    hours = has_hours(finds)
    shown = by_hour(finds) if hours else by_recording(finds)
    if hours:
        names = [str(hour) for hour in shown.columns]
    else:
        files = [os.path.basename(finds.recordings[r].path) for r in shown.columns]
        names = unique_names(files)

    def choose() -> None:
        points = st.session_state["find map"].selection.points
        if points:
            row, column = points[0]["customdata"]
            session.choose_class(finds.labels[shown.classes[row]].name)
            st.session_state[_COLUMN] = int(shown.columns[column])

    labels = [finds.labels[a].name for a in shown.classes]
    across = "Hour of the day" if hours else "Recording"
    chosen = subject.k if subject.k < len(labels) else -1
    chart(
        charts.find_map(labels, names, shown.counts, across, chosen),
        f"Numbers of finds of each class by {across.lower()}",
        key="find map",
        bar=False,
        on_select=choose,
        selection_mode="points",
    )
    st.caption(_words_on(shown, finds, hours))


def _words_on(shown: FindMap, finds: Finds, hours: bool) -> str:
    words = ["The area of a square is the number of finds. Click one to hear them."]
    if len(finds.labels) > len(shown.classes):
        words.append(f"Of {len(finds.labels):,} classes, the {len(shown.classes)} most frequent.")
    if shown.n_left_out:
        words.append(f"{count(shown.n_left_out, 'find')} left out: their time is not known.")
    if not hours:
        words.append("No recording says when it began, so that they stand side by side.")
        if len(finds.recordings) > len(shown.columns):
            words.append(f"Of {len(finds.recordings):,}, those with most finds.")
    return " ".join(words)


def _figures(subject: Subject) -> None:
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
            f"No threshold reaches {wanted:.0%}: the highest estimate is "
            f"{curve.precision[best]:.0%}, from {curve.thresholds[best]:.3f} on."
        )
    return (
        f"From a score of **{curve.thresholds[at]:.3f}** on, precision is "
        f"**{curve.precision[at]:.0%}** ({curve.low[at]:.0%} to {curve.high[at]:.0%}), of "
        f"{count(int(curve.n_finds[at]), 'find')}."
    )


def _classes_csv(subject: Subject, wanted: float) -> str:
    rows = class_figures(subject.finds, subject.given, wanted)
    return csv_text(CLASS_COLUMNS, (row.values() for row in rows))


def _similar(subject: Subject) -> None:
    if subject.find is not None:
        st.button(
            "Search for sounds like the one heard",
            icon=":material/search:",
            on_click=st.session_state.__setitem__,
            args=(_SOUGHT, subject.find),
        )
    sought: Find | None = st.session_state.get(_SOUGHT)
    if sought is None:
        st.caption(
            "Finds the parts of all recordings whose embeddings are most like this find's, whether "
            "or not something was found there."
        )
        return
    found = recordings.frames(subject.out).nearest(sought, N_SIMILAR)
    if not found:
        st.info(
            "These recordings were tagged before embeddings were kept. Tag them into another "
            "folder.",
            icon=":material/info:",
        )
        return
    key = f"similar {hash(sought.key)}"

    def choose() -> None:
        ticked = st.session_state[key].selection.rows
        if ticked:
            listening.hear(_as_find(found[ticked[0]], subject.finds, sought))

    st.dataframe(
        {
            "Cosine": [one.cosine for one in found],
            "Recording": [os.path.basename(one.recording.path) for one in found],
            "At": [stamp(one.start_s) for one in found],
            "Found there": [_found_at(one, subject.finds) for one in found],
        },
        hide_index=True,
        key=key,
        selection_mode="single-row",
        on_select=choose,
        column_config={"Cosine": st.column_config.NumberColumn(format="%.3f", width="small")},
        alt="The most similar sounds",
    )
    where = (
        f"{os.path.basename(sought.recording.path)}, {stamp_range(sought.start_s, sought.end_s)}"
    )
    st.caption(
        f"Like {escape(sought.label.name)} in {escape(where)}. Tick a row to hear it; yes and no "
        "then say whether it is this class."
    )


def _beside(one: Similar, finds: Finds) -> np.ndarray:
    """The finds that a similar sound overlaps, the highest-scored first."""
    r = finds.recordings.index(one.recording)
    overlap = (finds.of_recording == r) & (finds.start_s < one.end_s) & (finds.end_s > one.start_s)
    places = np.flatnonzero(overlap)
    return places[np.argsort(-finds.score[places], kind="stable")]


def _found_at(one: Similar, finds: Finds) -> str:
    names = dict.fromkeys(finds.labels[finds.of_label[n]].name for n in _beside(one, finds))
    return ", ".join(names)


def _as_find(one: Similar, finds: Finds, sought: Find) -> Find:
    """The find of the same class there; where there is none, the similar sound itself."""
    own = [n for n in _beside(one, finds).tolist() if finds[n].label == sought.label]
    if own:
        return finds[own[0]]
    return Find(one.recording, sought.label, one.start_s, one.end_s, None)


def _plane(subject: Subject) -> None:
    finds = subject.finds
    points, explained = recordings.plane(subject.out)
    places = np.flatnonzero(np.isfinite(points[:, 0]))
    if not len(places):
        st.info("There are too few finds with embeddings for a plane.", icon=":material/info:")
        return
    n_all = len(places)
    if n_all > MOST_POINTS:
        places = np.sort(np.random.default_rng(0).choice(places, MOST_POINTS, replace=False))
    shown = [finds[int(n)] for n in places]
    said = [
        subject.given.get(find.key, "") if find.label.index == subject.k else "other"
        for find in shown
    ]
    texts = [
        f"{find.label.name} {find.score:.2f}, {os.path.basename(find.recording.path)}, "
        f"{stamp(find.start_s)}"
        for find in shown
    ]

    def choose() -> None:
        chosen = st.session_state["plane"].selection.points
        if chosen:
            listening.hear(finds[int(chosen[0]["customdata"])])

    chart(
        charts.plane(points[places], places, texts, said, explained),
        "All finds as points, near one another where they sound alike",
        key="plane",
        on_select=choose,
        selection_mode="points",
    )
    of = f" {len(places):,} of {n_all:,}, drawn at random." if n_all > len(places) else ""
    st.caption(f"Finds that sound alike are near one another. Click one to hear it.{of}")


VIEWS: dict[str, Callable[[Subject], None]] = {
    "Map": _map,
    "Answers": _figures,
    "Similar sounds": _similar,
    "Plane": _plane,
}


def show(subject: Subject) -> None:
    """The view that the visitor chose."""
    view = st.segmented_control(
        "Beside it", list(VIEWS), default=next(iter(VIEWS)), required=True, key="beside the find",
        label_visibility="collapsed",
    )  # fmt: skip
    VIEWS[view](subject)
