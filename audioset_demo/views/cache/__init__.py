"""Results of the library, each computed once for each clip.

They are shared by all visitors. Their keys are a clip's content and name and the choice in the
sidebar, never arrays: Streamlit hashes large ones from a sample of their values. Pages get the
cached objects themselves, so they never change them. Results depend on the arguments alone, never
on the session: a ZIP is made in a thread that has none. What runs a network takes its turn.
"""

from audioset_demo.views.cache.embeddings import (
    clip_names,
    encoder_title,
    features,
    features_names,
    read,
)
from audioset_demo.views.cache.loaded import (
    calibration,
    encoder,
    projector_classes,
    released_clips,
    tagger,
)
from audioset_demo.views.cache.shelves import n_bytes, tidy
from audioset_demo.views.cache.sounds import detailed, drawn_sound, opened, played
from audioset_demo.views.cache.tags import occlusion, strands, tagging

__all__ = [
    "calibration",
    "clip_names",
    "detailed",
    "drawn_sound",
    "encoder",
    "encoder_title",
    "features",
    "features_names",
    "n_bytes",
    "occlusion",
    "opened",
    "played",
    "projector_classes",
    "read",
    "released_clips",
    "strands",
    "tagger",
    "tagging",
    "tidy",
]
