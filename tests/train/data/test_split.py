"""Splits: one recording is never on both sides, whatever the order of its clips."""

import hashlib

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.errors import DataError
from tests.train.toy_features import write_features
from train.data.clips import ClipsInMemory
from train.data.features import FeatureFile, FeatureSet, load_features
from train.data.folds import check_groups, folds_of, named_folds
from train.data.split import halves, held_out

CLASSES = ("bell", "owl", "rain")


def features_of(groups: list[str], folds: list[str] | None = None) -> FeatureSet:
    """A clip of each group; clip i is of class i mod 3."""
    n = len(groups)
    file = FeatureFile(
        counts=(("own", n),),
        clips=ClipsInMemory(np.zeros((n, 1, 128), np.uint8)),
        packed_labels=np.packbits(np.eye(3, dtype=bool)[np.arange(n) % 3], axis=1),
        n_frames=np.ones(n, np.int64),
        video_ids=np.array([f"clip{i}".encode() for i in range(n)]),
        groups=np.array([group.encode() for group in groups]),
        folds=None if folds is None else np.array([fold.encode() for fold in folds]),
        n_classes=3,
        labels=CLASSES,
        encoder="compact",
    )
    return FeatureSet(file, np.arange(n), "own")


SIDES = (held_out, halves)
NAMES = st.lists(st.integers(0, 30).map("rec{}".format), min_size=1, max_size=60)


@given(NAMES, st.randoms())
def test_a_recording_is_on_one_side_and_the_order_of_clips_changes_nothing(groups, random):
    features = features_of(groups)
    order = random.sample(range(len(groups)), len(groups))
    for side_of in SIDES:
        sides = side_of(features)
        assert len({*zip(groups, sides.tolist(), strict=True)}) == len(set(groups))
        assert np.array_equal(side_of(features_of([groups[i] for i in order])), sides[order])


def test_clips_without_a_group_are_split_by_their_ids_as_ever(tmp_path):
    features = load_features(write_features(tmp_path / "own.h5"))
    first_bytes = [hashlib.sha256(name).digest()[:8] for name in features.video_ids]
    expected = [int.from_bytes(digest, "big") % 10 == 0 for digest in first_bytes]
    assert held_out(features).tolist() == expected and any(expected)


def test_groups_and_folds_are_kept_when_files_are_joined(tmp_path):
    files = [write_features(tmp_path / f"{name}.h5", n_clips=4) for name in ("one", "two")]
    with h5py.File(files[0], "a") as file:
        file["group_list"] = [b"x", b"x", b"longer name", b"z"]
        file["fold_list"] = [b"1", b"1", b"2", b"2"]
    both = load_features(files)
    assert both.groups.tolist()[:5] == [b"x", b"x", b"longer name", b"z", b"clip000"]
    assert both.folds is None
    assert load_features(files[0]).folds.tolist() == [b"1", b"1", b"2", b"2"]


LABELLED = st.lists(
    st.tuples(st.integers(0, 12).map("rec{}".format), st.sets(st.integers(0, 2))),
    min_size=1,
    max_size=40,
)


def labels_of(clips) -> np.ndarray:
    return np.array([[k in classes for k in range(3)] for _, classes in clips])


@given(LABELLED, st.integers(2, 6), st.randoms())
def test_folds_hold_whole_recordings_and_spread_each_class_whatever_the_order(clips, n, random):
    groups, labels = [group for group, _ in clips], labels_of(clips)
    folds = folds_of(labels, groups, n)
    assert len({*zip(groups, folds.tolist(), strict=True)}) == len(set(groups))
    assert folds.max() < min(n, len(set(groups)))
    for has in labels.T:
        if len({group for group, one in zip(groups, has, strict=True) if one}) > 1:
            only_class = (labels.sum(axis=1)[has] == 1).all()
            assert len(set(folds[has])) > 1 or not only_class
    order = random.sample(range(len(clips)), len(clips))
    shuffled = folds_of(labels[order], [groups[i] for i in order], n)
    assert np.array_equal(shuffled, folds[order])


def test_a_class_of_one_recording_is_refused_by_name():
    labels = np.array([[1, 0], [1, 1], [0, 1]], bool)
    with pytest.raises(DataError, match="'owl' has 2 clips of one recording, 'b', and needs two"):
        check_groups(labels, ["a", "b", "b"], ["bell", "owl"])


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (["1", "2", "1", "1", "1", "2"], "recording 'a' is in the folds 1 and 2 of own"),
        (["1", "1", "1", "1", "1", "1"], "All clips of own are in the fold 1"),
        (["1", "1", "2", "1", "2", "1"], "All 2 clips of the class 'bell' are in the fold 1"),
        (["", "1", "2", "2", "1", "1"], "1 of the 6 clips of own are in no fold"),
    ],
)
def test_folds_that_were_given_are_refused_where_they_cannot_be_used(folds, message):
    with pytest.raises(DataError, match=message):
        named_folds(features_of(["a", "a", "c", "d", "e", "f"], folds), 5, CLASSES)


def test_folds_that_were_given_are_taken():
    folds = ["one", "one", "two", "two", "two", "one"]
    found = named_folds(features_of(["a", "a", "c", "d", "e", "f"], folds), 5, CLASSES)
    assert found.tolist() == folds
