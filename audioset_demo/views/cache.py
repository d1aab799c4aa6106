"""Thin cached wrappers around the library: each result is computed once for each clip.

Caches are shared by all visitors and keyed by a clip's content and name and by what was chosen,
never by arrays: Streamlit hashes large ones from a sample of their values. What is held as a
resource is handed out without a copy, so nothing here is ever changed by a page. Results depend on
the arguments alone, never on the session: a download is made in a thread that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import streamlit as st

from audioset_demo.audio.decoding import AudioLimits, Sound, open_sound
from audioset_demo.audio.samples import synthesise
from audioset_demo.audio.waveform import Waveform, read_waveform, wav_bytes
from audioset_demo.charts.overview import DrawnSound, draw
from audioset_demo.embeddings.frames import ENCODER_TITLES, Embeddings, Progress
from audioset_demo.embeddings.reading import read_features
from audioset_demo.embeddings.similar_clips import ReleasedClips
from audioset_demo.encoders import Encoder, load_encoder, resolve_encoder, silent_frame
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.tagging import Tagger, Tagging, load_tagger
from audioset_demo.views.background import Stopped, Work, finish
from audioset_demo.views.clips import Clip, give_up
from audioset_demo.views.names import unique_labels, unique_names
from audioset_demo.views.session import HOPS, Choice

Result = TypeVar("Result")
# Two hours are 7,500 frames: more than a page can show, less than a small machine can hold.
LIMITS = AudioLimits(max_bytes=100 * 2**20, max_duration_s=7_200.0)
MAX_FRAMES = 7_500
MAX_CLIPS = 16  # one of two hours is 47 MB
MAX_SOUNDS = 2  # to be played
# Up to this length what is played is what was decoded, to the sample; beyond, the file itself.
EXACT_S = 600.0
PLAYED_BY_BROWSERS = {
    "mp3": "audio/mpeg", "m4a": "audio/mp4", "mp4": "audio/mp4", "aac": "audio/aac",
    "flac": "audio/flac", "ogg": "audio/ogg", "oga": "audio/ogg", "opus": "audio/ogg",
    "webm": "audio/webm",
}  # fmt: skip
_KEYS = {Clip: Clip.identity}


def encoder_title(clip: Clip, choice: Choice) -> str:
    """The encoder of a clip's embeddings, in words.

    Raises
    ------
    WeightsError : the encoder that was chosen is not installed.
    """
    if clip.is_features:
        return ENCODER_TITLES[_read_features(clip).encoder]
    return ENCODER_TITLES[resolve_encoder(choice.encoder)]


def read(clip: Clip) -> None:
    """Read a clip to its end.

    Raises
    ------
    AudioSetDemoError : it cannot be read.
    """
    if clip.is_features:
        _read_features(clip)
    else:
        drawn_sound(clip)


def drawn_sound(clip: Clip) -> DrawnSound:
    """What the pictures of a clip's sound need."""
    return _finished(_drawing, f"Reading {clip.name}", clip)


@st.cache_resource(max_entries=MAX_CLIPS, show_spinner=False, hash_funcs=_KEYS)
def _drawing(clip: Clip) -> Work[DrawnSound]:
    def do(progress: Progress) -> DrawnSound:
        with _sound(clip) as sound:
            return draw(sound, progress)

    return Work(do)


def playable(clip: Clip) -> tuple[bytes, str]:
    """What the browser plays of a clip, and its MIME type."""
    ending = clip.name.rsplit(".", 1)[-1].lower()
    if drawn_sound(clip).duration_s > EXACT_S and ending in PLAYED_BY_BROWSERS:
        return clip.data, PLAYED_BY_BROWSERS[ending]
    return _decoded(clip), "audio/wav"


@st.cache_resource(max_entries=MAX_SOUNDS, show_spinner="Preparing the sound", hash_funcs=_KEYS)
def _decoded(clip: Clip) -> bytes:
    if clip.sample:
        return wav_bytes(synthesise(clip.sample))
    return wav_bytes(read_waveform(clip.data, clip.name, LIMITS))


def clip_names(clips: Sequence[Clip]) -> dict[tuple, str]:
    """By a clip's identity, its name; no two are alike."""
    own = [features_names(clip)[clip.index] if clip.is_features else clip.name for clip in clips]
    files = [clip.name if clip.is_features else "" for clip in clips]
    return dict(zip(map(Clip.identity, clips), unique_names(own, files), strict=True))


