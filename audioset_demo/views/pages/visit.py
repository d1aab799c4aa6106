"""This visit: every opened clip with its tags, and all results in one file."""

from dataclasses import replace
from functools import partial

import streamlit as st

from audioset_demo import export
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.views import cache, clips, session
from audioset_demo.views.clips import Clip
from audioset_demo.views.downloads import File, downloads
from audioset_demo.views.names import escape
from audioset_demo.views.session import Choice
from audioset_demo.views.widgets import count, errors_shown, provenance, threshold_slider, title

N_TAGS = 10  # of each clip in the files
N_SUMMARY = 4  # of each clip on the page


def summary(clip: Clip, choice: Choice) -> tuple[float, list[tuple[str, float]]]:
    """A clip's duration in seconds and its top tags, each a name and a score.

    Kept for the visit: the caches hold whole results of fewer clips than a visit may have.
    """
    known = st.session_state.setdefault("summaries", {})
    key = clip.identity(), choice
    if key not in known:
        tagging = cache.tagging(clip, choice)
        top = tagging.top(N_SUMMARY)
        tags = [(tagging.labels[k].name, float(tagging.scores[k])) for k in top]
        known[key] = tagging.duration_s, tags
    return known[key]


def row(clip: Clip, name: str, choice: Choice) -> bool:
    """Show one clip with its tags and buttons; return whether it could be tagged."""
    is_chosen = clip.identity() == clips.current().identity()
    tagged = True
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap="xsmall"):
            try:
                duration_s, tags = summary(clip, choice)
                mark = " · :primary[chosen]" if is_chosen else ""
                st.markdown(f"**{escape(name)}** · {duration_s:,.2f} s{mark}")
                st.caption(" · ".join(f"{escape(tag)} {score:.2f}" for tag, score in tags))
            except AudioSetDemoError as error:
                st.markdown(f"**{escape(name)}**")
                st.error(escape(str(error)), icon=":material/error:")
                tagged = False
        st.button(
            "Choose",
            key=f"choose {clip.key}",
            disabled=is_chosen,
            on_click=clips.choose,
            args=(clip,),
        )
        st.button(
            "Remove",
            key=f"remove {clip.key}",
            icon=":material/close:",
            type="tertiary",
            on_click=clips.remove,
            args=(clip,),
        )
    return tagged


def make_zip(named: list[tuple[Clip, str]], choice: Choice, threshold: float) -> bytes:
    results = [
        (
            replace(cache.tagging(clip, choice), name=name),
            replace(cache.features(clip, choice), name=name),
        )
        for clip, name in named
    ]
    return export.results_zip(results, N_TAGS, threshold)


def make_csv(named: list[tuple[Clip, str]], choice: Choice) -> str:
    taggings = [replace(cache.tagging(clip, choice), name=name) for clip, name in named]
    return export.tagging_csv(taggings, N_TAGS)


title("This visit", "Every clip that you opened, with its top tags by the chosen model.")
with errors_shown():
    choice = session.choice()
    provenance(clips.current(), choice)
st.subheader(count(len(clips.kept()), "clip"), anchor=False)
if len(clips.kept()) == 1:
    st.info(
        "Every sound that you open is added to this list. To open several files at once, use "
        "Change in the sidebar.",
        icon=":material/info:",
    )
with errors_shown():
    names = cache.clip_names(clips.kept())
named = [(clip, names[clip.identity()]) for clip in clips.kept()]
tagged = [(clip, name) for clip, name in named if row(clip, name, choice)]
if removed := clips.removed():
    st.button(
        f"Put {escape(removed.name)} back",
        icon=":material/undo:",
        type="tertiary",
        on_click=clips.put_back,
    )

st.subheader("Download", anchor=False)
st.markdown(
    "The ZIP holds a table of the tags of all clips, and for each clip its tags and frames (JSON), "
    "its events (CSV, JSON, Audacity, RTTM) and its embeddings (NPZ, which can be uploaded here). "
    "Clips are kept for this visit only: reloading the page clears them."
)
threshold = threshold_slider()

downloads(
    File(
        "ZIP",
        "audioset_demo_results.zip",
        "application/zip",
        partial(make_zip, tagged, choice, threshold),
    ),
    File(
        "CSV of all tags", "audioset_demo_tags.csv", "text/csv", partial(make_csv, tagged, choice)
    ),
)
