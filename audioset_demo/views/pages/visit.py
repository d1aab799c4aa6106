"""This visit: every clip that was tagged, with its tags, and all results in one file."""

import streamlit as st

from audioset_demo import export
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.views import cache, clips
from audioset_demo.views.clips import Clip
from audioset_demo.views.widgets import (
    count,
    download,
    errors_shown,
    escape,
    threshold_slider,
    title,
    who_speaks,
)

N_TAGS = 10  # of each clip in the files


def row(clip: Clip, model: str) -> bool:
    """One clip with its tags and what can be done with it; whether it could be tagged."""
    key = hash(clip.identity())
    is_chosen = clip.identity() == clips.current().identity()
    tagged = True
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap="xsmall"):
            try:
                duration_s, tags = cache.top_tags(clip, cache.encoder_key(clip), model)
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
    who_speaks()
    model = cache.chosen_model().name
st.subheader(count(len(clips.kept()), "clip"), anchor=False)
if len(clips.kept()) == 1:
    st.info(
        "Every sound that you open joins this list. Several files can be dropped at once: use "
        "Change in the sidebar.",
        icon=":material/info:",
    )
tagged = [clip for clip in clips.kept() if row(clip, model)]
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


def tagging_of(clip: Clip):
    return cache.tagging(clip, cache.encoder_key(clip), model)


with st.container(horizontal=True):
    download(
        "ZIP",
        lambda: export.results_zip(
            [(tagging_of(c), cache.features(c, cache.encoder_key(c))) for c in tagged],
            N_TAGS,
            threshold,
        ),
        "audioset_demo_results.zip",
        "application/zip",
    )
    download(
        "CSV of all tags",
        lambda: export.tagging_csv([tagging_of(c) for c in tagged], N_TAGS),
        "audioset_demo_tags.csv",
        "text/csv",
    )
