"""Tag a sound: what is in it, and when."""

from functools import partial

import numpy as np
import streamlit as st

from audioset_demo import export
from audioset_demo.charts.tags import tag_bars
from audioset_demo.embeddings.frames import FRAME_S
from audioset_demo.events import find_events
from audioset_demo.labels import Label, children_under_parents
from audioset_demo.names import file_stem
from audioset_demo.views import cache, chooser, clips, player, session
from audioset_demo.views.downloads import File, downloads
from audioset_demo.views.names import escape
from audioset_demo.views.widgets import (
    chart,
    count,
    errors_shown,
    notes,
    provenance,
    threshold_slider,
    title,
)

MAX_TAGS = 50
MAX_BARS = 10
MAX_DETAIL = 74  # characters below a bar


def below_bar(label: Label, hidden: list[Label], scores: np.ndarray) -> str:
    """The tags folded under a tag, or its place in the ontology, shortened from the root."""
    if hidden:
        text = "with " + ", ".join(f"{other.name} {scores[other.index]:.2f}" for other in hidden)
        return text if len(text) <= MAX_DETAIL else text[: MAX_DETAIL - 1] + "…"
    parents = list(label.paths[0][:-1]) if label.paths else []
    while len(parents) > 2 and len(" > ".join(parents)) > MAX_DETAIL:
        parents[:2] = ["…"]
    return " > ".join(parents)


title("Tag a sound", "Upload or record a sound to see what is in it, and when.")
line = st.container()
left, right = st.columns([4, 5], gap="large")
with left:
    chooser.show("page")

clip, choice = clips.current(), session.choice()
with errors_shown():
    with line:
        provenance(clip, choice)
    tagging = cache.tagging(clip, choice)

st.subheader("Scores over time", anchor=False)
if clip.is_features:
    st.info(
        "An embeddings file holds no sound: there is nothing to play, and no waveform or "
        "spectrogram to draw.",
        icon=":material/info:",
    )
pictures = st.container()  # filled once the controls below it have been read
columns = st.columns([4, 4, 3], gap="medium", vertical_alignment="bottom")
n_classes = len(tagging.labels)
n_tags, most_tags = 1, min(MAX_TAGS, n_classes)
if st.session_state.get("n_tags", 1) > most_tags:  # chosen for a model with more classes
    st.session_state.n_tags = most_tags
if most_tags > 1:  # a slider needs two values
    n_tags = columns[0].slider(
        "Number of tags",
        1,
        most_tags,
        min(10, most_tags),
        key="n_tags",
        bind="query-params",
    )
pinned = columns[1].multiselect(
    "Pin classes (type to search)",
    range(n_classes),
    format_func=lambda k: tagging.labels[k].name,
    key="pinned",
    bind="query-params",
    placeholder="Classes to show whatever their score",
)
fold = columns[2].toggle(
    "Children under parents",
    key="fold",
    bind="query-params",
    help="Folds a tag under one of its parents in the ontology, if that parent is among the tags.",
)
ranking = [tagging.labels[k] for k in tagging.top(n_tags)]
rows = children_under_parents(ranking) if fold else [(label, []) for label in ranking]
top = [label.index for label, _ in rows]
names = [label.name for label, _ in rows]
shown_classes = [*pinned, *(k for k in top if k not in pinned)]
with pictures:
    player.show_tags(clip, tagging, shown_classes)
with right:
    st.subheader(escape(tagging.name), anchor=False)
    st.caption(
        f"{tagging.duration_s:,.2f} s · {count(len(tagging.times_s), 'frame')} of 0.96 s"
        + (f", one every {tagging.hop_s} s" if tagging.hop_s < FRAME_S else "")
    )
    notes(tagging.notes)
    details = [below_bar(label, hidden, tagging.scores) for label, hidden in rows[:MAX_BARS]]
    scores = tagging.scores[top[:MAX_BARS]]
    chart(
        tag_bars(names[:MAX_BARS], scores, details),
        "Top tags with their scores: "
        + ", ".join(f"{name} {score:.2f}" for name, score in zip(names, scores, strict=False)),
        key="tag bars",
        bar=False,
    )
name = file_stem(tagging.name)
tags_json = partial(export.tagging_json, tagging, n_tags)
tags_csv = partial(export.tagging_csv, [tagging], n_tags)
downloads(
    "tags",
    (clip.identity(), choice, n_tags),
    File("JSON", f"{name}.json", "application/json", tags_json),
    File("CSV", f"{name}.csv", "text/csv", tags_csv),
    align="right",
)

st.subheader("Events", anchor=False)
columns = st.columns([2, 3], vertical_alignment="bottom")
with columns[0]:
    threshold = threshold_slider()
events = find_events(tagging, shown_classes, threshold)
events_json = partial(export.events_json, events, tagging)
events_csv = partial(export.events_csv, events, tagging)
with columns[1]:
    downloads(
        "events",
        (clip.identity(), choice, tuple(shown_classes), threshold),
        File("JSON", f"{name}_events.json", "application/json", events_json),
        File("CSV", f"{name}_events.csv", "text/csv", events_csv),
        File("Audacity", f"{name}.txt", "text/plain", partial(export.audacity_labels, events)),
        File("RTTM", f"{name}.rttm", "text/plain", partial(export.rttm, events, tagging)),
        align="right",
    )


def play_selected() -> None:
    rows = st.session_state["events table"].selection.rows
    if rows:
        player.play(events[rows[0]].start_s, events[rows[0]].end_s)


if events:
    st.dataframe(
        {
            "From": [event.start_s for event in events],
            "To": [event.end_s for event in events],
            "Class": [event.label.name for event in events],
            "Highest score": [event.score for event in events],
        },
        hide_index=True,
        column_config={
            "From": st.column_config.NumberColumn(format="%.2f s"),
            "To": st.column_config.NumberColumn(format="%.2f s"),
            "Highest score": st.column_config.ProgressColumn(
                min_value=0.0, max_value=1.0, format="%.3f"
            ),
        },
        key="events table",
        selection_mode="single-row",
        on_select="ignore" if clip.is_features else play_selected,
        alt="Events of the classes shown, with their beginning, end, class and highest score",
    )
    if not clip.is_features:
        st.caption("Select a row to play it.")
else:
    st.info(
        f"No class reaches {threshold:.2f} in any frame; the highest score is "
        f"{tagging.frame_scores[:, shown_classes].max():.2f}. Lower the threshold to see events.",
        icon=":material/info:",
    )
with st.expander("Scores as a table"):
    st.dataframe(
        {
            "Class": names,
            "Score": tagging.scores[top],
            "Place in the ontology": [
                " > ".join(label.paths[0][:-1]) if label.paths else "" for label, _ in rows
            ],
        },
        hide_index=True,
        column_config={
            "Score": st.column_config.ProgressColumn(min_value=0.0, max_value=1.0, format="%.4f")
        },
        alt="The top tags with their scores and their place in the ontology",
    )
