"""What the chosen model says of a clip."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audioset_demo.embeddings.frames import Progress
from audioset_demo.encoders import silent_frame
from audioset_demo.tagging import Strands, Tagging
from audioset_demo.views.background import Work
from audioset_demo.views.cache.embeddings import features
from audioset_demo.views.cache.loaded import encoder, tagger
from audioset_demo.views.cache.shelves import OCCLUSIONS, STRANDS, TAGGINGS, work_on
from audioset_demo.views.clips import Clip
from audioset_demo.views.session import Choice


def tagging(clip: Clip, choice: Choice) -> Tagging:
    """The tags of a clip by the chosen model, with their explanation."""
    embeddings = features(clip, choice)

    def start() -> Work[Tagging]:
        model = tagger(choice)

        def do(progress: Progress) -> Tagging:
            return model.tag(embeddings)

        return work_on(clip, "tag", do, embeddings.duration_s)

    return TAGGINGS.result(f"Tagging {clip.name}", clip, _of_tagging(clip, choice), start)


def occlusion(clip: Clip, choice: Choice, on_stop: Callable[[], None]) -> np.ndarray:
    """The score drop of every class when one frame at a time is silenced: (T, K).

    Frames of an embeddings file are left out: its encoder's output for silence is not known.
    `on_stop` is called when the visitor stops the work.
    """
    embeddings = features(clip, choice)

    def start() -> Work[np.ndarray]:
        silence = None if clip.is_features else silent_frame(encoder(choice))
        model = tagger(choice)

        def do(progress: Progress) -> np.ndarray:
            return model.occlude(embeddings, silence)

        return work_on(clip, "occlude", do, embeddings.duration_s)

    what = f"Silencing frames of {clip.name}"
    return OCCLUSIONS.result(what, clip, _of_tagging(clip, choice), start, on_stop)


def strands(clip: Clip, choice: Choice, k: int) -> Strands:
    """What carries class `k` in a clip."""
    embeddings = features(clip, choice)

    def start() -> Work[Strands]:
        model = tagger(choice)

        def do(progress: Progress) -> Strands:
            return model.strands(embeddings, k)

        return work_on(clip, "take a class apart", do, embeddings.duration_s)

    key = _of_tagging(clip, choice), k
    return STRANDS.result(f"Taking apart {clip.name}", clip, key, start)


def _of_tagging(clip: Clip, choice: Choice) -> Choice:
    """The part of a choice that decides the tags of a clip."""
    if clip.is_features:  # encoded already
        return Choice(encoder="", installation=(), hop_s=0.0, tail="", model=choice.model)
    return choice
