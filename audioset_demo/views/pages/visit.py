"""This visit: every opened clip with its tags, and all results in one file."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import streamlit as st

from audioset_demo import export
from audioset_demo.clock import stamp
from audioset_demo.embeddings.frames import Embeddings, Progress
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.storage import csv_text
from audioset_demo.tagging import Tagging
from audioset_demo.views import cache, clips, meaning, serving, session
from audioset_demo.views.clips import Clip
from audioset_demo.views.downloads import File, download_made_on_click, downloads
from audioset_demo.views.names import escape
from audioset_demo.views.session import Choice
from audioset_demo.views.summaries import N_TAGS, summary
from audioset_demo.views.widgets import count, errors_shown, provenance, title

N_SUMMARY = 4  # of each clip on the page
RELOADED = (
    "reloading the page clears them"
    if serving.is_public()
    else "a page that is reloaded within an hour finds them again"
)


@dataclass(frozen=True)
class Tagged:
    """A clip of the visit with its unique name and its top tags, rows of `export.tag_columns`."""

    clip: Clip
    name: str
    duration_s: float
    tags: list[tuple]


def row(clip: Clip, name: str, choice: Choice) -> Tagged | None:
    """Show one clip with its tags and buttons; return None if it could not be tagged."""
    is_chosen = clip.identity() == clips.current().identity()
    tagged = None
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap="xsmall"):
            try:
                duration_s, tags = summary(clip, choice)
                mark = " · :primary[chosen]" if is_chosen else ""
                st.markdown(f"**{escape(name)}** · {stamp(duration_s)}{mark}")
                st.caption(
                    " · ".join(
                        f"{escape(label)} {float(score):.2f}"
                        for _, _, label, _, _, score, *_ in tags[:N_SUMMARY]
                    )
                )
                tagged = Tagged(clip, name, duration_s, tags)
            except AudioSetDemoError as error:
                st.markdown(f"**{escape(name)}**")
                st.error(escape(str(error)), icon=":material/error:")
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


def make_zip(
    tagged: list[Tagged], choice: Choice, threshold: float | str, progress: Progress
) -> bytes:
    total_s = sum(one.duration_s for one in tagged)

    def results() -> Iterator[tuple[Tagging, Embeddings]]:
        done_s = 0.0
        for one in tagged:
            progress(done_s, total_s)
            yield (
                replace(cache.tagging(one.clip, choice), name=one.name),
                replace(cache.features(one.clip, choice), name=one.name),
            )
            done_s += one.duration_s

    return export.results_zip(results(), N_TAGS, threshold)


def make_csv(tagged: list[Tagged], calibrated: bool) -> str:
    rows = ((one.name, *rest) for one in tagged for _, *rest in one.tags)
    return csv_text(export.tag_columns(calibrated), rows)


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
tagged = [found for clip, name in named if (found := row(clip, name, choice))]
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
    f"Clips are kept for this visit only: {RELOADED}."
)
with errors_shown():
    calibration = cache.calibration(choice)
threshold = meaning.threshold(calibration)

# A sample that nobody asked for is no result.
asked_for = {clip.identity() for clip in clips.asked_for()}
tagged = [one for one in tagged if one.clip.identity() in asked_for]
of_all = tuple((one.clip.identity(), one.name) for one in tagged), choice
downloads(
    "visit",
    of_all,
    File(
        "CSV of all tags",
        "audioset_demo_tags.csv",
        "text/csv",
        partial(make_csv, tagged, calibration is not None),
    ),
)
download_made_on_click(
    "ZIP",
    "audioset_demo_results.zip",
    "application/zip",
    (*of_all, threshold),
    partial(make_zip, tagged, choice, threshold),
)
