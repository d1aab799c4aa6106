"""Names of recordings: unique, no longer than necessary, and printable on one line."""

import os

from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.names import distinct_names, one_line, without_spaces

PARTS = ["a", "b", "a b", "a_b", "rec.wav", "rec\t.wav", "rec\udcff.wav", "..", "."]
PATHS = st.lists(st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("/".join), max_size=6)


@given(PATHS, st.sampled_from([one_line, without_spaces]))
def test_two_paths_share_a_name_if_and_only_if_they_are_one(paths, write):
    names = distinct_names(paths, write)
    places = [os.path.abspath(path) for path in paths]
    assert len(names) == len(paths)
    assert len(set(names)) == len(set(places)) == len(set(zip(names, places, strict=True)))
    for name in names:
        assert name.isprintable() and name == write(name) and name.encode("utf-8")


def test_a_name_has_only_the_folders_that_it_needs():
    paths = ["x/north/rec.wav", "/y/south/rec.wav", "x/talk.wav", "./x/north/rec.wav", "a b.wav"]
    names = ["north/rec.wav", "south/rec.wav", "talk.wav", "north/rec.wav", "a b.wav"]
    assert distinct_names(paths) == names
    # A relative path lies in a folder as well, whose name may be what distinguishes it.
    here = os.path.basename(os.getcwd())
    assert distinct_names(["rec.wav", "x/rec.wav"]) == [f"{here}/rec.wav", "x/rec.wav"]


def test_a_field_of_a_line_has_no_spaces_and_no_quotes():
    assert without_spaces('my  "best"\trec\n1.wav') == "my_best_rec_1.wav"
    assert distinct_names(["a b.wav", "a_b.wav"], without_spaces) == ["a_b.wav", "a_b.wav_"]
