"""Embeddings of a clip: of its sound, or from its embeddings file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from audioset_demo.embeddings import isolation
from audioset_demo.embeddings.frames import ENCODER_TITLES, Embeddings, Progress
from audioset_demo.encoders import resolve_encoder
from audioset_demo.views import serving
from audioset_demo.views.background import Work
from audioset_demo.views.cache.limits import check_frames, features_limits
from audioset_demo.views.cache.loaded import encoder
from audioset_demo.views.cache.shelves import EMBEDDINGS, work_on
from audioset_demo.views.cache.sounds import drawn_sound, of_encoding, opened
from audioset_demo.views.clips import MAX_KEPT, Clip
from audioset_demo.views.log import logged
from audioset_demo.views.names import unique_names
from audioset_demo.views.session import Choice

_KEYS: dict[str | type, Callable[[Any], Any]] = {Clip: Clip.identity}


def read(clip: Clip, choice: Choice) -> None:
    """Read a clip to its end.

    Raises
    ------
    AudioSetDemoError : it cannot be read.
    """
    if clip.is_features:
        serving.check_embeddings(clip.data, clip.name)
        features_names(clip)
        _read_features(clip)
    else:
        drawn_sound(clip, choice)


def features(clip: Clip, choice: Choice) -> Embeddings:
    """Embeddings of a clip: from its embeddings file, or of its sound by the chosen encoder.

    Raises
    ------
    AudioSetDemoError : there would be too many frames, or the encoder is not installed.
    """
    if clip.is_features:
        return _read_features(clip)
    duration_s = drawn_sound(clip, choice).duration_s
    check_frames(clip.name, duration_s, choice.hop_s)

    def start() -> Work[Embeddings]:
        chosen = encoder(choice)

        def do(progress: Progress) -> Embeddings:
            with opened(clip) as sound:
                return chosen.encode(sound, choice.hop_s, progress, tail=choice.tail)

        return work_on(clip, "encode a sound", do, duration_s)

    return EMBEDDINGS.result(f"Encoding {clip.name}", clip, of_encoding(choice), start)


@st.cache_data(max_entries=MAX_KEPT, show_spinner="Reading the file", hash_funcs=_KEYS)
def _read_features(clip: Clip) -> Embeddings:
    with logged("read embeddings", len(clip.data)):
        return isolation.read_clip(clip.data, clip.name, clip.index, features_limits())


def encoder_title(clip: Clip, choice: Choice) -> str:
    """The title of the encoder of a clip's embeddings.

    Raises
    ------
    WeightsError : the chosen encoder is not installed.
    """
    if clip.is_features:
        return ENCODER_TITLES[_read_features(clip).encoder]
    return ENCODER_TITLES[resolve_encoder(choice.encoder)]


def clip_names(clips: Sequence[Clip]) -> dict[tuple, str]:
    """Clip names by the clips' identities; no two are the same."""
    own = [features_names(clip)[clip.index] if clip.is_features else clip.name for clip in clips]
    files = [clip.name if clip.is_features else "" for clip in clips]
    return dict(zip(map(Clip.identity, clips), unique_names(own, files), strict=True))


@st.cache_data(max_entries=MAX_KEPT, show_spinner=False, hash_funcs=_KEYS)
def features_names(clip: Clip) -> tuple[str, ...]:
    """Names of the clips in an embeddings file."""
    return isolation.clip_names(clip.data, clip.name, features_limits())
