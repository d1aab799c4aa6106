"""The map: how many finds of each class there are by hour of the day, or by recording."""

from __future__ import annotations

import os

import numpy as np
import streamlit as st

from audioset_demo.charts import recordings as charts
from audioset_demo.recordings.finds import Finds
from audioset_demo.recordings.when import FindMap, by_hour, by_recording, hours_of
from audioset_demo.views import session
from audioset_demo.views.names import escape, unique_names
from audioset_demo.views.review import choice
from audioset_demo.views.review.subject import Subject
from audioset_demo.views.widgets import chart, count


def _has_hours(finds: Finds) -> bool:
    return any(recording.start is not None for recording in finds.recordings)


def in_column(finds: Finds, places: np.ndarray, column: int | None) -> np.ndarray:
    """Those of some finds in a column of the map, which is an hour or a recording; None: all."""
    if column is None:
        return places
    columns = hours_of(finds) if _has_hours(finds) else finds.of_recording
    return places[columns[places] == column]


def show_column(finds: Finds, column: int | None) -> None:
    """Say which column was chosen, with a way back to all."""
    if column is None:
        return
    words = (
        f"between {column}:00 and {column + 1}:00"
        if _has_hours(finds)
        else f"in {os.path.basename(finds.recordings[column].path)}"
    )
    st.button(
        f"Only {escape(words)}",
        icon=":material/close:",
        on_click=choice.choose_column,
        args=(None,),
        help="Show all again",
    )


def show(subject: Subject) -> None:
    """The map; a click on a square chooses a class and a column."""
    finds = subject.finds
    hours = _has_hours(finds)
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
            choice.choose_column(int(shown.columns[column]))

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
