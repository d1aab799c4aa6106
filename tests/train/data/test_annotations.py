"""Clips of one's own: a table or folders say what is in each, and of which recording it is."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_demo.errors import DataError
from train.data.annotations import LabelledClip, clips_of_folders, clips_of_table, label_set
from train.data.excerpts import Excerpt


def table(folder: Path, *lines: str) -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_parts_several_labels_background_groups_and_folds_are_read_from_a_table(tmp_path):
    clips = clips_of_table(
        table(
            tmp_path,
            "file,label,onset,offset,group,fold",
            "day.wav,Rain,0,5,tuesday,1",
            "night.wav,background,,,,2",
            "day.wav,Wind,5.5,,,1",
            "day.wav,Wind,0,5,,1",
        )
    )
    assert clips == [
        LabelledClip(Excerpt("day.wav", 0, 5), ("Rain", "Wind"), "tuesday", "1"),
        LabelledClip(Excerpt("day.wav", 5.5), ("Wind",), "tuesday", "1"),
        LabelledClip(Excerpt("night.wav"), (), "night.wav", "2"),
    ]
    assert label_set(clips) == ["Rain", "Wind"]


def test_the_answers_of_a_review_are_labels_and_their_absence(tmp_path):
    clips = clips_of_table(
        table(
            tmp_path,
            "file,label,onset,offset,answer,mid,score,answered",
            "a.wav,Rain,0,0.96,yes,/m/06mb1,0.9,2024-05-01T10:00:00",
            "a.wav,Rain,9.6,10.56,No,/m/06mb1,0.8,2024-05-01T10:00:01",
            "a.wav,Wind,9.6,10.56,yes,/m/03m9d0z,0.8,2024-05-01T10:00:02",
            "b.wav,Rain,0,0.96,skip,/m/06mb1,0.7,2024-05-01T10:00:03",
            "c.wav,Owl,3,4,no,/m/09d5_,0.7,2024-05-01T10:00:04",
        )
    )
    assert [(clip.excerpt.name, clip.labels) for clip in clips] == [
        ("a.wav#t=0,0.96", ("Rain",)),
        ("a.wav#t=9.6,10.56", ("Wind",)),
        ("c.wav#t=3,4", ()),
    ]
    assert label_set(clips) == ["Rain", "Wind"]


def test_folders_are_classes_but_for_that_of_the_background(tmp_path):
    for name in (
        "Rain/a.wav",
        "Rain/deep/b_01.wav",
        "Owl/c.flac",
        "Background/d.wav",
        "Owl/.e.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "Rain" / "notes.txt").touch()
    assert clips_of_folders(tmp_path) == [
        LabelledClip(Excerpt("Background/d.wav"), (), "Background/d.wav"),
        LabelledClip(Excerpt("Owl/c.flac"), ("Owl",), "Owl/c.flac"),
        LabelledClip(Excerpt("Rain/a.wav"), ("Rain",), "Rain/a.wav"),
        LabelledClip(Excerpt("Rain/deep/b_01.wav"), ("Rain",), "b"),
    ]
    (tmp_path / "lost.wav").touch()
    with pytest.raises(DataError, match=r"lost\.wav is in no folder of a class"):
        clips_of_folders(tmp_path)


HEADER = "file,label,onset,offset,group,fold,answer"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a.wav,Owl,5,4"], "Line 2 of .* onset 5 and the offset 4. The offset must come after"),
        (["a.wav,Owl,,0"], "onset 0 and the offset 0"),
        (["a.wav,Owl,one"], "Line 2 of .* onset 'one'. Write seconds"),
        (["a.wav,Owl,-1"], "onset '-1'"),
        (["a.wav,Owl,0,nan"], "offset 'nan'"),
        (["a.wav,Owl,0,inf"], "offset 'inf'"),
        (["a.wav#t=1,Owl"], "Line 2 of .* a.wav#t=1, which ends as the name of a part"),
        (["a.wav,Owl,,,,,maybe"], "Line 2 of .* answer 'maybe'. Write yes, no or skip"),
        (["a.wav,Owl", "a.wav,Owl,,,,,no"], "Line 3 of .* says no to 'Owl', and line 2 the contr"),
        (["a.wav,Owl", "a.wav,background"], "Line 3 of .* and line 2 call .* background and 'Owl'"),
        (
            ["a.wav,Owl,,,x", "a.wav,Owl,3,,y"],
            "Line 3 .* a.wav into the group y, and line 2 into x",
        ),
        (["a.wav,Owl,,,x,1", "b.wav,Owl,,,x,2"], "Line 3 .* x into the fold 2, and line 2 into 1"),
        (["r_1.wav,Owl,,,,1", "r_2.wav,Owl,,,,2"], "Line 3 .* recording r into the fold 2"),
        (["a.wav,Owl,,,,1", "b.wav,Owl"], "Line 3 of .* has no fold, and others have"),
        (["a.wav,background"], "names no class: its 1 clips are all without a label"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused_by_line(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        clips_of_table(table(tmp_path, HEADER, *rows))


SECONDS = st.integers(0, 10**10).map(lambda micros: round(micros / 1e6, 6))


@settings(max_examples=200)
@given(st.text("ab#t=,.15", min_size=1), SECONDS, st.none() | SECONDS)
def test_an_excerpt_is_found_again_by_its_name(file, onset_s, offset_s):
    excerpt = Excerpt(file, onset_s, offset_s)
    if Excerpt.named(file).is_whole:
        assert Excerpt.named(excerpt.name) == excerpt
