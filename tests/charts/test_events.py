"""The lane of events: no two bars of a track overlap, and none is lost without being counted."""

from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.charts.events import MAX_TRACKS, event_lane
from audioset_demo.events import Event
from audioset_demo.labels import Label


def label(k: int) -> Label:
    return Label(k, f"class {k}")


@st.composite
def events(draw) -> list[Event]:
    found = []
    for k in range(draw(st.integers(0, 7))):
        times = sorted(draw(st.lists(st.integers(0, 30), max_size=8, unique=True)))
        for start, end in zip(times[::2], times[1::2], strict=False):
            found.append(Event(label(k), float(start), float(end), draw(st.floats(0, 1))))
    return found


@given(events())
def test_bars_of_a_track_never_overlap_and_a_class_keeps_to_one(found):
    lane = event_lane(found)
    if not found:
        assert lane is None
        return
    bars = lane["bars"]
    by_track = [[bar for bar in bars if bar["track"] == k] for k in range(lane["tracks"])]
    assert 1 <= len(by_track) <= MAX_TRACKS and all(by_track)
    for track in by_track:
        track.sort(key=lambda bar: bar["start"])
        assert all(one["end"] <= two["start"] for one, two in zip(track, track[1:], strict=False))
    names = {bar["name"] for bar in bars}
    assert len({(bar["name"], bar["track"]) for bar in bars}) == len(names)
    assert len(bars) == sum(event.label.name in names for event in found)
    left_out = {event.label.name for event in found} - names
    assert lane["leftOut"] == len(left_out)
    assert not left_out or lane["tracks"] == MAX_TRACKS


def test_a_track_is_shared_and_the_highest_class_is_on_top():
    found = [
        Event(label(0), 0.0, 2.0, 0.4),
        Event(label(1), 2.0, 4.0, 0.9),
        Event(label(2), 1.0, 3.0, 0.5),
    ]
    assert [(bar["name"], bar["track"]) for bar in event_lane(found)["bars"]] == [
        ("class 1", 0),
        ("class 0", 0),
        ("class 2", 1),
    ]