@st.cache_data(max_entries=MAX_CLIPS, show_spinner=False, hash_funcs=_KEYS)
def features_names(clip: Clip) -> tuple[str, ...]:
    """Names of the clips in an embeddings file."""
    with closing(read_features(clip.data, clip.name)) as file:
        return file.names


def features(clip: Clip, choice: Choice) -> Embeddings:
    """Embeddings of a clip: those of an embeddings file, or of a sound by the chosen encoder.

    Raises
    ------
    AudioSetDemoError : there would be too many frames, or the encoder is not installed.
    """
    if clip.is_features:
        return _read_features(clip)
    _check_frames(clip, choice.hop_s)
    what = f"Encoding {clip.name}"
    return _finished(_encoding, what, clip, choice.encoder, choice.installation, choice.hop_s)


@st.cache_data(max_entries=MAX_CLIPS, show_spinner="Reading the file", hash_funcs=_KEYS)
def _read_features(clip: Clip) -> Embeddings:
    with closing(read_features(clip.data, clip.name)) as file:
        return file[clip.index]


@st.cache_resource(max_entries=MAX_CLIPS, show_spinner=False, hash_funcs=_KEYS)
def _encoding(
    clip: Clip, encoder: str, installation: tuple[int, ...], hop_s: float
) -> Work[Embeddings]:
    loaded = _encoder(encoder, installation)

    def do(progress: Progress) -> Embeddings:
        with _sound(clip) as sound:
            return loaded.encode(sound, hop_s, progress)

    return Work(do)


def _check_frames(clip: Clip, hop_s: float) -> None:
    duration_s = drawn_sound(clip).duration_s
    if duration_s / hop_s > MAX_FRAMES:
        fitting = min(hop for hop in HOPS if duration_s / hop <= MAX_FRAMES)
        raise AudioSetDemoError(
            f"{clip.name}: {duration_s:,.0f} s with a hop of {hop_s} s are more than "
            f"{MAX_FRAMES:,} frames. Choose a hop of {fitting} s in the sidebar."
        )


@contextmanager
def _sound(clip: Clip) -> Iterator[Waveform | Sound]:
    if clip.sample:
        yield synthesise(clip.sample)
    else:
        with open_sound(clip.data, clip.name, LIMITS) as sound:
            yield sound


def _finished(cached: Callable[..., Work[Result]], what: str, clip: Clip, *key: object) -> Result:
    """The result of cached work; work that failed or was stopped is forgotten."""
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
    """The tags of a clip by the chosen model, with what explains them."""
    embeddings = features(clip, choice)
    return _tagging(clip, *_key(clip, choice, embeddings), embeddings)


@st.cache_data(max_entries=MAX_CLIPS, show_spinner="Tagging the sound", hash_funcs=_KEYS)
def _tagging(
    clip: Clip,
    encoder: str,
    installation: tuple[int, ...],
    hop_s: float,
    model: str,
    _embeddings: Embeddings,
) -> Tagging:
    tagging = _tagger(model).tag(_embeddings)
    return replace(tagging, labels=unique_labels(tagging.labels))


def occlusion(clip: Clip, choice: Choice) -> np.ndarray:
    """The score drop of every class when one frame after the other is silenced: (T, K).

    Frames of an embeddings file are left out: what its encoder made of silence is not known.
    """
    embeddings = features(clip, choice)
    return _occlusion(clip, *_key(clip, choice, embeddings), embeddings)


@st.cache_data(max_entries=MAX_CLIPS, show_spinner="Silencing frames", hash_funcs=_KEYS)
def _occlusion(
    clip: Clip,
    encoder: str,
    installation: tuple[int, ...],
    hop_s: float,
    model: str,
    _embeddings: Embeddings,
) -> np.ndarray:
    silence = None if clip.is_features else silent_frame(_encoder(encoder, installation))
    return _tagger(model).occlude(_embeddings, silence)


def _key(clip: Clip, choice: Choice, embeddings: Embeddings) -> tuple:
    encoder = ("", ()) if clip.is_features else (choice.encoder, choice.installation)
    return *encoder, embeddings.hop_s, choice.model


@st.cache_resource(max_entries=1, show_spinner="Reading AudioSet's features")
def released_clips(path: Path) -> ReleasedClips:
    """The clips of AudioSet's evaluation set, where their features are on this machine."""
    return ReleasedClips.from_file(path)


@st.cache_resource(max_entries=2, show_spinner="Loading the encoder")
def _encoder(name: str, installation: tuple[int, ...]) -> Encoder:
    return load_encoder(name)


@st.cache_resource(max_entries=8, show_spinner="Loading the model")
def _tagger(model: str) -> Tagger:
    return load_tagger(model)
