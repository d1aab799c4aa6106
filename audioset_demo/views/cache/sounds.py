"""A clip's sound, read once for its pictures, its player and its embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from audioset_demo.audio.decoding import Sound, open_sound
from audioset_demo.audio.playback import Playback, Played, playback
from audioset_demo.audio.samples import synthesise
from audioset_demo.audio.waveform import Waveform
from audioset_demo.charts.detail import Detail, DetailedSound
from audioset_demo.charts.overview import DrawnSound, Overview
from audioset_demo.embeddings.frames import Progress
from audioset_demo.encoders.encoder import Encoder
from audioset_demo.encoders.streaming import listen
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.views import serving
from audioset_demo.views.background import Work
from audioset_demo.views.cache.limits import TooManyFrames, limited
from audioset_demo.views.cache.loaded import encoder
from audioset_demo.views.cache.shelves import DETAILED, DRAWN, EMBEDDINGS, PLAYED, work_on
from audioset_demo.views.clips import Clip
from audioset_demo.views.session import Choice

BYTES_PER_S = 16_000  # of a usual compressed sound: a guess, until a file is open


@contextmanager
def opened(clip: Clip) -> Iterator[Waveform | Sound]:
    """The sound of a clip, to be read once and forwards."""
    if clip.sample:
        yield synthesise(clip.sample)
    else:
        with open_sound(clip.data, clip.name, serving.limits()) as sound:
            yield sound


def drawn_sound(clip: Clip, choice: Choice | None = None) -> DrawnSound:
    """The waveform and spectrogram of a clip, for its pictures.

    The first pass over the clip also puts on their shelves what is played, and with a choice, the
    embeddings: unless there would be too many frames, or the encoder is not installed.
    """

    def start() -> Work[DrawnSound]:
        chosen = None
        if choice:
            # `features` reports why an encoder cannot be loaded.
            with suppress(AudioSetDemoError):
                chosen = encoder(choice)

        def do(progress: Progress) -> DrawnSound:
            if choice and chosen:
                with suppress(TooManyFrames):
                    return _with_embeddings(clip, progress, choice, chosen)
            return _without_embeddings(clip, progress)

        return work_on(clip, "read a sound", do, len(clip.data) / BYTES_PER_S)

    return DRAWN.result(f"Reading {clip.name}", clip, (), start)


def _with_embeddings(
    clip: Clip, progress: Progress, choice: Choice, encoder: Encoder
) -> DrawnSound:
    with opened(clip) as sound:
        overview, writer = Overview(sound), Playback(sound.sample_rate, clip.origin)
        detail = Detail(sound.sample_rate)
        embeddings = encoder.encode(
            sound,
            choice.hop_s,
            limited(progress, choice.hop_s),
            tail=choice.tail,
            listeners=(overview, writer, detail),
        )
        DETAILED.put(clip, (), detail.sound())
        EMBEDDINGS.put(clip, of_encoding(choice), embeddings)
        PLAYED.put(clip, (), writer.played())
        return overview.drawn()


def of_encoding(choice: Choice) -> Choice:
    """The part of a choice that decides embeddings."""
    return replace(choice, model="")


def _without_embeddings(clip: Clip, progress: Progress) -> DrawnSound:
    with opened(clip) as sound:
        overview, writer = Overview(sound), Playback(sound.sample_rate, clip.origin)
        listen(sound, (overview, writer), progress)
        PLAYED.put(clip, (), writer.played())
        return overview.drawn()


def played(clip: Clip) -> Played:
    """The clip's sound in a form that browsers play."""
    duration_s = drawn_sound(clip).duration_s

    def do(progress: Progress) -> Played:
        with opened(clip) as sound:
            return playback(sound, clip.origin, progress)

    return PLAYED.result(
        f"Preparing {clip.name}", clip, (), lambda: work_on(clip, "play", do, duration_s)
    )


def detailed(clip: Clip) -> DetailedSound:
    """The waveform and spectrogram of a clip, as finely as a page looks at them."""
    duration_s = drawn_sound(clip).duration_s

    def do(progress: Progress) -> DetailedSound:
        with opened(clip) as sound:
            detail = Detail(sound.sample_rate)
            listen(sound, [detail], progress)
            return detail.sound()

    return DETAILED.result(
        f"Reading {clip.name}", clip, (), lambda: work_on(clip, "read a sound", do, duration_s)
    )
