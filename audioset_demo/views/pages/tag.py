"""Tag a sound: what is in it, and when."""

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from audioset_demo import export
from audioset_demo.clock import column, stamp
from audioset_demo.embeddings.frames import FRAME_S
from audioset_demo.events import Event, find_events
from audioset_demo.labels import Label, children_under_parents
from audioset_demo.names import file_stem
from audioset_demo.views import cache, chooser, clips, meaning, player, session, strip, tag_list
from audioset_demo.views.downloads import File, downloads
from audioset_demo.views.names import escape
from audioset_demo.views.summaries import summary
from audioset_demo.views.widgets import (
    count,
    errors_shown,
    notes,
    provenance,
)

MAX_TAGS = 50
MAX_BARS = 10
MAX_DETAIL = 74  # characters below a bar
SECONDS = st.column_config.NumberColumn(format="%.2f s")


def below(label: Label, hidden: list[Label], scores: np.ndarray) -> str:
    """The tags folded under a tag, or its place in the ontology, shortened from the root."""
    if hidden:
        text = "with " + ", ".join(f"{other.name} {scores[other.index]:.2f}" for other in hidden)
        return text if len(text) <= MAX_DETAIL else text[: MAX_DETAIL - 1] + "…"
    parents = list(label.paths[0][:-1]) if label.paths else []
    while len(parents) > 2 and len(" > ".join(parents)) > MAX_DETAIL:
        parents[:2] = ["…"]
    return " > ".join(parents)


def same_event(event: Event, events: list[Event]) -> int | None:
    """Which of these is that event, which another threshold has made longer or shorter."""

    def overlap_s(other: Event) -> float:
        if other.label.name != event.label.name:
            return 0.0
        return min(event.end_s, other.end_s) - max(event.start_s, other.start_s)

    best = max(range(len(events)), key=lambda row: overlap_s(events[row]))
    return best if overlap_s(events[best]) > 0 else None


clip, choice = clips.current(), session.choice()
# Folded away once the visitor has opened something.
chooser.show_below_title("Tag a sound", clip, folded=clips.anything_opened())
with errors_shown():
    tagging = cache.tagging(clip, choice)
    summary(clip, choice)
strip.show(choice)
left, right = st.columns([3, 7], gap="medium")
with left:
    st.subheader(escape(tagging.name), anchor=False)
    st.caption(
        f"{stamp(tagging.duration_s)} · {count(len(tagging.times_s), 'frame')} of 0.96 s"
        + (f", one every {tagging.hop_s} s" if tagging.hop_s < FRAME_S else "")
    )
    above = st.container()
    tags = st.container(gap="xsmall")
    with above if tagging.is_unsure else st.container():
        notes(tagging.notes)
with right:
    pictures = st.container()  # both filled once the controls below have been read
if clip.is_features:
    st.info(
        "An embeddings file holds no sound: there is nothing to play, and no waveform or "
        "spectrogram to draw.",
        icon=":material/info:",
    )
n_classes = len(tagging.labels)
n_tags, most_tags = 1, min(MAX_TAGS, n_classes)
if st.session_state.get("n_tags", 1) > most_tags:  # chosen for a model with more classes
    st.session_state.n_tags = most_tags
if most_tags > 1:  # a slider needs two values
    n_tags = left.slider(
        "Number of tags",
        1,
        most_tags,
        min(10, most_tags),
        key="n_tags",
        bind="query-params",
    )
pinned = left.multiselect(
    "Pin classes (type to search)",
    [label.name for label in tagging.labels],  # names, not places: another model has other classes
    key="pinned",
    bind="query-params",
    persist_state="session",
    filter_mode="contains",
    select_all=False,
    placeholder="Classes to show whatever their score",
)
fold = left.toggle(
    "Children under parents",
    key="fold",
    bind="query-params",
    help="Folds a tag under one of its parents in the ontology, if that parent is among the tags.",
)
tagging, calibrated = meaning.numbers(tagging)
values = tagging.values(calibrated)
ranking = [tagging.labels[k] for k in tagging.top(n_tags, calibrated)]
rows = children_under_parents(ranking) if fold else [(label, []) for label in ranking]
top = [label.index for label, _ in rows]
names = [label.name for label, _ in rows]
by_name = {label.name: label.index for label in tagging.labels}
pins = [by_name[name] for name in pinned]
chosen = session.chosen_class(tagging.labels)
with tags:
    tag_list.show(
        [
            tag_list.Tag(label.name, float(values[label.index]), below(label, hidden, values))
            for label, hidden in rows[:MAX_BARS]
        ]
    )
