"""AudioSet's ontology: its paths, or a refusal."""

import json

import pytest

from audioset_demo.errors import DataError
from train.data.label_tables import label_rows

COUNTS = "index,mid,display_name,quality,num_rated\n0,/m/a,Sound,1,5\n1,/m/b,Bell,0.5,0\n"
SOUND = {"id": "/m/a", "name": "Sound", "child_ids": ["/m/b"]}
BELL = {"id": "/m/b", "name": "Bell", "child_ids": []}


def rows(folder, ontology: bytes, counts: str = COUNTS) -> list[dict]:
    (folder / "counts.csv").write_text(counts)
    (folder / "ontology.json").write_bytes(ontology)
    return label_rows(folder / "counts.csv", folder / "ontology.json")


def test_a_class_has_its_path_and_only_a_rated_one_its_quality(tmp_path):
    found = rows(tmp_path, json.dumps([SOUND, BELL]).encode())
    assert [row["paths"] for row in found] == ["Sound", "Sound > Bell"]
    assert [row["quality"] for row in found] == ["1", ""]


@pytest.mark.parametrize(
    "ontology",
    [
        b"[",
        b"\xff",
        b"[" * 200_000,
        b"5",
        b"[5]",
        json.dumps([SOUND]).encode(),  # a child is missing
        json.dumps([{**SOUND, "name": None}, BELL]).encode(),
        json.dumps([{**SOUND, "child_ids": [[]]}, BELL]).encode(),
        json.dumps([SOUND, {**BELL, "child_ids": ["/m/b"]}]).encode(),  # below itself
    ],
)
def test_a_damaged_ontology_is_refused_by_name(tmp_path, ontology):
    with pytest.raises(DataError, match="ontology.json is not AudioSet's ontology"):
        rows(tmp_path, ontology)


def test_a_class_that_the_ontology_lacks_is_refused_by_its_line(tmp_path):
    with pytest.raises(DataError, match="Line 4 of .*counts.csv names /m/c, which"):
        rows(tmp_path, json.dumps([SOUND, BELL]).encode(), COUNTS + "2,/m/c,Siren,1,5\n")
