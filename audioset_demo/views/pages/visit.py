"""This visit: every clip that was tagged, with its tags, and all results in one file."""

import streamlit as st

from audioset_demo import export
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.views import cache, clips, session
from audioset_demo.views.clips import Clip
from audioset_demo.views.session import Choice
from audioset_demo.views.widgets import (
    count,
    download,
    errors_shown,
    escape,
    provenance,
    threshold_slider,
    title,
)

N_TAGS = 10  # of each clip in the files
N_SUMMARY = 4  # of each clip on the page


def summary(clip: Clip, choice: Choice) -> tuple[float, list[tuple[str, float]]]:
    """A clip's duration in seconds and its few top tags, each a name and a score.

    Kept for the visit: a list may hold more clips than there is room for their whole results.
    """
    known = st.session_state.setdefault("summaries", {})
    key = clip.identity(), choice
    if key not in known:
        tagging = cache.tagging(clip, choice)
        top = tagging.top(N_SUMMARY)
        tags = [(tagging.labels[k].name, float(tagging.scores[k])) for k in top]
        known[key] = tagging.duration_s, tags
    return known[key]


def row(clip: Clip, choice: Choice) -> bool:
    """One clip with its tags and what can be done with it; whether it could be tagged."""
    key = hash(clip.identity())
    is_chosen = clip.identity() == clips.current().identity()
    tagged = True
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap="xsmall"):
            try:
                duration_s, tags = summary(clip, choice)
                mark = " · :primary[chosen]" if is_chosen else ""
                st.markdown(f"**{escape(clip.name)}** · {duration_s:,.2f} s{mark}")
                st.caption(" · ".join(f"{escape(name)} {score:.2f}" for name, score in tags))
            except AudioSetDemoError as error:
                st.markdown(f"**{escape(clip.name)}**")
                st.error(escape(str(error)), icon=":material/error:")
                tagged = False
        st.button(
            "Choose",
            key=f"choose {key}",
            disabled=is_chosen,
            on_click=clips.choose,
            args=(clip,),
        )
        st.button(
            "Remove",
            key=f"remove {key}",
            icon=":material/close:",
            type="tertiary",
            on_click=clips.remove,
            args=(clip,),
        )
    return tagged


title("This visit", "Every clip that you looked at, with what the chosen model hears in it.")
with errors_shown():
    choice = session.choice()
    provenance(clips.current(), choice)
st.subheader(count(len(clips.kept()), "clip"), anchor=False)
if len(clips.kept()) == 1:
    st.info(
        "Every sound that you open joins this list. Several files can be dropped at once: use "
        "Change in the sidebar.",
        icon=":material/info:",
    )
tagged = [clip for clip in clips.kept() if row(clip, choice)]
if removed := clips.removed():
    st.button(
        f"Put {escape(removed.name)} back",
        icon=":material/undo:",
        type="tertiary",
        on_click=clips.put_back,
    )

st.subheader("Keep the results", anchor=False)
st.markdown(
    "One ZIP file: a table of the tags of all clips, and for each clip its tags and frames (JSON), "
    "its events (CSV, JSON, Audacity, RTTM) and its embeddings (NPZ, which can be opened here "
    "again). Clips are held for this visit only: on a reload they are gone."
)
threshold = threshold_slider()

with st.container(horizontal=True):
    download(
        "ZIP",
        lambda: export.results_zip(
            [(cache.tagging(clip, choice), cache.features(clip, choice)) for clip in tagged],
            N_TAGS,
            threshold,
        ),
        "audioset_demo_results.zip",
        "application/zip",
    )
    download(
        "CSV of all tags",
        lambda: export.tagging_csv([cache.tagging(clip, choice) for clip in tagged], N_TAGS),
        "audioset_demo_tags.csv",
        "text/csv",
    )
