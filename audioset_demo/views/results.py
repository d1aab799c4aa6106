"""Thin cached wrappers around the library: each result is computed once for each clip.

Caches are shared by all visitors and keyed by a clip's content and name, an encoder and a model,
never by arrays: Streamlit hashes large ones from a sample of their values. What is held as a
resource is handed out without a copy, so nothing here is ever changed by a page.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import streamlit as st

from audioset_demo.audio import Waveform, read_waveform, resample, wav_bytes
from audioset_demo.decoding import AudioLimits
from audioset_demo.encoders import (
    ENCODER_TITLES,
    Embeddings,
    Encoder,
    load_encoder,
    resolve_encoder,
    silent_frame,
    weights,
)
from audioset_demo.encoders.logmel import SAMPLE_RATE, log_mel
from audioset_demo.errors import CheckpointError
from audioset_demo.features import read_features
from audioset_demo.models.published import DEFAULT_MODEL, PublishedModel, published_models
from audioset_demo.neighbours import ReleasedClips
from audioset_demo.reduction import envelope, shrink
from audioset_demo.samples import synthesise
from audioset_demo.tagging import Tagger, Tagging, load_tagger
from audioset_demo.timeline import SOUND_COLUMNS, DrawnSound
from audioset_demo.views.clips import Clip

# Half an hour is 1,875 frames: more than a page can show, less than a small machine can hold.
LIMITS = AudioLimits(max_bytes=100 * 2**20, max_duration_s=1_800.0, max_samples=1_800 * 48_000)
MAX_CLIPS = 16  # half an hour is 12 MB
MAX_SUMMARIES = 500
N_SUMMARY = 4  # tags
MAX_SOUNDS = 2  # decoded: up to 350 MB each
_KEYS = {Clip: Clip.identity}


def models() -> dict[str, PublishedModel]:
    """Published models by name, the default first.

    Raises
    ------
    CheckpointError : where none is.
    """
    found = sorted(published_models(), key=lambda model: not model.is_default)
    if not found:
        raise CheckpointError(
            "No model is published in this copy of the package. Install it again, or train one "
            "and run: python -m train publish RUN"
        )
    return {model.name: model for model in found}


def chosen_model() -> PublishedModel:
    """The model chosen in the sidebar."""
    return models()[st.session_state.get("model", DEFAULT_MODEL)]


def encoder_key(clip: Clip) -> str:
    """The encoder that will read a clip: what the sidebar's choice stands for, "" for features."""
    return "" if clip.is_features else resolve_encoder(st.session_state.get("encoder", "auto"))


def encoder_title(clip: Clip) -> str:
    """Who makes, or made, a clip's embeddings, in words."""
    key = features(clip, "").encoder if clip.is_features else encoder_key(clip)
    return ENCODER_TITLES[key]


def read(clip: Clip) -> None:
    """Read a clip; an AudioSetDemoError tells why it cannot be."""
    if clip.is_features:
        features(clip, "")
    else:
        waveform(clip)


@st.cache_resource(max_entries=MAX_SOUNDS, show_spinner="Reading the sound", hash_funcs=_KEYS)
def waveform(clip: Clip) -> Waveform:
    if clip.sample:
        return synthesise(clip.sample)
    return read_waveform(clip.data, clip.name, LIMITS)


@st.cache_resource(max_entries=MAX_SOUNDS, show_spinner=False, hash_funcs=_KEYS)
def playable(clip: Clip, start_s: float = 0.0, end_s: float | None = None) -> bytes:
    """WAV bytes of a part of the clip, exactly as they were decoded."""
    return wav_bytes(waveform(clip), start_s, end_s)


@st.cache_data(max_entries=MAX_CLIPS, show_spinner="Drawing the sound", hash_funcs=_KEYS)
def drawn_sound(clip: Clip) -> DrawnSound:
    sound = waveform(clip)
    spectrogram = log_mel(resample(sound, SAMPLE_RATE).samples)
    low, high = envelope(sound.samples, SOUND_COLUMNS)
    return DrawnSound(low, high, shrink(spectrogram, SOUND_COLUMNS) if len(spectrogram) else None)


@st.cache_data(max_entries=MAX_CLIPS, show_spinner=False, hash_funcs=_KEYS)
def features_names(clip: Clip) -> tuple[str, ...]:
    """Names of the clips in an embeddings file."""
    with closing(read_features(clip.data, clip.name)) as file:
        return file.names


def features(clip: Clip, encoder: str) -> Embeddings:
    """Embeddings of a clip by an encoder ("" for an embeddings file)."""
    return _embeddings(clip, encoder, _weights_stamp(encoder))


@st.cache_data(max_entries=MAX_CLIPS, show_spinner="Encoding the sound", hash_funcs=_KEYS)
def _embeddings(clip: Clip, encoder: str, stamp: int) -> Embeddings:
    if clip.is_features:
        with closing(read_features(clip.data, clip.name)) as file:
            return file[clip.index]
    return _encoder(encoder, stamp).encode(waveform(clip))


def tagging(clip: Clip, encoder: str, model: str) -> Tagging:
    """What a model says of a clip."""
    return _tagging(clip, encoder, _weights_stamp(encoder), model)


@st.cache_data(max_entries=MAX_CLIPS, show_spinner="Tagging the sound", hash_funcs=_KEYS)
def _tagging(clip: Clip, encoder: str, stamp: int, model: str) -> Tagging:
    return _tagger(model).tag(_embeddings(clip, encoder, stamp))


@st.cache_data(max_entries=MAX_SUMMARIES, show_spinner=False, hash_funcs=_KEYS)
def _top_tags(clip: Clip, encoder: str, stamp: int, model: str) -> tuple[float, list]:
    found = _tagging(clip, encoder, stamp, model)
    tags = [(found.labels[k].name, float(found.scores[k])) for k in found.top(N_SUMMARY)]
    return found.duration_s, tags


def top_tags(clip: Clip, encoder: str, model: str) -> tuple[float, list[tuple[str, float]]]:
    """A clip's duration in seconds and its few top tags, each a name and a score."""
    return _top_tags(clip, encoder, _weights_stamp(encoder), model)


def occlusion(clip: Clip, encoder: str, model: str) -> np.ndarray:
    """How far each score falls when one frame after the other is silenced: (T, K).

    Frames of an embeddings file are left out: what its encoder made of silence is not known.
    """
    return _occlusion(clip, encoder, _weights_stamp(encoder), model)


@st.cache_data(max_entries=MAX_CLIPS, show_spinner="Silencing frames", hash_funcs=_KEYS)
def _occlusion(clip: Clip, encoder: str, stamp: int, model: str) -> np.ndarray:
    silence = silent_frame(_encoder(encoder, stamp)) if encoder else None
    return _tagger(model).occlude(_embeddings(clip, encoder, stamp), silence)


@st.cache_resource(max_entries=1, show_spinner="Reading AudioSet's features")
def released_clips(path: Path) -> ReleasedClips:
    """The clips of AudioSet's evaluation set, where their features are on this machine."""
    return ReleasedClips.from_file(path)


@st.cache_resource(max_entries=2, show_spinner="Loading the encoder")
def _encoder(name: str, stamp: int) -> Encoder:
    return load_encoder(name)


@st.cache_resource(max_entries=8, show_spinner="Loading the model")
def _tagger(model: str) -> Tagger:
    return load_tagger(model)


def _weights_stamp(encoder: str) -> int:
    """Changes when VGGish's weights are installed anew, so that no stale result is shown."""
    if encoder != "vggish":
        return 0
    paths = (weights.vggish_path(), weights.pca_path())
    return hash(tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in paths))
