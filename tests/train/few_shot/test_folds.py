"""Folds: no recording on both sides, classes spread, the order of the clips of no account."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from train.few_shot.folds import folds_of


@st.composite
def labelled(draw):
    n, k = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    labels = draw(st.lists(st.lists(st.booleans(), min_size=k, max_size=k), min_size=n, max_size=n))
    groups = draw(st.lists(st.integers(0, 12), min_size=n, max_size=n))
    return np.array(labels, bool), [f"recording {g}" for g in groups]


@given(labelled(), st.integers(2, 6), st.randoms(use_true_random=False))
def test_recordings_stay_whole_whatever_the_order(example, n_folds, random):
    labels, groups = example
    folds = folds_of(labels, groups, n_folds)
    of_group = {group: {f for f, g in zip(folds, groups, strict=True) if g == group}
                for group in groups}  # fmt: skip
    assert all(len(found) == 1 for found in of_group.values())
    assert set(folds) == set(range(min(n_folds, len(of_group))))
    order = list(range(len(groups)))
    random.shuffle(order)
    again = folds_of(labels[order], [groups[n] for n in order], n_folds)
    np.testing.assert_array_equal(again, folds[order])


@given(st.lists(st.integers(2, 9), min_size=2, max_size=5), st.integers(2, 5))
def test_each_class_is_in_as_many_folds_as_can_be(counts, n_folds):
    classes = np.repeat(np.arange(len(counts)), counts)
    folds = folds_of(np.eye(len(counts), dtype=bool)[classes], list(map(str, range(len(classes)))),
                     n_folds)  # fmt: skip
    for k, n in enumerate(counts):
        assert len(set(folds[classes == k])) == min(n, n_folds)
