"""Synthesised speech: recordings of speech are few, and these add other speakers.

Readings are written to files once.
"""

from __future__ import annotations

from pathlib import Path

from train.compact_encoder.sounds import flite, spoken
from train.compact_encoder.sounds.categories import CategoryTable
from train.compact_encoder.sounds.recordings import Recording

FLITE_SHARE = 0.25


def check_synthesisers() -> None:
    """Raise a DataError, with the remedy, unless both synthesisers are installed."""
    spoken.check_espeak()
    flite.check_flite()


def readings(folder: Path, count: int, table: CategoryTable, seed: int) -> list[Recording]:
    """`count` readings by eSpeak NG and Flite, written to `folder` if they are not there yet."""
    n_flite = int(count * FLITE_SHARE)
    return [
        *spoken.readings(folder, count - n_flite, table, seed),
        *flite.readings(folder, n_flite, table, seed),
    ]
