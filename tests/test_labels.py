"""The label set: AudioSet's 527 classes in the order of the released features."""

import csv

import pytest

from audioset_demo.labels import audioset_labels


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


@pytest.mark.data
def test_names_and_ids_are_those_of_the_official_list(shared_data):
    with open(shared_data / "audioset/class_labels_indices.csv", newline="") as file:
        official = [(row["mid"], row["display_name"]) for row in csv.DictReader(file)]
    assert [(label.mid, label.name) for label in audioset_labels()] == official
