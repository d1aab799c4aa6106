"""What is in a sound, when, and why a model says so.

>>> from audioset_demo import load_tagger
>>> tagging = load_tagger().tag("street.wav")
>>> [(tagging.labels[k].name, round(float(tagging.scores[k]), 2)) for k in tagging.top(3)]
"""

from typing import TYPE_CHECKING

from audioset_demo.errors import (
    AudioError,
    AudioSetDemoError,
    CheckpointError,
    DataError,
    FeaturesError,
    StorageError,
    WeightsError,
)

if TYPE_CHECKING:
    from audioset_demo.tagging import Tagger, Tagging, load_tagger

__version__ = "0.1.0"
__all__ = [
    "AudioError",
    "AudioSetDemoError",
    "CheckpointError",
    "DataError",
    "FeaturesError",
    "StorageError",
    "Tagger",
    "Tagging",
    "WeightsError",
    "load_tagger",
]


def __getattr__(name: str):
    # torch is imported when the first tagger is asked for, not with the package.
    if name in ("Tagger", "Tagging", "load_tagger"):
        from audioset_demo import tagging

        return getattr(tagging, name)
    raise AttributeError(f"module 'audioset_demo' has no attribute '{name}'")
