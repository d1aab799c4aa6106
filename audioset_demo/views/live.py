"""What the Live page hears and shows: a component that listens to the visitor's microphone.

The component sends a block whenever the last one was answered, and keeps what was not: a slow
server gets longer blocks, not more of them, and none is lost on the way. A visitor's sound is kept
in their session alone, and forgotten when they leave the page.
"""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from importlib.resources import files
from weakref import WeakSet

import numpy as np
import streamlit as st

from audioset_demo.audio.waveform import wav_file
from audioset_demo.charts.live import LEAST_SCORE, live_timeline
from audioset_demo.encoders.live import LiveSound
from audioset_demo.encoders.logmel import SAMPLE_RATE
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.storage import json_text
from audioset_demo.tagging import Tagging
from audioset_demo.views import cache
from audioset_demo.views.background import TURNS
from audioset_demo.views.player import PICTURES_JS
from audioset_demo.views.session import Choice
from audioset_demo.views.turns import Place

TAGGED_S = 10.0  # as long as the clips on which the models were trained
MAX_TAGS = 5
MAX_BLOCK_S = 12.0  # the browser keeps ten seconds that the server has not answered
MAX_LISTENERS = 10  # of all visitors: each costs 15 % of a core
AWAY_S = 20.0  # without a block, a listener counts no more
_KEY = "live"
_LISTENING = "listening"

_ASSETS = files("audioset_demo") / "views"


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


_component = st.components.v2.component(
    "audioset_demo_live",
    html=_asset("live.html"),
    css=_asset("player.css") + _asset("live.css"),
    # One module. The worklet's code becomes a module of its own, at an address within the page.
    js=f"const WORKLET = {json_text(_asset('live_worklet.js'))};\n"
    + _asset("live_microphone.js")
    + PICTURES_JS
    + _asset("live.js"),
)


class Listening:
    """What one visitor's microphone heard since Start was pressed.

    Attributes
    ----------
    key : distinguishes it from others of the same visitor; the browser names it.
    now, minute : the tags of the last ten seconds, and those of the last minute.
    """

    def __init__(self, key: str, position: int, choice: Choice):
        self.key = key
        self.seen_s = time.monotonic()
        self.now: Tagging | None = None
        self.minute: Tagging | None = None
        self._tagged: object = None
        self._encoding = _of_encoding(choice)
        self.sound = LiveSound(cache.encoder(choice), choice.hop_s, position)

    def add(self, position: int, samples: np.ndarray, choice: Choice) -> None:
        """Take a block and tag what is new, by the present choice."""
        self.seen_s = time.monotonic()
        if self._encoding != _of_encoding(choice):
            self._encode_again(choice)
        self.sound.add(position, samples)
        if self._tagged != (self.sound.encoded_to, choice):
            self._tag(choice)
            self._tagged = self.sound.encoded_to, choice

    def _encode_again(self, choice: Choice) -> None:
        former, self._encoding = self.sound, _of_encoding(choice)
        start = former.position - len(former.samples)
        self.sound = LiveSound(cache.encoder(choice), choice.hop_s, start)
        self.sound.add(start, former.samples)
        self.sound.n_lost = former.n_lost

    def last_minute(self) -> bytes | None:
        """A WAV file of the last minute; None where nothing was heard."""
        if not len(self.sound.samples):
            return None
        return wav_file(self.sound.samples.astype("<i2").tobytes(), SAMPLE_RATE)

    def _tag(self, choice: Choice) -> None:
        embeddings = self.sound.embeddings("live", TAGGED_S)
        minute = self.sound.embeddings("live")
        if embeddings and minute:
            tagger = cache.tagger(choice)
            self.now = tagger.tag(embeddings, top=MAX_TAGS)
            self.minute = tagger.tag(minute)


_listeners: WeakSet[Listening] = WeakSet()  # of all visitors


def _of_encoding(choice: Choice) -> Choice:
    return replace(choice, model="", tail="")


def hear(choice: Choice) -> None:
    """Take the block that the browser sent last.

    Raises
    ------
    AudioSetDemoError : it holds no sound, or too many are listening or waiting.
    """
    sent = _sent()
    if sent is None:
        return
    key, position, samples = _block(sent)
    # One work at a time of all visitors; so are two runs of one visitor, of which one is ending.
    with TURNS.turn(Place(len(samples) / SAMPLE_RATE)):
        listening = current()
        if listening is None or listening.key != key:
            listening = _new(key, position, choice)
        listening.add(position, samples, choice)


def _sent() -> object:
    return st.session_state[_KEY].get("block") if _KEY in st.session_state else None


def _block(sent: object) -> tuple[str, int, np.ndarray]:
    """The key of a listening, the number of the first sample, and samples (n,) int16."""
    try:
        if not isinstance(sent, dict):
            raise TypeError
        key, position, text = sent["key"], sent["first"], sent["samples"]
        if not isinstance(key, str) or type(position) is not int or position < 0:
            raise TypeError
        if len(text) > MAX_BLOCK_S * SAMPLE_RATE * 2 * 4 / 3:
            raise ValueError
        return key, position, np.frombuffer(base64.b64decode(text, validate=True), "<i2")
    except (LookupError, TypeError, ValueError):
        raise AudioSetDemoError(
            "What the browser sent is not sound. Reload the page and press Start."
        ) from None


def _new(key: str, position: int, choice: Choice) -> Listening:
    forget()
    now_s = time.monotonic()
    if sum(now_s - other.seen_s < AWAY_S for other in list(_listeners)) >= MAX_LISTENERS:
        raise AudioSetDemoError(
            f"{MAX_LISTENERS} visitors are listening, which is as many as this server takes. Press "
            "Start again in a few minutes."
        )
    listening = st.session_state[_LISTENING] = Listening(key, position, choice)
    _listeners.add(listening)
    return listening


def current() -> Listening | None:
    """What this visitor's microphone heard; None where Start was not pressed on this page."""
    return st.session_state.get(_LISTENING)


def forget() -> None:
    """Drop what was heard; called when another page is opened."""
    st.session_state.pop(_LISTENING, None)


def show(listening: Listening | None, error: str) -> None:
    """The component, with what was found, and an error, which stops the microphone."""
    sent = _sent()
    found = _found(listening) if listening else None
    timeline = found and found["timeline"]
    data = {
        "key": sent["key"] if isinstance(sent, dict) and "key" in sent else "",
        "error": error,
        "found": found,
        "alt": timeline["alt"] if timeline else "Nothing was heard yet. Press Start.",
    }
    # Streamlit requires a callback for every value that the browser may report.
    _component(data=data, key=_KEY, on_block_change=lambda: None)


def _found(listening: Listening) -> dict:
    sound, now, minute = listening.sound, listening.now, listening.minute
    return {
        "position": sound.position,
        "encodedTo": sound.encoded_to,
        "lost": sound.n_lost / SAMPLE_RATE,
        "tags": [
            {"name": label.name, "score": float(score)}
            for label, score in zip(now.labels, now.scores, strict=True)
            if score >= LEAST_SCORE
        ]
        if now
        else None,
        "notes": list(now.notes) if now else [],
        "timeline": live_timeline(sound, minute) if minute else None,
    }
