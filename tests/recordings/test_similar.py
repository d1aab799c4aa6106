"""The search for similar sounds finds what comparing one by one finds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.embeddings.class_space import class_space
from audioset_demo.labels import Label
from audioset_demo.recordings import similar
from audioset_demo.recordings.finds import Find
from audioset_demo.recordings.similar import Frames, plane_of
from tests.recordings.toy_finds import recordings

HOP_S = 0.48


def frames_of(lengths: list[int], seed: int) -> Frames:
    rng = np.random.default_rng(seed)
    quantised = rng.integers(0, 256, (sum(lengths), 128), dtype=np.uint8)
    starts_s = np.concatenate([np.arange(n) * HOP_S for n in lengths])
    borders = np.append(0, np.cumsum(lengths))
    return Frames(quantised, starts_s, borders, recordings(len(lengths)))


def one_by_one(frames: Frames, find: Find, n: int) -> list[tuple[str, float, float]]:
    """The same search in plain Python: each frame with the find, in 64 bits."""
    origin = class_space().origin
    rows = [
        (recording, float(start_s), frame.astype(float))
        for r, recording in enumerate(frames.recordings)
        for start_s, frame in zip(
            frames.starts_s[frames.borders[r] : frames.borders[r + 1]],
            frames.quantised[frames.borders[r] : frames.borders[r + 1]],
            strict=True,
        )
    ]
    own = [
        frame
        for recording, start_s, frame in rows
        if recording == find.recording and find.start_s <= start_s + 0.48 < find.end_s
    ]
    wanted = sum(own) / len(own) - origin

    def cosine(frame):
        towards = frame - origin
        return float(towards @ wanted) / math.sqrt((towards @ towards) * (wanted @ wanted))

    taken = [(find.recording, find.start_s, find.end_s)]
    found = []
    ranked = sorted(((cosine(frame), recording, start) for recording, start, frame in rows),
                    key=lambda row: -row[0])  # fmt: skip
    for likeness, recording, start_s in ranked:
        apart = all(
            recording != other or start_s >= end - 1e-6 or start_s + 0.96 <= begin + 1e-6
            for other, begin, end in taken
        )
        if apart and len(found) < n:
            taken.append((recording, start_s, start_s + 0.96))
            found.append((recording.path, start_s, likeness))
    return found


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=6).filter(any),
    st.integers(0, 10**6),
    st.integers(1, 60),
)
def test_the_search_is_exact(lengths, seed, n):
    frames = frames_of(lengths, seed)
    r = next(r for r, length in enumerate(lengths) if length)
    last = (lengths[r] - 1) * HOP_S
    find = Find(frames.recordings[r], Label(0, "Dog"), last / 2 // HOP_S * HOP_S, last + 0.96, 0.5)
    found = frames.nearest(find, n)
    expected = one_by_one(frames, find, n)
    assert [(one.recording.path, one.start_s) for one in found] == [row[:2] for row in expected]
    assert [one.cosine for one in found] == pytest.approx([row[2] for row in expected], abs=1e-5)


def test_frames_are_compared_block_by_block(monkeypatch):
    frames = frames_of([50, 7], 1)
    find = Find(frames.recordings[1], Label(0, "Dog"), 0.0, 0.96, 0.5)
    at_once = frames.nearest(find, 20)
    monkeypatch.setattr(similar, "BLOCK_FRAMES", 9)
    assert [one.start_s for one in frames.nearest(find, 20)] == [one.start_s for one in at_once]


def test_the_plane_keeps_what_differs_most():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(40, 128)) * 0.01
    means[:, 5] += 10 * np.arange(40)
    means[:, 9] += rng.normal(size=40)
    means[3] = np.nan
    points, explained = plane_of(means)
    known = np.arange(40) != 3
    assert np.isnan(points[3]).all() and explained[0] > 0.9
    assert abs(np.corrcoef(points[known, 0], np.arange(40)[known])[0, 1]) > 0.999
    assert np.isnan(plane_of(means[:2])[0]).all()
