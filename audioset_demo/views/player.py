"""The player: a sound's pictures on one time axis, synchronised with its playback."""

from __future__ import annotations

import base64
from collections.abc import Callable
from importlib.resources import files

import streamlit as st

from audioset_demo.charts.detail import part_of
from audioset_demo.charts.overview import DrawnSound
from audioset_demo.charts.player import (
    ClassMap,
    Curve,
    curves_timeline,
    detail_timeline,
    tags_timeline,
)
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.events import Event
from audioset_demo.names import file_stem
from audioset_demo.tagging import Tagging
from audioset_demo.views import cache, part, uploads
from audioset_demo.views.clips import Clip
from audioset_demo.views.names import escape
from audioset_demo.views.session import choose_class

_ASSETS = files("audioset_demo") / "views"
_KEY = "player"
_PLAY = "part to play"
_NOTHING = {"turn": 0, "start": 0.0, "end": 0.0}
_IS_PAST = "the page around the player is past"  # since something was chosen in the player
_ASKED = "asked of the part"
_SAVED = "parts saved"
_AUDIO = "player-sound"  # the key of the container that holds the audio element


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


_PICTURES = ("lanes", "labels", "pictures")
_USE = ("svg", "overview", "part", "pointer", "keys")
# The browser gets one module: these files one after the other.
PICTURES_JS = "".join(_asset(f"player_{name}.js") for name in _PICTURES)
_component = st.components.v2.component(
    "audioset_demo_player",
    html=_asset("player.html"),
    css=_asset("player.css"),
    js=PICTURES_JS + "".join(_asset(f"player_{name}.js") for name in _USE) + _asset("player.js"),
)


def show_tags(
    clip: Clip,
    tagging: Tagging,
    classes: list[int],
    chosen: int | None,
    events: list[Event],
) -> None:
    """Show the sound, events and the scores of classes; for an embeddings file, without the sound.

    The attention is that of the chosen class; a click on another one's row chooses that.
    """

    drawn = tags_timeline(tagging, classes, _sound(clip), chosen, events)
    _show(clip, drawn, {"class": _take_class})


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
    _show(clip, drawn, {"frame": take_frame, "class": _take_class})


def _take_class() -> None:
    choose_class(st.session_state[_KEY]["class"])


def _sound(clip: Clip) -> DrawnSound | None:
    return None if clip.is_features else cache.drawn_sound(clip)


def _show(clip: Clip, drawn: dict, callbacks: dict[str, Callable[[], None]]) -> None:
    """The sound, and its pictures; `callbacks` take what a click on them chose for the page."""
    if not clip.is_features:
        with st.container(key=_AUDIO):
            played = cache.played(clip)
            st.audio(played.data, format=played.mime, alt="The clip")
    st.session_state.pop(_IS_PAST, None)
    _pictures(clip, drawn, callbacks)


@st.fragment
def _pictures(clip: Clip, drawn: dict, callbacks: dict[str, Callable[[], None]]) -> None:
    """What a part of the sound is asked for runs alone; a choice runs the page again."""
    if st.session_state.pop(_IS_PAST, False):
        st.rerun()
    data = drawn | {
        "clip": repr(clip.identity()),
        "play": st.session_state.get(_PLAY, _NOTHING),
        "audio": _AUDIO,
        "file": file_stem(clip.name),
        "saved": _take_part(clip),
        "detail": _detail(clip),
    }
    # Streamlit requires a callback for every value that the browser may report.
    frame, choice = (callbacks.get(name, lambda: None) for name in ("frame", "class"))
    _component(
        data=data,
        key=_KEY,
        on_frame_change=_of_page(frame),
        on_class_change=_of_page(choice),
        on_tag_change=lambda: _ask("tag"),
        on_save_change=lambda: _ask("save"),
        on_view_change=lambda: None,
    )


def _detail(clip: Clip) -> dict | None:
    """The pictures of the part that the browser looks at, if it has looked closely."""
    sent = st.session_state[_KEY].get("view") if _KEY in st.session_state else None
    if clip.is_features or not isinstance(sent, dict) or sent.get("clip") != repr(clip.identity()):
        return None
    try:
        start_s, end_s = part.ends(sent.get("ends"))
        return detail_timeline(
            cache.drawn_sound(clip), part_of(cache.detailed(clip), start_s, end_s)
        )
    except AudioSetDemoError:  # the picture of the whole is there
        return None


def _of_page(take: Callable[[], None]) -> Callable[[], None]:
    def take_and_run_page() -> None:
        take()
        st.session_state[_IS_PAST] = True

    return take_and_run_page


def _ask(what: str) -> None:
    st.session_state[_ASKED] = what, st.session_state[_KEY][what]


def _take_part(clip: Clip) -> dict | None:
    """Do what was asked of the marked part; a file of it, if that was to be saved."""
    what, sent = st.session_state.pop(_ASKED, (None, None))
    if what is None:
        return None
    try:
        start_s, end_s = part.ends(sent)
        name, wav = part.name_of(clip, start_s, end_s), part.wav(clip, start_s, end_s)
    except AudioSetDemoError as error:
        st.error(escape(str(error)), icon=":material/error:")
        return None
    if what == "tag":
        uploads.open_made(name, wav)
        st.rerun()
    turn = st.session_state[_SAVED] = st.session_state.get(_SAVED, 0) + 1
    wav64 = base64.b64encode(wav).decode("ascii")
    return {"turn": turn, "name": f"{file_stem(name)}.wav", "wav": wav64}
