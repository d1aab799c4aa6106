"""Events for the player: bars on a few tracks, each class on one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from audioset_demo.events import Event

MAX_TRACKS = 4


def event_lane(events: Sequence[Event]) -> dict | None:
    """The bars of events and their tracks; None where there is nothing to show.

    Classes that are never heard at once share a track. They are placed in the order of their
    highest scores; those that fit on none of `MAX_TRACKS` are left out, and counted.
    """
    of_class: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        of_class[event.label.name].append(event)
    tracks: list[list[Event]] = []
    n_left_out = 0
    for own in sorted(of_class.values(), key=lambda own: -max(event.score for event in own)):
        track = next((track for track in tracks if _fits(own, track)), None)
        if track is None and len(tracks) < MAX_TRACKS:
            tracks.append(track := [])
        if track is None:
            n_left_out += 1
        else:
            track.extend(own)
    if not tracks:
        return None
    return {
        "tracks": len(tracks),
        "leftOut": n_left_out,
        "bars": [
            {
                "name": event.label.name,
                "start": event.start_s,
                "end": event.end_s,
                "score": event.score,
                "track": number,
            }
            for number, track in enumerate(tracks)
            for event in track
        ],
    }


def _fits(events: Sequence[Event], track: Sequence[Event]) -> bool:
    """Whether no event of a class overlaps one that is on the track."""
    starts = np.sort([event.start_s for event in track])
    ends = np.sort([event.end_s for event in track])
    # As many of the track's events have begun before an event ends as have ended when it begins.
    begun = np.searchsorted(starts, [event.end_s for event in events], "left")
    ended = np.searchsorted(ends, [event.start_s for event in events], "right")
    return bool(np.array_equal(begun, ended))
