"""Recordings: what `tag` found in a folder, listened to and answered."""

from collections import Counter

import streamlit as st

from audioset_demo.clock import whole
from audioset_demo.recordings.answers import NO, SKIP, YES, Answers
from audioset_demo.recordings.order import HIGHEST, NEAR, SPREAD, order
from audioset_demo.views import serving
from audioset_demo.views.names import escape
from audioset_demo.views.review import beside, choice, find_map, kept, keys, listening
from audioset_demo.views.review.subject import Subject
from audioset_demo.views.widgets import class_select, count, errors_shown, title

ORDERS = {
    HIGHEST: "Highest score first",
    NEAR: "Near a score",
    SPREAD: "Spread over all scores",
}

# Keys answer here: after a click beside the widgets, the first would draw a frame over the page.
st.html("<style>[data-testid=stMain]:focus-visible::before { box-shadow: none; }</style>")
title("Recordings", "What was found in a folder of recordings: listen, and say what is right.")
out = serving.recordings_folder()
assert out is not None  # the page is in the navigation only then
chosen = choice.read()
with errors_shown():
    finds = kept.finds(out)
    answers = Answers(out)
    given = answers.given()
total_s = sum(recording.duration_s for recording in finds.recordings)
length = f"{total_s / 3600:,.1f} hours" if total_s >= 3600 else f"{whole(total_s)} min"
st.caption(
    f"{escape(str(out))}: {count(len(finds), 'find')} in "
    f"{count(len(finds.recordings), 'recording')}, {length} · Encoder: "
    f"{escape(finds.encoder)} · Model: {escape(finds.model)}"
)
if finds.n_failed:
    st.caption(
        f":material/info: {count(finds.n_failed, 'recording')} could not be read: see "
        f"{escape(str(out / 'failed.csv'))}."
    )
if not len(finds):
    st.info(
        "Nothing was found. Tag the recordings with a lower --threshold into another folder.",
        icon=":material/info:",
    )
    st.stop()

left, right = st.columns([2, 3], gap="medium")
with left:
    k = class_select("Class (type to search)", finds.labels, range(len(finds.labels)), 0)
    by = st.selectbox(
        "Order", list(ORDERS), key="order of finds", format_func=ORDERS.__getitem__,
        filter_mode="contains",
        help="Spread: whenever you stop, precision is estimated best. Near a score: what is around "
        "a threshold.",
    )  # fmt: skip
    near = st.slider("Score", 0.0, 1.0, 0.5, 0.01, key="near") if by == NEAR else 0.5
    find_map.show_column(finds, chosen.column)
    places = find_map.in_column(finds, finds.of_class(k), chosen.column)
    places = places[order(finds.score[places], by, near)]
    said = [given.get(finds[n].key) for n in places]
    waiting = [n for n, answer in zip(places, said, strict=True) if answer is None]
    find = listening.current(finds, waiting, k, chosen.asked)
    listening.show(find, finds, answers, chosen)
    n_said = Counter(said)
    st.caption(
        f"{len(places) - len(waiting):,} of {count(len(places), 'find')} answered: {n_said[YES]:,} "
        f"right, {n_said[NO]:,} wrong, {n_said[SKIP]:,} skipped."
    )
    keys.free(repr((k, by, find and find.key)))
with right:
    beside.show(Subject(out, finds, answers, given, k, find, chosen.sought))
