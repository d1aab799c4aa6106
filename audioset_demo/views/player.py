"""The player: a sound's pictures on one time axis, in step with what is heard."""

from __future__ import annotations

from importlib.resources import files

import streamlit as st

from audioset_demo.tagging import Tagging
from audioset_demo.timeline import timeline
from audioset_demo.views import results
from audioset_demo.views.clips import Clip

_ASSETS = files("audioset_demo") / "assets" / "player"
_AUDIO = "player-sound"  # the key of the container that holds the audio element


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


_component = st.components.v2.component(
    "audioset_demo_player",
    html=_asset("player.html"),
    css=_asset("player.css"),
    js=_asset("player.js"),
)


def show(clip: Clip, tagging: Tagging, classes: list[int]) -> None:
    """The sound and its pictures; without a sound, the pictures of the classes alone."""
    sound = None if clip.is_features else results.drawn_sound(clip)
    if sound:
        with st.container(key=_AUDIO):
            st.audio(results.playable(clip), format="audio/wav", alt="The clip, as it was decoded")
    drawn = timeline(tagging, classes, sound)
    _component(data=drawn | {"clip": repr(clip.identity()), "audio": _AUDIO}, key="player")