provenance(clip, choice)
# Clips with the same name get different names in files too.
exported = replace(tagging, name=cache.clip_names(clips.kept())[clip.identity()])
name = file_stem(exported.name)
tags_json = partial(export.tagging_json, exported, n_tags)
tags_csv = partial(export.tagging_csv, [exported], n_tags)
downloads(
    "tags",
    (clip.identity(), exported.name, choice, n_tags, tagging.prior and tagging.prior.of),
    File("JSON", f"{name}.json", "application/json", tags_json),
    File("CSV", f"{name}.csv", "text/csv", tags_csv),
    title="Save the tags:",
    align="right",
)

st.subheader("Events", anchor=False)
threshold = meaning.threshold(tagging.calibration)
# Folded classes have events too: folding is for the pictures.
of_classes = list(dict.fromkeys([*pins, *(label.index for label in ranking)]))
events = find_events(tagging, of_classes, threshold)
with pictures:
    extra = [] if chosen is None else [chosen]
    player.show_tags(clip, tagging, list(dict.fromkeys([*pins, *top, *extra])), chosen, events)
table = f"events table {hash((clip.identity(), tuple(events)))}"  # a selection is of these rows


def select_event() -> None:
    rows = st.session_state[table].selection.rows
    event = events[rows[0]] if rows else None
    st.session_state.event = clip.identity(), event
    if event and not clip.is_features:
        player.play(event.start_s, event.end_s)


if events:
    if not clip.is_features:
        st.caption("Select a row to play it.")
    starts, ends = ([getattr(event, end) for event in events] for end in ("start_s", "end_s"))
    is_long = tagging.duration_s >= 60
    of_clip, event = st.session_state.get("event", (None, None))
    row = same_event(event, events) if event and of_clip == clip.identity() else None
    st.dataframe(
        {
            "From": column(starts) if is_long else starts,
            "To": column(ends) if is_long else ends,
            "Class": [event.label.name for event in events],
            "Highest score": [event.score for event in events],
        },
        hide_index=True,
        column_config={
            "Highest score": st.column_config.ProgressColumn(
                min_value=0.0, max_value=1.0, format="%.3f"
            ),
        }
        | ({} if is_long else dict.fromkeys(("From", "To"), SECONDS)),
        key=table,
        selection_mode="single-row",
        selection_default={"selection": {"rows": [] if row is None else [row]}},
        on_select=select_event,
        alt="Events of the classes shown, with their beginning, end, class and highest score",
    )
else:
    reached = "its threshold" if isinstance(threshold, str) else f"{threshold:.2f}"
    st.info(
        f"No class reaches {reached} in any frame; the highest score is "
        f"{tagging.frame_scores[:, of_classes].max():.2f}. Lower the threshold to see events.",
        icon=":material/info:",
    )
events_json = partial(export.events_json, events, exported)
events_csv = partial(export.events_csv, events, exported)
downloads(
    "events",
    (clip.identity(), exported.name, choice, tuple(of_classes), threshold),
    File("JSON", f"{name}_events.json", "application/json", events_json),
    File("CSV", f"{name}_events.csv", "text/csv", events_csv),
    File("Audacity", f"{name}.txt", "text/plain", partial(export.audacity_labels, events)),
    File("RTTM", f"{name}.rttm", "text/plain", partial(export.rttm, events, exported)),
    title="Save the events:",
    align="right",
)
with st.expander("Scores as a table"):
    st.dataframe(
        {
            "Class": names,
            "Score": tagging.scores[top],
            **({"Probability": values[top]} if calibrated else {}),
            "Place in the ontology": [
                " > ".join(label.paths[0][:-1]) if label.paths else "" for label, _ in rows
            ],
        },
        hide_index=True,
        column_config={
            name: st.column_config.ProgressColumn(min_value=0.0, max_value=1.0, format="%.4f")
            for name in ("Score", "Probability")
        },
        alt="The top tags with their scores and their place in the ontology",
    )
