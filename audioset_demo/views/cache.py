"""Thin cached wrappers around the library: each result is computed once for each clip.

Caches are shared by all visitors. Their keys are a clip's content and name and the choice in the
sidebar, never arrays: Streamlit hashes large ones from a sample of their values. Pages get the
cached objects themselves, so they never change them. Results depend on the arguments alone, never
on the session: a download is made in a thread that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import streamlit as st

from audioset_demo.audio.decoding import Sound, open_sound
from audioset_demo.audio.playback import Playback, Played, playback
from audioset_demo.audio.samples import synthesise
from audioset_demo.audio.waveform import Waveform
from audioset_demo.charts.overview import DrawnSound, Overview
from audioset_demo.embeddings.frames import ENCODER_TITLES, Embeddings, Progress
from audioset_demo.embeddings.reading import read_features
from audioset_demo.embeddings.similar_clips import ReleasedClips
from audioset_demo.encoders import load_encoder, resolve_encoder, silent_frame
from audioset_demo.encoders.encoder import Encoder
from audioset_demo.encoders.streaming import listen
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.tagging import Tagger, Tagging, load_tagger
from audioset_demo.views import serving
from audioset_demo.views.background import Stopped, Work, finish
from audioset_demo.views.clips import Clip, give_up
from audioset_demo.views.log import logged
from audioset_demo.views.names import unique_names
from audioset_demo.views.session import HOPS, Choice

Result = TypeVar("Result")
MAX_FRAMES = 7_500
MAX_CLIPS = 16  # one of two hours is 47 MB
MAX_SOUNDS = 2  # to be played
_KEYS: dict[str | type, Callable[[Any], Any]] = {Clip: Clip.identity}


def encoder_title(clip: Clip, choice: Choice) -> str:
    """The title of the encoder of a clip's embeddings.

    Raises
    ------
    WeightsError : the chosen encoder is not installed.
    """
    if clip.is_features:
        return ENCODER_TITLES[_read_features(clip).encoder]
    return ENCODER_TITLES[resolve_encoder(choice.encoder)]


def read(clip: Clip, choice: Choice) -> None:
    """Read a clip to its end.

    Raises
    ------
    AudioSetDemoError : it cannot be read.
    """
    if clip.is_features:
        serving.check_embeddings(clip.data, clip.name)
        _read_features(clip)
    else:
        _reading(clip, choice)


def drawn_sound(clip: Clip) -> DrawnSound:
    """The waveform and spectrogram of a clip, for its pictures."""
    return _reading(clip).drawn


def played(clip: Clip) -> Played:
    """The clip's sound in a form that browsers play."""
    _reading(clip)
    return _played(clip)


@dataclass
class Reading:
    """The results of one pass over a sound.

    Attributes
    ----------
    encoding : the part of the choice that decides the embeddings (`_of_encoding`)
    embeddings : None if there would be too many frames, or the encoder is not installed
    played : until `_played` takes it, whose cache holds fewer sounds
    """

    drawn: DrawnSound
    encoding: Choice | None
    embeddings: Embeddings | None
    played: Played | None


def _reading(clip: Clip, choice: Choice | None = None) -> Reading:
    """The first pass over a clip, which also makes its embeddings by that pass's choice."""
    reading = _finished(_first_pass, f"Reading {clip.name}", clip, choice)
    written, reading.played = reading.played, None
    if written:
        _played(clip, written)
    return reading


@st.cache_resource(max_entries=MAX_CLIPS, show_spinner=False, hash_funcs=_KEYS)
def _first_pass(clip: Clip, _choice: Choice | None) -> Work[Reading]:
    encoder = None
    if _choice:
        # `features` reports why an encoder cannot be loaded.
        with suppress(AudioSetDemoError):
            encoder = _encoder(_choice.encoder, _choice.installation)

    def do(progress: Progress) -> Reading:
        with logged("read a sound", len(clip.data)):
            if _choice and encoder:
                with suppress(_TooManyFrames):
                    return one_pass(progress, _choice, encoder)
            return without_embeddings(progress)

    def one_pass(progress: Progress, choice: Choice, encoder: Encoder) -> Reading:
        with _sound(clip) as sound:
            overview, playback = Overview(sound), Playback(sound.sample_rate)
            embeddings = encoder.encode(
                sound,
                choice.hop_s,
                _limited(progress, choice.hop_s),
                tail=choice.tail,
                listeners=(overview, playback),
            )
            encoding = _of_encoding(choice)
            return Reading(overview.drawn(), encoding, embeddings, playback.played())

    def without_embeddings(progress: Progress) -> Reading:
        with _sound(clip) as sound:
            overview, playback = Overview(sound), Playback(sound.sample_rate)
            listen(sound, (overview, playback), progress)
            return Reading(overview.drawn(), None, None, playback.played())

    return Work(do)


class _TooManyFrames(Exception):
    """There would be more than `MAX_FRAMES`."""


def _limited(progress: Progress, hop_s: float) -> Progress:
    def limited(done_s: float, total_s: float | None) -> None:
        if max(done_s, total_s or 0.0) > MAX_FRAMES * hop_s:
            raise _TooManyFrames
        progress(done_s, total_s)

    return limited


@st.cache_resource(max_entries=MAX_SOUNDS, show_spinner="Preparing the sound", hash_funcs=_KEYS)
def _played(clip: Clip, _written: Played | None = None) -> Played:
    if _written:
        return _written
    with _sound(clip) as sound:
        return playback(sound)


def clip_names(clips: Sequence[Clip]) -> dict[tuple, str]:
    """Clip names by the clips' identities; no two are the same."""
    own = [features_names(clip)[clip.index] if clip.is_features else clip.name for clip in clips]
    files = [clip.name if clip.is_features else "" for clip in clips]
    return dict(zip(map(Clip.identity, clips), unique_names(own, files), strict=True))


