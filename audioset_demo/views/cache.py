"""Thin cached wrappers around the library: each result is computed once for each clip.

Results are shared by all visitors. Their keys are a clip's content and name and the choice in the
sidebar, never arrays: Streamlit hashes large ones from a sample of their values. Pages get the
cached objects themselves, so they never change them. Results depend on the arguments alone, never
on the session: a ZIP is made in a thread that has none. What runs a network takes its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import streamlit as st

from audioset_demo.audio.decoding import Sound, open_sound
from audioset_demo.audio.playback import Playback, Played, playback
from audioset_demo.audio.samples import synthesise
from audioset_demo.audio.waveform import Waveform
from audioset_demo.charts.detail import Detail, DetailedSound
from audioset_demo.charts.overview import DrawnSound, Overview
from audioset_demo.embeddings import isolation, writing
from audioset_demo.embeddings.arrays import FeaturesLimits
from audioset_demo.embeddings.class_space import class_space
from audioset_demo.embeddings.frames import ENCODER_TITLES, Embeddings, Progress
from audioset_demo.embeddings.similar_clips import ReleasedClips
from audioset_demo.encoders import load_encoder, resolve_encoder, silent_frame
from audioset_demo.encoders.encoder import Encoder
from audioset_demo.encoders.streaming import listen
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.labels import audioset_labels
from audioset_demo.models.calibration import Calibration
from audioset_demo.tagging import Strands, Tagger, Tagging, load_tagger
from audioset_demo.views import own_models, serving
from audioset_demo.views.background import Work, finish
from audioset_demo.views.clips import MAX_KEPT, Clip, give_up
from audioset_demo.views.log import logged
from audioset_demo.views.names import unique_names
from audioset_demo.views.session import HOPS, Choice
from audioset_demo.views.shelf import Shelf
from audioset_demo.views.turns import Stopped

Result = TypeVar("Result")
MAX_FRAMES = 7_500  # two hours
MAX_IN_FILE = 50_000  # clips of an embeddings file, twice as many as AudioSet evaluates on
_KEYS: dict[str | type, Callable[[Any], Any]] = {Clip: Clip.identity}

# What was drawn and encoded of a full visit stays, however long its clips. What is computed from
# that again in a second or two may have to be: the tags of two hours are 47 MB.
MAX_DRAWN_BYTES = 3 * 2**20
MAX_EMBEDDINGS_BYTES = MAX_FRAMES * (8 + 128 * (1 + 4 + 4))
_DRAWN: Shelf[DrawnSound] = Shelf(MAX_KEPT * MAX_DRAWN_BYTES)
_EMBEDDINGS: Shelf[Embeddings] = Shelf(MAX_KEPT * MAX_EMBEDDINGS_BYTES)
_DETAILED: Shelf[DetailedSound] = Shelf(128 * 2**20)  # four hours of sound
_PLAYED: Shelf[Played] = Shelf(128 * 2**20)
_TAGGINGS: Shelf[Tagging] = Shelf(96 * 2**20)
_OCCLUSIONS: Shelf[np.ndarray] = Shelf(32 * 2**20)
_STRANDS: Shelf[Strands] = Shelf(8 * 2**20)
_SHELVES: tuple[Shelf, ...] = (
    _DRAWN, _EMBEDDINGS, _DETAILED, _PLAYED, _TAGGINGS, _OCCLUSIONS, _STRANDS,
)  # fmt: skip

BYTES_PER_S = 16_000  # of a usual compressed sound: a guess, until a file is open


def tidy() -> None:
    """Give up the results of clips that no visitor has."""
    for shelf in _SHELVES:
        shelf.tidy()


def n_bytes(clips: Iterable[Clip]) -> int:
    """Bytes of the results of clips."""
    identities = {clip.identity() for clip in clips}
    return sum(shelf.n_bytes(identities) for shelf in _SHELVES)


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
        features_names(clip)
        _read_features(clip)
    else:
        _reading(clip, choice)


def drawn_sound(clip: Clip) -> DrawnSound:
    """The waveform and spectrogram of a clip, for its pictures."""
    return _reading(clip)


def played(clip: Clip) -> Played:
    """The clip's sound in a form that browsers play."""
    drawn = _reading(clip)

    def do(progress: Progress) -> Played:
        with opened(clip) as sound:
            return playback(sound, clip.origin, progress)

    what = f"Preparing {clip.name}"
    return _finished(_PLAYED, what, clip, (), lambda: _work("play", clip, do, drawn.duration_s))


def detailed(clip: Clip) -> DetailedSound:
    """The waveform and spectrogram of a clip, as finely as a page looks at them."""
    drawn = _reading(clip)

    def do(progress: Progress) -> DetailedSound:
        with opened(clip) as sound:
            detail = Detail(sound.sample_rate)
            listen(sound, [detail], progress)
            return detail.sound()

    what = f"Reading {clip.name}"
    return _finished(
        _DETAILED, what, clip, (), lambda: _work("read a sound", clip, do, drawn.duration_s)
    )


