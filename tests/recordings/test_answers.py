"""Answers: kept one by one, whole at any moment, and never in the recordings."""

import csv
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.errors import StorageError
from audioset_demo.recordings.answers import COLUMNS, Answers
from tests.recordings.toy_finds import finds_of

FINDS = finds_of([0.9, 0.5, 0.1])
steps = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 2), st.sampled_from(["yes", "no", "skip"])), st.just("undo")
    ),
    max_size=12,
)


@given(steps)
def test_answers_are_those_given_last_and_undo_takes_the_last_one_back(tmp_path_factory, steps):
    answers, expected = Answers(tmp_path_factory.mktemp("out") / "out"), {}
    for step in steps:
        if step == "undo":
            assert answers.undo() == (expected.popitem()[0] if expected else None)
        else:
            find, answer = FINDS[step[0]], step[1]
            answers.give(find, answer)
            expected.pop(find.key, None)
            expected[find.key] = answer
        assert list(answers.given().items()) == list(expected.items())


def test_the_table_is_one_that_training_reads(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    answers = Answers(out)
    answers.give(FINDS[0], "yes")
    assert list(out.iterdir()) == []
    with open(tmp_path / "out.answers.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == list(COLUMNS)
    assert list(row.values())[:7] == ["/r/0.wav", "class 0", "0.0", "1.0", "yes", "/m/0", "0.9"]


PROGRAM = """
import os, signal, sys
from pathlib import Path
from audioset_demo.recordings.answers import Answers
from tests.recordings.toy_finds import finds_of
replace, calls = os.replace, iter(range(1, 100))
def dying(*paths):
    if next(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*paths)
os.replace = dying
finds, answers = finds_of([0.9, 0.5, 0.1]), Answers(Path(sys.argv[1]))
for n in range(3):
    answers.give(finds[n], "yes")
    print(n, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills itself: POSIX")
def test_a_process_that_is_killed_loses_no_answer_that_it_had_taken(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "out"), "3"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout.split(), done.returncode) == (["0", "1"], -9)
    answers = Answers(tmp_path / "out")
    assert list(answers.given()) == [FINDS[0].key, FINDS[1].key]
    answers.give(FINDS[2], "no")
    assert len(answers.given()) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\n", "has no column 'onset'"),
        (",".join(COLUMNS) + "\na.wav,Dog,soon,1,yes,,,\n", "line 2, holds no onset"),
        (",".join(COLUMNS) + "\na.wav,Dog,0,1,perhaps,,,\n", "neither yes, no nor skip"),
    ],
)
def test_a_table_that_cannot_be_read_is_left_as_it_is(tmp_path, text, message):
    path = tmp_path / "out.answers.csv"
    path.write_text(text)
    with pytest.raises(StorageError, match=message):
        Answers(tmp_path / "out").give(FINDS[0], "yes")
    assert path.read_text() == text