@st.cache_data(max_entries=MAX_CLIPS, show_spinner=False, hash_funcs=_KEYS)
def features_names(clip: Clip) -> tuple[str, ...]:
    """Names of the clips in an embeddings file."""
    with closing(read_features(clip.data, clip.name)) as file:
        return file.names


def features(clip: Clip, choice: Choice) -> Embeddings:
    """Embeddings of a clip: from its embeddings file, or of its sound by the chosen encoder.

    Raises
    ------
    AudioSetDemoError : there would be too many frames, or the encoder is not installed.
    """
    if clip.is_features:
        return _read_features(clip)
    reading, encoding = _reading(clip, choice), _of_encoding(choice)
    _check_frames(clip.name, reading.drawn.duration_s, choice.hop_s)
    if reading.encoding == encoding and reading.embeddings:
        return reading.embeddings
    return _finished(_encoding, f"Encoding {clip.name}", clip, encoding)


def _of_encoding(choice: Choice) -> Choice:
    """The part of a choice that decides embeddings."""
    return replace(choice, model="")


@st.cache_data(max_entries=MAX_CLIPS, show_spinner="Reading the file", hash_funcs=_KEYS)
def _read_features(clip: Clip) -> Embeddings:
    with (
        logged("read embeddings", len(clip.data)),
        closing(read_features(clip.data, clip.name)) as file,
    ):
        return file[clip.index]


@st.cache_resource(max_entries=MAX_CLIPS, show_spinner=False, hash_funcs=_KEYS)
def _encoding(clip: Clip, choice: Choice) -> Work[Embeddings]:
    encoder = _encoder(choice.encoder, choice.installation)

    def do(progress: Progress) -> Embeddings:
        with logged("encode a sound", len(clip.data)), _sound(clip) as sound:
            return encoder.encode(sound, choice.hop_s, progress, tail=choice.tail)

    return Work(do)


def _check_frames(name: str, duration_s: float, hop_s: float) -> None:
    if duration_s / hop_s > MAX_FRAMES:
        fitting = min(hop for hop in HOPS if duration_s / hop <= MAX_FRAMES)
        raise AudioSetDemoError(
            f"{name} lasts {duration_s:,.0f} s, which at a hop of {hop_s} s is more than the "
            f"{MAX_FRAMES:,} frames that a page can show. Choose a hop of {fitting} s in the "
            "sidebar."
        )


@contextmanager
def _sound(clip: Clip) -> Iterator[Waveform | Sound]:
    if clip.sample:
        yield synthesise(clip.sample)
    else:
        with open_sound(clip.data, clip.name, serving.limits()) as sound:
            yield sound


class Cached(Protocol[Result]):
    """A function of a clip and of what else decides the work, behind `st.cache_resource`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Work[Result]: ...

    def clear(self, *args: Any, **kwargs: Any) -> None: ...


def _finished(cached: Cached[Result], what: str, clip: Clip, *key: object) -> Result:
    """The result of cached work; work that failed or was stopped leaves the cache."""
    work = cached(clip, *key)

    def stop() -> None:
        work.stop()
        cached.clear(clip, *key)
        give_up(clip)

    try:
        return finish(work, what, stop)
    except Stopped:  # by another visitor, who has the same file
        cached.clear(clip, *key)
        return _finished(cached, what, clip, *key)
    except Exception:
        cached.clear(clip, *key)
        raise


def tagging(clip: Clip, choice: Choice) -> Tagging:
    """The tags of a clip by the chosen model, with their explanation."""
    return _tagging(clip, _of_tagging(clip, choice), features(clip, choice))


@st.cache_data(max_entries=MAX_CLIPS, show_spinner="Tagging the sound", hash_funcs=_KEYS)
def _tagging(clip: Clip, choice: Choice, _embeddings: Embeddings) -> Tagging:
    with logged("tag", len(clip.data)):
        return _tagger(choice.model).tag(_embeddings)


def occlusion(clip: Clip, choice: Choice) -> np.ndarray:
    """The score drop of every class when one frame at a time is silenced: (T, K).

    Frames of an embeddings file are left out: its encoder's output for silence is not known.
    """
    return _occlusion(clip, _of_tagging(clip, choice), features(clip, choice))


@st.cache_data(max_entries=MAX_CLIPS, show_spinner="Silencing frames", hash_funcs=_KEYS)
def _occlusion(clip: Clip, choice: Choice, _embeddings: Embeddings) -> np.ndarray:
    silence = None
    if not clip.is_features:
        silence = silent_frame(_encoder(choice.encoder, choice.installation))
    with logged("occlude", len(clip.data)):
        return _tagger(choice.model).occlude(_embeddings, silence)


def _of_tagging(clip: Clip, choice: Choice) -> Choice:
    """The part of a choice that decides the tags of a clip."""
    if clip.is_features:  # encoded already
        return Choice(encoder="", installation=(), hop_s=0.0, tail="", model=choice.model)
    return choice


@st.cache_resource(max_entries=1, show_spinner="Reading AudioSet's features")
def released_clips(path: Path) -> ReleasedClips:
    """The clips of AudioSet's evaluation set, from their features on this machine."""
    return ReleasedClips.from_file(path)


@st.cache_resource(max_entries=2, show_spinner="Loading the encoder")
def _encoder(name: str, installation: tuple[int, ...]) -> Encoder:
    return load_encoder(name)


@st.cache_resource(max_entries=8, show_spinner="Loading the model")
def _tagger(model: str) -> Tagger:
    return load_tagger(model)
