"""The clips of this visit in one row: choose one, go to the next, remove one."""

from __future__ import annotations

import streamlit as st

from audioset_demo.views import cache, clips
from audioset_demo.views.clips import Clip
from audioset_demo.views.names import escape
from audioset_demo.views.session import Choice
from audioset_demo.views.summaries import known_top_tag

MANY = 12  # clips; more are chosen from a list
_KEY = "clip of the strip"


def show(choice: Choice) -> None:
    """Show the strip where there is more than one clip to choose from."""
    kept = clips.kept()
    if len(kept) < 2:
        return
    by_key = {clip.key: clip for clip in kept}
    names = cache.clip_names(kept)
    st.session_state[_KEY] = clips.current().key

    def label(key: str) -> str:
        clip = by_key[key]
        tag = known_top_tag(clip, choice)
        return escape(names[clip.identity()]) + (f" · {escape(tag)}" if tag else "")

    def take() -> None:
        if st.session_state[_KEY]:
            clips.choose(by_key[st.session_state[_KEY]])

    place = [clip.identity() for clip in kept].index(clips.current().identity())
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if len(kept) <= MANY:
            st.pills(
                "Clips of this visit",
                list(by_key),
                key=_KEY,
                format_func=label,
                on_change=take,
                label_visibility="collapsed",
                wrap=True,
            )
        else:
            st.selectbox(
                "Clips of this visit",
                list(by_key),
                key=_KEY,
                format_func=lambda key: names[by_key[key].identity()],  # no Markdown here
                on_change=take,
                filter_mode="contains",
                label_visibility="collapsed",
            )
        _step("Previous", "chevron_left", kept[place - 1] if place else None)
        _step("Next", "chevron_right", kept[place + 1] if place + 1 < len(kept) else None)
        st.button(
            "Remove",
            icon=":material/close:",
            type="tertiary",
            help="Remove the chosen clip from this visit",
            on_click=clips.remove,
            args=(clips.current(),),
        )


def _step(words: str, icon: str, to: Clip | None) -> None:
    st.button(
        words,
        icon=f":material/{icon}:",
        type="tertiary",
        disabled=to is None,
        on_click=clips.choose,
        args=(to,),
    )
