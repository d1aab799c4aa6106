"""`tag` and `embed` on a folder: its tables hold what each file alone gives."""

import csv
import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from audioset_demo import load_tagger
from audioset_demo.audio.samples import synthesise
from audioset_demo.cli import main
from audioset_demo.events import find_events
from tests.sounds import by_libsndfile, file_of

ODD = os.fsdecode(b"two\nlines \xff.wav")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> Path:
    """Two sounds, one of them at a depth, an odd name, and what is no sound."""
    folder = tmp_path_factory.mktemp("recordings")
    siren, rain = synthesise("siren").samples, synthesise("rain").samples
    files = {
        "SITE_20240131_235958.wav": by_libsndfile(np.concatenate([rain[:80_000], siren[:80_000]])),
        "deep/rain.flac": file_of(synthesise("rain"), "FLAC"),
        "broken.wav": b"this is not a sound",
    }
    if sys.platform == "linux":
        files[ODD] = by_libsndfile(siren[: 3 * 16_000])
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def run(*words) -> int:
    return main([*map(str, words), "--encoder", "compact"])


@pytest.fixture(scope="module")
def out(recordings) -> Path:
    """Within the folder itself."""
    out = recordings / "out"
    words = ("tag", recordings, "--recursive", "--output", out, "--format", "raven")
    assert run(*words, "--jobs", "2") == 1
    return out


def table(out: Path, name: str = "table.csv") -> list[dict[str, str]]:
    with open(out / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_of_the_table_is_an_event_of_one_file_as_that_file_alone_has_it(recordings, out):
    tagger = load_tagger(encoder="compact")
    expected = []
    paths = sorted((path for path in recordings.rglob("*.*") if out not in path.parents), key=str)
    for path in sorted(map(str, paths), key=os.fsencode):
        if "broken" in path:
            continue
        tagging = tagger.tag(path, top=10)
        for event in find_events(tagging, tagging.top(10)):
            expected.append((path, event.start_s, event.end_s, event.label, event.score))
    rows = table(out)
    assert len(rows) == len(expected) > 10
    for row, (path, start_s, end_s, label, score) in zip(rows, expected, strict=True):
        assert row["file"] == path.replace("\udcff", r"\udcff")
        assert (row["label"], row["mid"]) == (label.name, label.mid)
        assert float(row["start_s"]) == pytest.approx(start_s)
        assert float(row["end_s"]) == pytest.approx(end_s)
        assert float(row["score"]) == pytest.approx(score, abs=1e-5)
        assert row["encoder"] == "compact encoder (not VGGish)"
    later = next(row for row in rows if "SITE" in row["file"] and float(row["start_s"]) > 2)
    assert later["start_time"].startswith("2024-02-01T00:00:0")
    assert parquet.read_table(out / "table.parquet").num_rows == len(rows)


def test_what_could_not_be_read_and_what_was_stand_in_lists(recordings, out):
    (failure,) = table(out, "failed.csv")
    assert failure["file"] == str(recordings / "broken.wav")
    assert "holds text, not sound" in failure["error"]
    files = table(out, "files.csv")
    assert [float(row["duration_s"]) for row in files if "deep" in row["file"]] == [10]
    assert sum(int(row["rows"]) for row in files) == len(table(out))


def test_each_file_has_a_selection_table_of_the_same_events(out):
    (path,) = (out / "raven").glob("SITE_20240131_235958-*.selections.txt")
    rows = list(csv.DictReader(io.StringIO(path.read_text()), delimiter="\t"))
    mine = [row for row in table(out) if "SITE" in row["file"]]
    assert [row["Label"] for row in rows] == [row["label"] for row in mine]
    for row, event in zip(rows, mine, strict=True):
        assert float(row["Begin Time (s)"]) == float(event["start_s"])
        assert float(row["End Time (s)"]) == float(event["end_s"])
        assert row["Begin File"] == "SITE_20240131_235958.wav" and row["View"] == "Spectrogram 1"
    assert [row["Selection"] for row in rows] == [str(n + 1) for n in range(len(rows))]


def test_the_same_command_does_nothing_again_and_another_is_refused(recordings, out, capsys):
    before = {path: path.stat().st_mtime_ns for path in out.glob("results/*/*")}
    words = ("tag", recordings, "--recursive", "--output", out, "--format", "raven")
    assert run(*words, "--threshold", "0.5") == 1
    assert "made with no --threshold; this run has --threshold 0.5" in capsys.readouterr().err
    assert run("embed", recordings, "--recursive", "--output", out) == 1
    assert "made with the command tag" in capsys.readouterr().err
    (recordings / "broken.wav").rename(recordings / "broken.txt")
    for path in before:
        if "broken" in path.name:
            path.unlink()
    assert run(*words) == 0  # without a process: there is nothing to do
    after = {path: path.stat().st_mtime_ns for path in out.glob("results/*/*")}
    assert after == {path: time for path, time in before.items() if "broken" not in path.name}
    (recordings / "broken.txt").rename(recordings / "broken.wav")


def test_probabilities_stand_beside_the_scores_where_they_are_asked_for(recordings, tmp_path):
    path = recordings / "deep" / "rain.flac"
    words = ("tag", path, "--output", tmp_path / "out", "--rows", "clip", "--format", "raven")
    assert run(*words, "--jobs", "1", "--calibrated", "--prior", "audioset") == 0
    tagger = load_tagger(encoder="compact")
    tagging = replace(tagger.tag(path), prior=tagger.prior("audioset"))
    expected = {
        label.name: p for label, p in zip(tagging.labels, tagging.probabilities, strict=True)
    }
    for row in table(tmp_path / "out"):
        assert float(row["probability"]) == pytest.approx(expected[row["label"]], rel=1e-4)


@pytest.mark.parametrize("rows", ["clip", "frame"])
def test_named_classes_are_kept_at_any_rank_a_row_a_clip_or_a_frame(recordings, tmp_path, rows):
    path = recordings / "deep" / "rain.flac"
    classes = ("Harp", "/M/06MB1", "harp")
    words = ("tag", path, "--output", tmp_path / "out", "--rows", rows, "--format", "json")
    assert run(*words, "--jobs", "1", "--classes", *classes) == 0
    found = table(tmp_path / "out")
    tagging = load_tagger(encoder="compact").tag(path)
    scores = {label.name: k for k, label in enumerate(tagging.labels)}
    assert {row["label"] for row in found} == {"Harp", "Rain"}
    assert len(found) == (2 if rows == "clip" else 20)
    for row in found:
        k = scores[row["label"]]
        at = round(float(row["start_s"]) / 0.96)
        expected = tagging.scores[k] if rows == "clip" else tagging.frame_scores[at, k]
        assert float(row["score"]) == pytest.approx(expected, abs=1e-5)
    (record,) = (tmp_path / "out" / "json").iterdir()
    record = json.loads(record.read_text())
    assert record["file"] == str(path)
    assert [tag["label"] for tag in record["tags"]] == ["Rain", "Harp"]


def test_one_clip_keeps_named_classes_and_unknown_ones_are_refused_with_near_ones(
    recordings, capsys
):
    path = recordings / "deep" / "rain.flac"
    assert run("tag", path, "--format", "csv", "--classes", "Harp", "Rain") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["label"] for row in rows] == ["Rain", "Harp"]
    assert run("tag", path, "--format", "raven", "--classes", "Harp") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1  # not heard, and so no event
    assert run("tag", path, "--classes", "Hrap") == 1
    assert "no class 'Hrap'" in (err := capsys.readouterr().err) and "Harp" in err


