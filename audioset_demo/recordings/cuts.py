"""The part of a recording in which something was found, with a second around it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audioset_demo.audio.decoding import open_sound
from audioset_demo.audio.waveform import Waveform
from audioset_demo.errors import AudioError
from audioset_demo.recordings.finds import Find, Recording

AROUND_S = 1.0
LONGEST_S = 30.0  # of a find; of a longer one, its beginning is heard


@dataclass(frozen=True)
class Cut:
    """A short sound from a recording.

    Attributes
    ----------
    sound : its samples, at the recording's own rate.
    start_s, end_s : where it lies in the recording.
    is_short : whether the find goes on after it.
    """

    sound: Waveform
    start_s: float
    end_s: float
    is_short: bool


def cut(find: Find) -> Cut:
    """Read the sound of a find; the recording is read up to there, and never written.

    Raises
    ------
    AudioError
        If the recording has moved or changed since it was tagged, or cannot be read.
    """
    require_unchanged(find.recording)
    start_s = max(0.0, find.start_s - AROUND_S)
    end_s = min(find.end_s, find.start_s + LONGEST_S) + AROUND_S
    name = os.path.basename(find.recording.path)
    with open_sound(find.recording.path, name) as sound:
        first, last = (round(second * sound.sample_rate) for second in (start_s, end_s))
        kept, n = [], 0
        for block in sound.blocks():
            kept.append(block[max(0, first - n) : max(0, last - n)])
            n += len(block)
            if n >= last:
                break
        samples = np.concatenate(kept)
        if not len(samples):
            raise AudioError(
                f"{name} ends before {find.start_s:.2f} s, where this was found. Tag it again."
            )
        waveform = Waveform(samples, sound.sample_rate, f"{Path(name).stem} {start_s:.2f} s.wav")
    return Cut(waveform, start_s, start_s + waveform.duration_s, find.end_s > end_s)


def require_unchanged(recording: Recording) -> None:
    """Refuse a recording that is not what was tagged.

    Raises
    ------
    AudioError
        If it has moved, or its size or time of change is another.
    """
    try:
        status = os.stat(recording.path)
    except OSError as error:
        raise AudioError(
            f"{recording.path} cannot be opened ({error.strerror}). Move it back, or tag it where "
            "it is now."
        ) from None
    if (status.st_size, status.st_mtime_ns) != (recording.size, recording.mtime_ns):
        raise AudioError(
            f"{recording.path} has changed since it was tagged. Give the command again that made "
            "these results, and reload the page."
        )
