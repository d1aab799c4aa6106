"""How much of one clip, and of one file of them, the pages show."""

from __future__ import annotations

from audioset_demo.embeddings.arrays import FeaturesLimits
from audioset_demo.embeddings.frames import Progress
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.views.session import HOPS

MAX_FRAMES = 7_500  # two hours
MAX_IN_FILE = 50_000  # clips of an embeddings file, twice as many as AudioSet evaluates on


class TooManyFrames(Exception):
    """There would be more than `MAX_FRAMES`."""


def features_limits() -> FeaturesLimits:
    """The limits of an embeddings file."""
    return FeaturesLimits(MAX_FRAMES, MAX_IN_FILE)


def check_frames(name: str, duration_s: float, hop_s: float) -> None:
    """Refuse a sound that a page cannot show at this hop.

    Raises
    ------
    AudioSetDemoError : it would have more than `MAX_FRAMES`; the message names a hop that fits.
    """
    if duration_s / hop_s > MAX_FRAMES:
        fitting = min(hop for hop in HOPS if duration_s / hop <= MAX_FRAMES)
        raise AudioSetDemoError(
            f"{name} lasts {duration_s:,.0f} s, which at a hop of {hop_s} s is more than the "
            f"{MAX_FRAMES:,} frames that a page can show. Choose a hop of {fitting} s in the "
            "sidebar."
        )


def limited(progress: Progress, hop_s: float) -> Progress:
    """`progress`, which raises `TooManyFrames` once a sound is too long for this hop."""

    def report(done_s: float, total_s: float | None) -> None:
        if max(done_s, total_s or 0.0) > MAX_FRAMES * hop_s:
            raise TooManyFrames
        progress(done_s, total_s)

    return report
