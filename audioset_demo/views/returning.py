"""The clips of a visit survive a reload of the page, on a server of the visitor's own.

They are held in memory for an hour, never on disk. The key to them is made here and stays in the
browser's session storage, which is that of one tab: it is never in the address, which people share.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from importlib.resources import files

import streamlit as st

from audioset_demo.views import clips, serving

HELD_S = 3_600.0


@dataclass(frozen=True)
class _Visit:
    kept: dict[tuple, clips.Clip]
    chosen: clips.Clip
    seen_s: float


_visits: dict[str, _Visit] = {}  # by their keys

_component = st.components.v2.component(
    "audioset_demo_returning",
    js=(files("audioset_demo") / "views" / "returning.js").read_text(encoding="utf-8"),
)


def show() -> None:
    """Hold this visit's clips; where the page was reloaded, take back those of before."""
    if serving.is_public():
        return
    key = st.session_state.setdefault("key of the visit", secrets.token_urlsafe(32))
    hold(key)
    _component(data={"key": key}, key="returning", height=1, on_former_change=_take_back)


def hold(key: str) -> None:
    """Hold the clips that the visitor opened, and let go of those held for too long."""
    now_s = time.monotonic()
    for other in [other for other, visit in _visits.items() if now_s - visit.seen_s > HELD_S]:
        _visits.pop(other, None)
    if any(not clip.sample for clip in clips.kept()):
        _visits[key] = _Visit(dict(st.session_state.kept), clips.current(), now_s)
    else:
        _visits.pop(key, None)


def _take_back() -> None:
    if visit := _visits.pop(str(st.session_state.returning.former), None):
        clips.take_back(visit.kept, visit.chosen)
