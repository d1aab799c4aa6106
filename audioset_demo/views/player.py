"""The player: a sound's pictures on one time axis, synchronised with its playback."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import streamlit as st

from audioset_demo.charts.overview import DrawnSound
from audioset_demo.charts.player import ClassMap, Curve, curves_timeline, tags_timeline
from audioset_demo.names import file_stem
from audioset_demo.tagging import Tagging
from audioset_demo.views import cache
from audioset_demo.views.clips import Clip
from audioset_demo.views.session import choose_class

_ASSETS = files("audioset_demo") / "views"
_KEY = "player"
_PLAY = "part to play"
_NOTHING = {"turn": 0, "start": 0.0, "end": 0.0}
_AUDIO = "player-sound"  # the key of the container that holds the audio element


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


_component = st.components.v2.component(
    "audioset_demo_player",
    html=_asset("player.html"),
    css=_asset("player.css"),
    js=_asset("player_pictures.js") + _asset("player.js"),  # one module
)


def show_tags(clip: Clip, tagging: Tagging, classes: list[int], chosen: int | None) -> None:
    """Show the sound and the scores of classes; for an embeddings file, the scores alone.

    The attention is that of the chosen class; a click on another one's row chooses that.
    """

    drawn = tags_timeline(tagging, classes, _sound(clip), chosen)
    _show(clip, drawn, on_class_change=_take_class)


def play(start_s: float, end_s: float) -> None:
    """Play a part of the clip on the next run."""
    turn = st.session_state.get(_PLAY, _NOTHING)["turn"] + 1
    st.session_state[_PLAY] = {"turn": turn, "start": start_s, "end": end_s}


def show_curves(
    clip: Clip,
    tagging: Tagging,
    shown_map: ClassMap,
    curves: list[Curve],
    chosen: int,
    marked: int,
    alt: str,
    on_frame: Callable[[int], None],
) -> None:
    """Show the sound above a map of classes and curves.

    A click on a frame calls `on_frame` with its index, one on a class's name chooses the class.
    """

    def take_frame() -> None:
        on_frame(st.session_state[_KEY].frame)

    drawn = curves_timeline(tagging, shown_map, curves, _sound(clip), chosen, marked, alt)
    _show(clip, drawn, on_frame_change=take_frame, on_class_change=_take_class)


def _take_class() -> None:
    choose_class(st.session_state[_KEY]["class"])


def _sound(clip: Clip) -> DrawnSound | None:
    return None if clip.is_features else cache.drawn_sound(clip)


def _show(clip: Clip, drawn: dict, **callbacks) -> None:
    if not clip.is_features:
        with st.container(key=_AUDIO):
            played = cache.played(clip)
            st.audio(played.data, format=played.mime, alt="The clip")
    # Streamlit requires a callback for every value that the browser may report.
    callbacks = dict.fromkeys(("on_frame_change", "on_class_change"), lambda: None) | callbacks
    of_clip = {"clip": repr(clip.identity()), "play": st.session_state.get(_PLAY, _NOTHING)}
    data = drawn | of_clip | {"audio": _AUDIO, "file": file_stem(clip.name)}
    _component(data=data, key=_KEY, **callbacks)
