"""The top tags of the clips of a visit, kept for the visit.

The caches hold whole results of fewer clips than a visit may have.
"""

from __future__ import annotations

import streamlit as st

from audioset_demo import export
from audioset_demo.views import cache
from audioset_demo.views.clips import Clip
from audioset_demo.views.session import Choice

N_TAGS = 10  # of each clip


def summary(clip: Clip, choice: Choice) -> tuple[float, list[tuple]]:
    """A clip's duration in seconds and its top tags, as rows of `export.tag_columns`."""
    known = st.session_state.setdefault("summaries", {})
    key = clip.identity(), choice
    if key not in known:
        tagging = cache.tagging(clip, choice)
        known[key] = tagging.duration_s, list(export.tagging_rows(tagging, N_TAGS))
    return known[key]


def known_top_tag(clip: Clip, choice: Choice) -> str | None:
    """The name of a clip's top tag, if it has been tagged on this visit."""
    known = st.session_state.get("summaries", {}).get((clip.identity(), choice))
    return known[1][0][2] if known else None