def _reading(clip: Clip, choice: Choice | None = None) -> DrawnSound:
    """The first pass over a clip, for its pictures.

    It also puts on their shelves what is played, and the embeddings by that pass's choice: unless
    there would be too many frames, or the encoder is not installed.
    """

    def start() -> Work[DrawnSound]:
        encoder = None
        if choice:
            # `features` reports why an encoder cannot be loaded.
            with suppress(AudioSetDemoError):
                encoder = _encoder(choice.encoder, choice.installation)

        def do(progress: Progress) -> DrawnSound:
            if choice and encoder:
                with suppress(_TooManyFrames):
                    return _one_pass(clip, progress, choice, encoder)
            return _without_embeddings(clip, progress)

        return _work("read a sound", clip, do, len(clip.data) / BYTES_PER_S)

    return _finished(_DRAWN, f"Reading {clip.name}", clip, (), start)


def _one_pass(clip: Clip, progress: Progress, choice: Choice, encoder: Encoder) -> DrawnSound:
    with opened(clip) as sound:
        overview, writer = Overview(sound), Playback(sound.sample_rate, clip.origin)
        detail = Detail(sound.sample_rate)
        embeddings = encoder.encode(
            sound,
            choice.hop_s,
            _limited(progress, choice.hop_s),
            tail=choice.tail,
            listeners=(overview, writer, detail),
        )
        _put(_DETAILED, clip, (), detail.sound())
        _put(_EMBEDDINGS, clip, _of_encoding(choice), embeddings)
        _put(_PLAYED, clip, (), writer.played())
        return overview.drawn()


def _without_embeddings(clip: Clip, progress: Progress) -> DrawnSound:
    with opened(clip) as sound:
        overview, writer = Overview(sound), Playback(sound.sample_rate, clip.origin)
        listen(sound, (overview, writer), progress)
        _put(_PLAYED, clip, (), writer.played())
        return overview.drawn()


def _put(shelf: Shelf[Result], clip: Clip, key: Hashable, result: Result) -> None:
    shelf.work(clip, key, lambda: Work(lambda progress: result))


class _TooManyFrames(Exception):
    """There would be more than `MAX_FRAMES`."""


def _limited(progress: Progress, hop_s: float) -> Progress:
    def limited(done_s: float, total_s: float | None) -> None:
        if max(done_s, total_s or 0.0) > MAX_FRAMES * hop_s:
            raise _TooManyFrames
        progress(done_s, total_s)

    return limited


def clip_names(clips: Sequence[Clip]) -> dict[tuple, str]:
    """Clip names by the clips' identities; no two are the same."""
    own = [features_names(clip)[clip.index] if clip.is_features else clip.name for clip in clips]
    files = [clip.name if clip.is_features else "" for clip in clips]
    return dict(zip(map(Clip.identity, clips), unique_names(own, files), strict=True))


@st.cache_data(max_entries=MAX_KEPT, show_spinner=False, hash_funcs=_KEYS)
def features_names(clip: Clip) -> tuple[str, ...]:
    """Names of the clips in an embeddings file."""
    return isolation.clip_names(clip.data, clip.name, _features_limits())


def features(clip: Clip, choice: Choice) -> Embeddings:
    """Embeddings of a clip: from its embeddings file, or of its sound by the chosen encoder.

    Raises
    ------
    AudioSetDemoError : there would be too many frames, or the encoder is not installed.
    """
    if clip.is_features:
        return _read_features(clip)
    duration_s = _reading(clip, choice).duration_s
    _check_frames(clip.name, duration_s, choice.hop_s)

    def start() -> Work[Embeddings]:
        encoder = _encoder(choice.encoder, choice.installation)

        def do(progress: Progress) -> Embeddings:
            with opened(clip) as sound:
                return encoder.encode(sound, choice.hop_s, progress, tail=choice.tail)

        return _work("encode a sound", clip, do, duration_s)

    return _finished(_EMBEDDINGS, f"Encoding {clip.name}", clip, _of_encoding(choice), start)


def _of_encoding(choice: Choice) -> Choice:
    """The part of a choice that decides embeddings."""
    return replace(choice, model="")


@st.cache_data(max_entries=MAX_KEPT, show_spinner="Reading the file", hash_funcs=_KEYS)
def _read_features(clip: Clip) -> Embeddings:
    with logged("read embeddings", len(clip.data)):
        return isolation.read_clip(clip.data, clip.name, clip.index, _features_limits())


def _features_limits() -> FeaturesLimits:
    return FeaturesLimits(MAX_FRAMES, MAX_IN_FILE)


def _check_frames(name: str, duration_s: float, hop_s: float) -> None:
    if duration_s / hop_s > MAX_FRAMES:
        fitting = min(hop for hop in HOPS if duration_s / hop <= MAX_FRAMES)
        raise AudioSetDemoError(
            f"{name} lasts {duration_s:,.0f} s, which at a hop of {hop_s} s is more than the "
            f"{MAX_FRAMES:,} frames that a page can show. Choose a hop of {fitting} s in the "
            "sidebar."
        )


