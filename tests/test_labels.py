"""The label set: AudioSet's 527 classes in the order of the released features."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.labels import audioset_labels, children_under_parents


def test_every_class_has_its_place_in_the_ontology_and_its_counts():
    labels = audioset_labels()
    assert [label.index for label in labels] == list(range(527))
    assert all(path[-1] == label.name for label in labels for path in label.paths)
    assert all(label.n_bal_train >= 50 and label.n_eval >= 59 for label in labels)
    assert sum(label.quality is None for label in labels) == 70


def test_speech_comes_first():
    speech = audioset_labels()[0]
    assert (speech.name, speech.mid) == ("Speech", "/m/09x0r")
    assert speech.paths == (("Human sounds", "Human voice", "Speech"),)


@given(st.lists(st.integers(0, 526), unique=True, max_size=60))
def test_children_go_under_parents_and_none_is_lost(ranking):
    ranking = [audioset_labels()[k] for k in ranking]
    families = children_under_parents(ranking)
    tops = [label for label, _ in families]
    assert {label.index for label in ranking} == {
        label.index for top, hidden in families for label in (top, *hidden)
    }
    assert not any(label.ancestors & {other.name for other in tops} for label in tops)
    assert all(top.name in label.ancestors for top, hidden in families for label in hidden)


def test_a_family_has_the_rank_of_its_best_member():
    by_name = {label.name: label for label in audioset_labels()}
    ranking = [by_name[name] for name in ("Siren", "Music", "Alarm", "Civil defense siren")]
    families = children_under_parents(ranking)
    assert [(top.name, [label.name for label in hidden]) for top, hidden in families] == [
        ("Alarm", ["Siren", "Civil defense siren"]),
        ("Music", []),
    ]


@pytest.mark.data
def test_names_and_ids_are_those_of_the_official_list(shared_data):
    with open(shared_data / "audioset/class_labels_indices.csv", newline="") as file:
        official = [(row["mid"], row["display_name"]) for row in csv.DictReader(file)]
    assert [(label.mid, label.name) for label in audioset_labels()] == official
