"""The part of a clip that the visitor marked in the player: as a file, or as a clip of its own."""

from __future__ import annotations

import math
from pathlib import PurePath

from audioset_demo.audio.part import exact_wav, read_part
from audioset_demo.clock import clock, whole
from audioset_demo.embeddings.frames import Progress
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.views import cache, serving
from audioset_demo.views.background import Work, finish
from audioset_demo.views.clips import UPLOAD_EXTENSIONS, Clip


def ends(sent: object) -> tuple[float, float]:
    """The two ends in seconds, as the browser sent them.

    Raises
    ------
    AudioSetDemoError : it did not send two times in order.
    """
    if isinstance(sent, (list, tuple)) and len(sent) == 2:
        start_s, end_s = (float(end) if isinstance(end, (int, float)) else math.nan for end in sent)
        if 0 <= start_s < end_s < math.inf:
            return start_s, end_s
    raise AudioSetDemoError("No part of the sound is marked. Drag across the sound to mark one.")


def name_of(clip: Clip, start_s: float, end_s: float) -> str:
    """The clip's name without its extension, and the time: "dog 0:03-0:07"."""
    path = PurePath(clip.name)
    name = path.stem if path.suffix[1:].lower() in UPLOAD_EXTENSIONS else clip.name
    start, end = whole(start_s), whole(end_s)
    if start == end:
        start, end = clock(start_s), clock(end_s)
    return f"{name} {start}-{end}"


def wav(clip: Clip, start_s: float, end_s: float) -> bytes:
    """A WAV file of exactly the part's samples; the page shows progress while it is cut.

    Raises
    ------
    AudioSetDemoError : the part is longer than a file that may be opened, or holds no sound.
    """

    def do(progress: Progress) -> bytes:
        with cache.opened(clip) as sound:
            part = read_part(sound, start_s, end_s, serving.limits().max_bytes, progress)
            return exact_wav(part)

    work = Work(do)
    return finish(work, f"Cutting {clip.name}", work.stop)
