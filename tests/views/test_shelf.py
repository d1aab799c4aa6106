"""Results stay while a visitor has their clip, and no more of them than fit."""

import numpy as np
import pytest

from audioset_demo.audio.waveform import Waveform
from audioset_demo.charts.overview import DrawnSound, Overview
from audioset_demo.embeddings.frames import Embeddings
from audioset_demo.views.background import Work
from audioset_demo.views.cache import limits, shelves, sounds
from audioset_demo.views.clips import MAX_KEPT, from_file
from audioset_demo.views.shelf import Shelf, size_of
from tests.sounds import wav
from tests.views.apptest import go


class Counted:
    """A shelf, and how often each clip's result was made."""

    def __init__(self, max_bytes: int):
        self.shelf = Shelf(max_bytes)
        self.made: list[str] = []

    def result(self, clip):
        def make(progress):
            self.made.append(clip.name)
            return np.zeros(100, np.uint8)

        return self.shelf.work(clip, (), lambda: Work(make)).result()


def test_visitors_with_the_same_clip_share_its_result_until_the_last_one_leaves():
    counted = Counted(1_000)
    mine, yours = from_file("kettle.wav", b"same"), from_file("kettle.wav", b"same")
    assert counted.result(mine) is counted.result(yours)
    del mine
    counted.result(yours)
    assert counted.made == ["kettle.wav"]
    del yours
    counted.result(from_file("kettle.wav", b"same"))
    assert counted.made == ["kettle.wav"] * 2


def test_beyond_the_limit_the_least_recently_used_leaves():
    counted = Counted(350)
    clips = [from_file(name, name.encode()) for name in "abcd"]
    for clip in clips[:3]:
        counted.result(clip)
    counted.result(clips[0])
    counted.result(clips[3])
    for name in "acd":
        counted.result(clips["abcd".index(name)])
    assert counted.made == list("abcd")
    counted.result(clips[1])
    assert counted.made == list("abcdb")


def test_the_size_of_a_result_is_that_of_its_arrays():
    drawn = DrawnSound(np.zeros(10, np.float32), np.zeros(10, np.float32), None, 1.0, ())
    assert size_of(drawn) == 80 and size_of(b"four") == 4


@pytest.mark.parametrize("n", [4_999, 9_999, 19_999, 720_000])
def test_every_drawing_is_as_small_as_its_shelf_counts_with(n):
    overview = Overview(Waveform(np.zeros(n, np.float32), 16_000, "two hours.wav"))
    for part in np.array_split(np.zeros((n, 64), np.float32), 20):
        overview.add_log_mel(part)
        overview.add_samples(part[:, 0])
    assert size_of(overview.drawn()) <= shelves.MAX_DRAWN_BYTES


def test_embeddings_are_as_small_as_their_shelf_counts_with():
    n = limits.MAX_FRAMES
    floats = np.zeros((n, 128), np.float32)
    every = np.zeros(n), floats.astype(np.uint8), floats, floats
    assert size_of(Embeddings("vggish", *every, 7_200.0, "a.wav")) <= shelves.MAX_EMBEDDINGS_BYTES


def test_walking_through_a_full_visit_reads_and_encodes_nothing_again(app, monkeypatch):
    files, opened = app.get("file_uploader")[0], []
    real = sounds.open_sound

    def open_sound(data, name, limits):
        opened.append(name)
        return real(data, name, limits)

    monkeypatch.setattr(sounds, "open_sound", open_sound)
    # Names of this test alone: what another visitor still has is not read again.
    names = [f"walked {number}.wav" for number in range(1, MAX_KEPT)]
    for number, name in enumerate(names):
        files.upload(name, wav(1.0 + number / 100))
    app.run()
    for number in range(MAX_KEPT):
        go(app, "visit")
        buttons = [button for button in app.button if button.label == "Choose"]
        buttons[number].click().run()
        go(app, "tag")
        assert app.get("audio") and not app.exception
    assert sorted(opened) == sorted(names)
