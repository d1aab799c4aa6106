"""Tables that users write: a table from a spreadsheet is read like a plain one, and an error names
the line."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audioset_demo.errors import DataError
from audioset_demo.labels import audioset_labels
from audioset_demo.storage import csv_text
from train.compact_encoder.sounds.categories import CategoryTable
from train.compact_encoder.sounds.recordings import read_recordings
from train.data.annotations import clips_of_table
from train.data.tables import read_table

PAIRS = {"a.wav": ["Dog", "Rain"], "b.wav": ["Rain"]}
PLAIN = "file,label\na.wav,Dog\na.wav,Rain\nb.wav,Rain\n"


def read_labels(path: Path) -> dict[str, list[str]]:
    return {clip.excerpt.name: list(clip.labels) for clip in clips_of_table(path)}


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\n\n") + ",\n , \n",
        PLAIN.replace(",", " , "),
        PLAIN.replace("Dog", '"Dog"').replace(",", ", ").replace("file", '"file"'),
        PLAIN.replace("file,label", " File ,LABEL"),
        PLAIN.replace("\n", ",,\n"),
        "n,label,file\n1,Dog,a.wav\n2,Rain,a.wav\n3,Rain,b.wav\n",
        PLAIN + "b.wav,Rain\na.wav,Dog \n",
        "\n\n" + PLAIN,
        PLAIN.removesuffix("\n"),
    ],
)
def test_what_a_spreadsheet_does_to_a_table_changes_nothing(tmp_path, content):
    assert read_labels(write(tmp_path / "labels.csv", content)) == PAIRS


def test_labels_that_differ_in_spaces_or_accent_encoding_are_one(tmp_path):
    table = "file,label\na,Caf\u00e9  bar\nb, Cafe\u0301 bar\nc,\u00a0Caf\u00e9 bar\n"
    labels = read_labels(write(tmp_path / "labels.csv", table))
    assert {label for each in labels.values() for label in each} == {"Caf\u00e9 bar"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.lists(
        st.tuples(*[st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1)] * 2),
        min_size=1, max_size=5,
    ),
    st.sampled_from([",", ";", "\t"]),
)  # fmt: skip
def test_any_text_comes_back_as_it_was_written(tmp_path, rows, delimiter):
    content = csv_text(("file", "label"), rows)
    if delimiter != ",":
        rows = [tuple(cell.replace(",", "").replace('"', "") or "x" for cell in r) for r in rows]
        rows = [tuple(cell.replace(delimiter, "") or "x" for cell in row) for row in rows]
        content = csv_text(("file", "label"), rows).replace(",", delimiter)
    found = read_table(write(tmp_path / "own.csv", content), needed=("file", "label"))
    assert [(row["file"], row["label"]) for row in found] == rows
    assert [row.line for row in found] == list(range(2, len(rows) + 2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PLAIN + "c.wav\n", "Line 5 of .* has no label"),
        (PLAIN + "c.wav,  \n", "Line 5 of .* has no label"),
        (PLAIN + "\n\n,Dog\n", "Line 7 of .* has no file"),
        ('file,label\n"a\n.wav",Dog\nb.wav\n', "Line 4 of .* has no label"),
        (PLAIN + "c.wav,Bee, wasp, etc.\n", "Line 5 of .* has 4 cells, and the header has 2"),
        (PLAIN + 'c.wav,"Dog\nd.wav,Rain\n', "Line 5 of .* cannot be read as CSV .* double quotes"),
        ("file,sound\na.wav,Dog\n", "columns file and label, and its first line has file, sound"),
        ("a.wav,Dog\nb.wav,Rain\n", "columns file and label, and its first line has a.wav, dog"),
        ("file,label,Label\na.wav,Dog,Rain\n", "column label twice"),
        ("file,label\n", "a header and no rows"),
        ("", "its first line has nothing"),
        ("\n \n", "its first line has nothing"),
        (PLAIN.encode("utf-16"), "UTF-16.* Save it as CSV in UTF-8"),
        (PLAIN.encode("utf-16-le"), "UTF-16"),
        (PLAIN.encode() + "c.wav,Café\n".encode("latin-1"), "line 5 holds the byte 0xe9"),
    ],
)
def test_a_table_that_is_wrong_is_refused_by_name_and_line(tmp_path, content, message):
    path = write(tmp_path / "labels.csv", content)
    with pytest.raises(DataError, match=message) as caught:
        read_labels(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["gone.csv", "", "\0.csv"])
def test_a_missing_table_is_refused_by_name(tmp_path, name):
    with pytest.raises(DataError, match="The table .* cannot be read"):
        read_labels(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("category,files\nBarking,*.wav\n", "columns category and classes"),
        ("category,classes\nBarking,\n", "Line 2 of .* has no classes"),
        ("category,classes\n,Dog\n", "Line 2 of .* has no category"),
        ("category,classes\nBarking,Dgo\n", "Line 2 of .* names 'Dgo' for the category 'Barking'"),
        ("category,classes\nBarking,Dog\nBarking,Bark\n", "Line 3 of .* names .* 'Barking' again"),
        ("category,classes,weight\nBarking,Dog,much\n", "Line 2 of .* has the weight 'much'"),
        ("category,classes,weight\nBarking,Dog,0\n", "Line 2 of .* has the weight '0'"),
        ("category,classes,weight\nBarking,Dog,nan\n", "Line 2 of .* has the weight 'nan'"),
        ("category,classes,excerpts\nTalk,Speech,voice\n", "excerpts 'voice'. Write speech or"),
    ],
)
def test_a_table_of_categories_that_is_wrong_is_refused_by_line(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        CategoryTable(audioset_labels(), write(tmp_path / "own.csv", content))


def test_a_table_of_categories_may_come_from_a_spreadsheet(tmp_path):
    content = "\ufeffCategory;Classes;Also\r\n Barking ;Dog | Bark;\r\n;;\r\n"
    (category,) = CategoryTable(audioset_labels(), write(tmp_path / "own.csv", content)).categories
    names = [audioset_labels()[index].name for index in category.classes]
    assert (category.name, names) == ("Barking", ["Dog", "Bark"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,category\na.wav,Dog\n", "columns file"),
        ("file,category\na.wav,Dog\n,Dog\n", "Line 3 of .* has no file"),
        ("file,category\nb.wav,Dog\n", "Line 2 of .* lists b.wav, but there is no file"),
    ],
)
def test_a_list_of_recordings_that_is_wrong_is_refused_by_line(tmp_path, content, message):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.wav").touch()
    write(tmp_path / "own.csv", content)
    with pytest.raises(DataError, match=message):
        read_recordings(tmp_path, CategoryTable(audioset_labels()), 0.2)


def test_the_tables_of_the_cases_are_read_or_refused_by_line(shared_data):
    cases = shared_data / "cases"
    assert read_labels(cases / "labels_bom.csv") == {"s.wav": ["chirp"], "b.wav": ["down"]}
    with pytest.raises(DataError, match="Line 3 of .* has no label"):
        read_labels(cases / "labels_short_row.csv")
