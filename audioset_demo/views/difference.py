"""Two clips, or two models, as a difference: of each frame where they have the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from audioset_demo.charts.explanation import class_map, difference_map, score_differences
from audioset_demo.charts.player import ClassMap
from audioset_demo.tagging import Tagging
from audioset_demo.views import cache
from audioset_demo.views.clips import Clip
from audioset_demo.views.names import escape
from audioset_demo.views.session import Choice
from audioset_demo.views.widgets import chart

_KEY = "difference"


@dataclass(frozen=True)
class Other:
    """What the clip shown is compared with: another clip, or itself by another model."""

    title: str
    clip: Clip
    choice: Choice


def choose(
    clip: Clip, kept: Sequence[Clip], choice: Choice, models: Mapping[str, str]
) -> Other | None:
    """A box with the other models, which are titles by their names, and the other clips kept."""
    names = cache.clip_names(kept)
    others = {f"model {name}": Other(title, clip, replace(choice, model=name))
              for name, title in models.items()}  # fmt: skip
    for one in kept:
        if one.identity() != clip.identity():
            others[f"clip {one.key}"] = Other(names[one.identity()], one, choice)
    if st.session_state.get(_KEY) not in others:  # removed, or the one that is shown now
        st.session_state[_KEY] = None
    chosen = st.selectbox(
        "Map the difference to another model, or to another clip of this visit",
        list(others),
        None,
        format_func=lambda key: f"{key.split(' ')[0].capitalize()}: {others[key].title}",
        filter_mode="contains",
        key=_KEY,
        persist_state="session",
        placeholder="None",
    )
    return others[chosen] if chosen else None


def show(other: Other, tagging: Tagging, shown: ClassMap, signal: str) -> ClassMap:
    """The map of the difference, B minus A; for clips of unlike length, a chart of their scores.

    That chart is drawn here, and the map is then the one shown.

    Raises
    ------
    AudioSetDemoError : the other clip cannot be read, or the values have no difference.
    """
    theirs = cache.tagging(other.clip, other.choice)
    name = escape(other.title)
    if len(theirs.times_s) != len(tagging.times_s):
        st.caption(
            f"{name} has another length ({len(theirs.times_s):,} frames, not "
            f"{len(tagging.times_s):,}), so that no frame of one belongs to one of the other. "
            "Compared are the scores of the clips: to the right, the other one's is higher."
        )
        figure = score_differences(tagging, theirs, shown.classes)
        chart(figure, f"Scores of {other.title} minus those of the clip shown", _KEY + " chart")
        return shown
    drops = None
    if signal == "occlusion":
        drops = cache.occlusion(other.clip, other.choice, lambda: None)
    st.caption(f"Difference: {name} minus what is shown. Blue: more in {name}; vermilion: less.")
    return difference_map(shown, class_map(theirs, signal, shown.classes, drops))
