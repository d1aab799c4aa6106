"""The timeline of a sound that is still coming."""

from dataclasses import replace

import numpy as np
import pytest

from audioset_demo.charts.live import MAX_CLASSES, draw, heard_classes, live_timeline
from audioset_demo.encoders.compact import CompactEncoder
from audioset_demo.encoders.live import LiveSound
from audioset_demo.tagging import load_tagger

RATE = 16_000


@pytest.fixture(scope="module")
def sound() -> LiveSound:
    """A second of a tone, and a second and a quarter of silence."""
    tone = 8_000 * np.sin(np.arange(RATE) / 5)
    live = LiveSound(CompactEncoder())
    live.add(0, np.concatenate([tone, np.zeros(RATE * 5 // 4)]).astype(np.int16))
    return live


@pytest.fixture(scope="module")
def minute(sound):
    return load_tagger(encoder="compact").tag(sound.embeddings("live"))


def test_the_pictures_hold_all_that_came_the_tags_what_is_encoded(sound, minute):
    drawn = draw(sound)
    assert len(drawn.low) == len(drawn.log_mel) == 223 // 12
    assert drawn.high[:8].min() > 0.2 and drawn.low[:8].max() < -0.2
    assert not drawn.high[9:].any()
    assert drawn.log_mel[4].max() > drawn.log_mel[12].max() + 3
    timeline = live_timeline(sound, minute)
    assert (timeline["duration"], timeline["frames"], timeline["end"]) == (2.25, 2, 1.92)


def test_classes_that_were_heard_stand_in_the_order_of_their_names(minute):
    def heard(*scores: tuple[int, float]) -> list[int]:
        frame_scores = np.zeros((3, len(minute.labels)), np.float32)
        for k, score in scores:
            frame_scores[k % 3, k] = score
        return heard_classes(replace(minute, frame_scores=frame_scores))

    dog = next(label.index for label in minute.labels if label.name == "Dog")
    siren = next(label.index for label in minute.labels if label.name == "Siren")
    assert heard((siren, 0.9), (dog, 0.2)) == heard((siren, 0.2), (dog, 0.9)) == [dog, siren]
    assert heard((siren, 0.9), (dog, 0.09)) == [siren]
    assert heard((siren, 0.01)) == [siren]  # there is always a row
    assert len(heard(*((k, 0.5) for k in range(20)))) == MAX_CLASSES
