"""Figures of the compact encoder on sounds that were held out."""

import numpy as np
import pytest

from audioset_demo.labels import audioset_labels
from train.compact_encoder import evaluate, held_out
from train.compact_encoder.sounds.categories import CategoryTable


def test_hit_rates_count_clips_with_an_expected_class_near_the_top():
    scores = np.zeros((4, 20))
    scores[0, 3] = scores[1, 7] = 1  # first
    scores[2, [10, 11, 3]] = [0.9, 0.8, 0.7]  # third
    scores[3, 10:16] = 1  # below six others
    scores[3, 7] = 0.5
    clips = [held_out.Sound(None, row, (3, 7), "Dog") for row in scores]
    rates = evaluate.hit_rates(lambda clip: (clip.examples, None), clips)
    assert (rates["top1"], rates["top5"], rates["top10"]) == (0.5, 0.75, 1.0)
    assert rates["categories"]["Dog"]["clips"] == 4


def test_of_a_category_that_is_a_class_its_parents_and_children_count_too():
    table = CategoryTable(audioset_labels())
    names = [label.name for label in audioset_labels()]
    hits = held_out.hits(table.find("Dog", ""), audioset_labels())
    assert {"Dog", "Bark", "Domestic animals, pets"} <= {names[k] for k in hits}
    assert "Animal" not in {names[k] for k in hits}
    church_bells = table.find("Church bells", "")
    assert held_out.hits(church_bells, audioset_labels()) == church_bells.expected


def test_below_the_score_of_half_wrong_at_least_half_of_the_top_tags_are_wrong():
    rng = np.random.default_rng(0)
    clips, right = [], 0
    for place in range(400):
        top = rng.uniform(0.1, 1)
        hit = rng.random() < top  # the surer, the oftener right
        scores = np.array([top, 0.0] if hit else [0.0, top])
        clips.append(held_out.Sound(None, scores, (0,), "", trained=place % 4 > 0))
        right += hit
    figures = evaluate.sureness(lambda clip: (clip.examples, None), clips)
    half = figures["half_wrong_below"]
    assert 0.35 < half < 0.65
    below = [clip.examples for clip in clips if clip.examples.max() < half]
    assert np.mean([scores[1] > 0 for scores in below]) >= 0.5
    wrong = [row["wrong"] for row in figures["coverage"]]
    assert wrong[0] == round(1 - right / 400, 4) and wrong == sorted(wrong, reverse=True)
    assert figures["unknown"]["clips"] == 100
    assert 0 < figures["unknown"]["wrong_and_sure"] < figures["unknown"]["wrong"]


@pytest.mark.parametrize(("right", "half"), [(True, 0.0), (False, 1.0)])
def test_what_is_always_right_is_never_unsure_and_what_is_always_wrong_always(right, half):
    scores = np.array([[0.3, 0.0], [0.6, 0.0]])
    clips = [held_out.Sound(None, row, (0,) if right else (1,), "") for row in scores]
    figures = evaluate.sureness(lambda clip: (clip.examples, None), clips)
    assert figures["half_wrong_below"] == half


def test_a_sequence_is_right_where_each_sound_scores_highest_in_its_own_part():
    frames = np.zeros((9, 3))  # frames of 0.96 s: the parts are 0 to 2, 3 to 5, and 6 to 8
    frames[[1, 3, 2], [0, 1, 2]] = 1  # the third sound in the part of the first
    sequence = held_out.Sequence(held_out.Sound(None, frames, (), ""), ((0,), (1,), (2,)))
    rates = evaluate.in_time(lambda sound: (None, sound.examples), [sequence])
    assert rates == {"sounds": 3, "in_own_part": 0.6667}


def test_silence_and_noise_are_calm_where_nothing_else_scores_high():
    def sound(scores):
        return held_out.Sound(None, np.array(scores), (0,), "silence")

    figures = evaluate.calmness(
        lambda sound: (sound.examples, None), [sound([0.9, 0.1]), sound([0.2, 0.3])]
    )
    assert figures == {
        "sounds": 2,
        "silence_or_noise_first": 0.5,
        "greatest_other_score": 0.3,
    }
