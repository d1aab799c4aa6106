"""The shelf of each kind of result, and how many bytes it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np

from audioset_demo.audio.playback import Played
from audioset_demo.charts.detail import DetailedSound
from audioset_demo.charts.overview import DrawnSound
from audioset_demo.embeddings.frames import Embeddings, Progress
from audioset_demo.tagging import Strands, Tagging
from audioset_demo.views.background import Work
from audioset_demo.views.cache.limits import MAX_FRAMES
from audioset_demo.views.clips import MAX_KEPT, Clip
from audioset_demo.views.log import logged
from audioset_demo.views.shelf import Shelf

Result = TypeVar("Result")

# What was drawn and encoded of a full visit stays, however long its clips. What is computed from
# that again in a second or two may have to be: the tags of two hours are 47 MB.
MAX_DRAWN_BYTES = 3 * 2**20
MAX_EMBEDDINGS_BYTES = MAX_FRAMES * (8 + 128 * (1 + 4 + 4))
DRAWN: Shelf[DrawnSound] = Shelf(MAX_KEPT * MAX_DRAWN_BYTES)
EMBEDDINGS: Shelf[Embeddings] = Shelf(MAX_KEPT * MAX_EMBEDDINGS_BYTES)
DETAILED: Shelf[DetailedSound] = Shelf(128 * 2**20)  # four hours of sound
PLAYED: Shelf[Played] = Shelf(128 * 2**20)
TAGGINGS: Shelf[Tagging] = Shelf(96 * 2**20)
OCCLUSIONS: Shelf[np.ndarray] = Shelf(32 * 2**20)
STRANDS: Shelf[Strands] = Shelf(8 * 2**20)
_SHELVES: tuple[Shelf, ...] = (
    DRAWN, EMBEDDINGS, DETAILED, PLAYED, TAGGINGS, OCCLUSIONS, STRANDS,
)  # fmt: skip


def tidy() -> None:
    """Give up the results of clips that no visitor has."""
    for shelf in _SHELVES:
        shelf.tidy()


def n_bytes(clips: Iterable[Clip]) -> int:
    """Bytes of the results of clips."""
    identities = {clip.identity() for clip in clips}
    return sum(shelf.n_bytes(identities) for shelf in _SHELVES)


def work_on(
    clip: Clip, kind: str, do: Callable[[Progress], Result], sound_s: float
) -> Work[Result]:
    """Work in its turn on a clip whose sound lasts `sound_s`, with a line in the log."""

    def log(progress: Progress) -> Result:
        with logged(kind, len(clip.data)):
            return do(progress)

    return Work(log, sound_s)
