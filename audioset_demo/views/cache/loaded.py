"""Networks and data that are loaded once and stay in memory."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from audioset_demo.embeddings import writing
from audioset_demo.embeddings.class_space import class_space
from audioset_demo.embeddings.similar_clips import ReleasedClips
from audioset_demo.encoders import load_encoder
from audioset_demo.encoders.encoder import Encoder
from audioset_demo.labels import audioset_labels
from audioset_demo.models.calibration import Calibration
from audioset_demo.tagging import Tagger, load_tagger
from audioset_demo.views import own_models
from audioset_demo.views.session import Choice


def encoder(choice: Choice) -> Encoder:
    """The chosen encoder.

    Raises
    ------
    WeightsError : it is not installed.
    """
    return _encoder(choice.encoder, choice.installation)


@st.cache_resource(max_entries=2, show_spinner="Loading the encoder")
def _encoder(name: str, installation: tuple[int, ...]) -> Encoder:
    return load_encoder(name)


def tagger(choice: Choice) -> Tagger:
    """The chosen model, for embeddings of any encoder."""
    made = own_models.find(choice.model)
    return made.tagger if made else _published_tagger(choice.model)


@st.cache_resource(max_entries=8, show_spinner="Loading the model")
def _published_tagger(model: str) -> Tagger:
    return load_tagger(model)


def calibration(choice: Choice) -> Calibration | None:
    """The calibration of the chosen model."""
    return tagger(choice).calibration


@st.cache_resource(max_entries=1, show_spinner="Reading AudioSet's features")
def released_clips(path: Path) -> ReleasedClips:
    """The clips of AudioSet's evaluation set, from their features on this machine."""
    return ReleasedClips.from_file(path)


@st.cache_resource(show_spinner=False)
def projector_classes() -> tuple[str, str]:
    """The classes in the files for the Embedding Projector."""
    names = [label.name for label in audioset_labels()]
    return writing.projector_classes(class_space().centroids, names)