def test_embed_writes_a_file_for_each_recording_and_lists_them(recordings, tmp_path):
    out = tmp_path / "out"
    assert run("embed", recordings / "deep", "--output", out, "--jobs", "1", "--hop", "0.48") == 0
    (row,) = table(out, "files.csv")
    with np.load(out / row["embeddings"]) as arrays:
        assert arrays["quantised"].shape == (int(row["frames"]), 128)
        expected = load_tagger(encoder="compact").encode(recordings / "deep/rain.flac", 0.48)
        assert np.array_equal(arrays["quantised"], expected.quantised)
    assert not (out / "table.csv").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("tag FOLDER", "is a folder. Add --output OUT"),
        ("tag FOLDER/broken.wav --jobs 2", "--jobs is of use with a folder of results only"),
        ("tag FOLDER/broken.wav --rows clip", "--rows is of use with a folder of results only"),
        ("embed FOLDER --output OUT.npz", "is a folder. Add --output OUT"),
        ("embed FOLDER --output OUT.wav", "ends in '.wav'. Give a name that ends in .npz or .h5"),
        ("tag FOLDER/nothing*.wav --output OUT", "There is no file or folder"),
        ("tag FOLDER --output FOLDER", "holds the recordings and cannot hold their results"),
        ("tag FOLDER --output OUT.csv", "ends as a file does"),
        ("tag FOLDER --output OUT --fast", "--fast is for VGGish"),
        ("tag FOLDER/broken.wav --fast", "--fast is for VGGish"),
        ("tag FOLDER --output OUT --occlusion", "--format table cannot hold"),
        ("tag FOLDER --output OUT --model nothing", "There is no model 'nothing'"),
    ],
)
def test_what_cannot_work_is_refused_before_the_work(recordings, tmp_path, capsys, words, message):
    places = {"FOLDER": str(recordings), "OUT": str(tmp_path / "out")}
    for name, place in places.items():
        words = words.replace(name, place)
    assert run(*words.split()) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["0/3", "4/3", "a/3", "3", "1/2/3"])
def test_a_shard_is_one_of_several(text, capsys):
    with pytest.raises(SystemExit):
        main(["tag", "rec", "--output", "out", "--shard", text])
    assert f"'{text}' is not one of several parts" in capsys.readouterr().err