@contextmanager
def opened(clip: Clip) -> Iterator[Waveform | Sound]:
    """The sound of a clip, to be read once and forwards."""
    if clip.sample:
        yield synthesise(clip.sample)
    else:
        with open_sound(clip.data, clip.name, serving.limits()) as sound:
            yield sound


def _work(kind: str, clip: Clip, do: Callable[[Progress], Result], sound_s: float) -> Work[Result]:
    """Work in its turn, with a line in the log."""

    def log(progress: Progress) -> Result:
        with logged(kind, len(clip.data)):
            return do(progress)

    return Work(log, sound_s)


def _finished(
    shelf: Shelf[Result],
    what: str,
    clip: Clip,
    key: Hashable,
    start: Callable[[], Work[Result]],
    on_stop: Callable[[], None] | None = None,
) -> Result:
    """The result of work on a shelf; work that failed or was stopped leaves it.

    When the visitor stops it, the clip is given up, or `on_stop` called in place of that.
    """
    work = shelf.work(clip, key, start)

    def stop() -> None:
        work.stop()
        shelf.forget(clip, key, work)
        on_stop() if on_stop else give_up(clip)

    try:
        return finish(work, what, stop)
    except Stopped:  # by another visitor, who has the same file
        shelf.forget(clip, key, work)
        return _finished(shelf, what, clip, key, start, on_stop)
    except Exception:
        shelf.forget(clip, key, work)
        raise


def tagging(clip: Clip, choice: Choice) -> Tagging:
    """The tags of a clip by the chosen model, with their explanation."""
    embeddings = features(clip, choice)

    def start() -> Work[Tagging]:
        tagger = _tagger(choice.model)

        def do(progress: Progress) -> Tagging:
            return tagger.tag(embeddings)

        return _work("tag", clip, do, embeddings.duration_s)

    return _finished(_TAGGINGS, f"Tagging {clip.name}", clip, _of_tagging(clip, choice), start)


def calibration(choice: Choice) -> Calibration | None:
    """The calibration of the chosen model."""
    return _tagger(choice.model).calibration


def occlusion(clip: Clip, choice: Choice, on_stop: Callable[[], None]) -> np.ndarray:
    """The score drop of every class when one frame at a time is silenced: (T, K).

    Frames of an embeddings file are left out: its encoder's output for silence is not known.
    `on_stop` is called when the visitor stops the work.
    """
    embeddings = features(clip, choice)

    def start() -> Work[np.ndarray]:
        silence = None
        if not clip.is_features:
            silence = silent_frame(_encoder(choice.encoder, choice.installation))
        tagger = _tagger(choice.model)

        def do(progress: Progress) -> np.ndarray:
            return tagger.occlude(embeddings, silence)

        return _work("occlude", clip, do, embeddings.duration_s)

    what = f"Silencing frames of {clip.name}"
    return _finished(_OCCLUSIONS, what, clip, _of_tagging(clip, choice), start, on_stop)


def strands(clip: Clip, choice: Choice, k: int) -> Strands:
    """What carries class `k` in a clip."""
    embeddings = features(clip, choice)

    def start() -> Work[Strands]:
        tagger = _tagger(choice.model)

        def do(progress: Progress) -> Strands:
            return tagger.strands(embeddings, k)

        return _work("take a class apart", clip, do, embeddings.duration_s)

    key = _of_tagging(clip, choice), k
    return _finished(_STRANDS, f"Taking apart {clip.name}", clip, key, start)


def _of_tagging(clip: Clip, choice: Choice) -> Choice:
    """The part of a choice that decides the tags of a clip."""
    if clip.is_features:  # encoded already
        return Choice(encoder="", installation=(), hop_s=0.0, tail="", model=choice.model)
    return choice


@st.cache_resource(max_entries=1, show_spinner="Reading AudioSet's features")
def released_clips(path: Path) -> ReleasedClips:
    """The clips of AudioSet's evaluation set, from their features on this machine."""
    return ReleasedClips.from_file(path)


@st.cache_resource(show_spinner=False)
def projector_classes() -> tuple[str, str]:
    """The classes in the files for the Embedding Projector."""
    names = [label.name for label in audioset_labels()]
    return writing.projector_classes(class_space().centroids, names)


def encoder(choice: Choice) -> Encoder:
    """The chosen encoder.

    Raises
    ------
    WeightsError : it is not installed.
    """
    return _encoder(choice.encoder, choice.installation)


def tagger(choice: Choice) -> Tagger:
    """The chosen model, for embeddings of any encoder."""
    return _tagger(choice.model)


@st.cache_resource(max_entries=2, show_spinner="Loading the encoder")
def _encoder(name: str, installation: tuple[int, ...]) -> Encoder:
    return load_encoder(name)


def _tagger(model: str) -> Tagger:
    made = own_models.find(model)
    return made.tagger if made else _published_tagger(model)


@st.cache_resource(max_entries=8, show_spinner="Loading the model")
def _published_tagger(model: str) -> Tagger:
    return load_tagger(model)
