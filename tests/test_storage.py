"""Writing files: valid JSON; paths checked before the work; inputs never overwritten."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioset_demo
from audioset_demo.errors import StorageError
from audioset_demo.storage import (
    check_output,
    folder_of,
    json_text,
    new_folder,
    parse_json,
    write_atomically,
    write_json,
)

# Surrogates stand in names of files that are not UTF-8.
TEXTS = st.text() | st.text(st.characters(categories=["Cs", "L"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=8,
)


def no_constant(name: str):
    raise AssertionError(f"{name} is no JSON")


def without_non_finite(value):
    if isinstance(value, dict):
        return {key: without_non_finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_non_finite(item) for item in value]
    return None if value in (float("inf"), -float("inf")) or value != value else value


@given(VALUES, st.sampled_from([None, 1]))
def test_json_is_valid_utf_8_and_holds_what_was_given(value, indent):
    text = json_text(value, indent).encode("utf-8").decode("utf-8")
    assert json.loads(text, parse_constant=no_constant) == without_non_finite(value)


def test_older_files_with_infinity_are_read_as_having_no_figure():
    assert parse_json('{"d_prime": Infinity, "loss": [NaN, -Infinity, 1.5]}') == {
        "d_prime": None,
        "loss": [None, None, 1.5],
    }


def test_a_json_file_ends_its_last_line(tmp_path):
    write_json(tmp_path / "figures.json", {"AUC": 1.0, "of": "Käfer"})
    text = (tmp_path / "figures.json").read_text(encoding="utf-8")
    assert text == '{\n "AUC": 1.0,\n "of": "Käfer"\n}\n'


def test_what_cannot_be_written_is_refused_and_leaves_no_trace(tmp_path):
    sound = tmp_path / "a.wav"
    sound.write_bytes(b"sound")
    os.mkfifo(tmp_path / "pipe.npz")
    for path, message in (
        (tmp_path, "is a folder"),
        (tmp_path / "nowhere" / "out.npz", "folder .*nowhere does not exist"),
        (tmp_path / "a.wav" / "out.npz", "folder .*a.wav does not exist"),
        (tmp_path / "pipe.npz", "not a regular file"),
        (tmp_path / f"{'x' * 300}.npz", "cannot be written .*too long"),
        (tmp_path / "." / "a.wav", "one of the inputs"),
    ):
        with pytest.raises(StorageError, match=message):
            check_output(path, inputs=[sound, tmp_path / "missing.wav"])
    check_output(tmp_path / "out.npz", inputs=[sound])
    check_output(tmp_path / "made" / "out.npz", make_folder=True)
    assert sound.read_bytes() == b"sound"
    assert {path.name for path in tmp_path.iterdir()} == {"a.wav", "pipe.npz", "made"}


def test_a_folder_that_refuses_files_is_found_before_the_work(monkeypatch, tmp_path):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(StorageError, match="out.npz cannot be written .Permission denied"):
        check_output(tmp_path / "out.npz")


def test_a_folder_named_by_a_variable_is_the_same_from_any_place(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for named, folder in (
        ("data", tmp_path / "data"),
        ("./a/../data/", tmp_path / "data"),
        ("~/cache", tmp_path / "home" / "cache"),
        (str(tmp_path), tmp_path),
        ("", None),
    ):
        monkeypatch.setenv("FOLDER", named)
        assert folder_of("FOLDER") == folder
    monkeypatch.delenv("FOLDER")
    assert folder_of("FOLDER") is None


def test_caches_and_data_are_looked_for_where_the_variables_say(tmp_path, monkeypatch):
    from audioset_demo.embeddings.similar_clips import released_file
    from audioset_demo.encoders.vggish.weights import cache_dir

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", "~/cache")
    assert cache_dir() == tmp_path / "cache"
    packed = tmp_path / "data" / "audioset" / "eval.h5"
    packed.parent.mkdir(parents=True)
    packed.touch()
    monkeypatch.setenv("AUDIOSET_DEMO_DATA", "data")
    assert released_file() == packed


@pytest.mark.parametrize(
    "command",
    [
        ["extract", "sounds", "--labels", "labels.csv", "--output", "FOLDER"],
        ["evaluate", "run", "--data", "eval.h5", "--per-class", "FOLDER"],
        ["average", "one", "two", "--data", "eval.h5", "--json", "FOLDER"],
        ["compare", "run", "--output", "FOLDER"],
        ["occlude", "average", "--data", "eval.h5", "--json", "FOLDER"],
    ],
    ids=lambda command: command[0],
)
def test_no_command_of_training_works_for_a_file_that_it_cannot_write(tmp_path, command, capsys):
    from train.__main__ import main

    # Nothing that the commands read is there: the output is checked first.
    assert main([str(tmp_path) if word == "FOLDER" else word for word in command]) == 1
    assert f"error: {tmp_path} is a folder" in capsys.readouterr().err


def test_json_is_written_in_one_place():
    """`json.dumps` by itself writes NaN, which is no JSON."""
    root = Path(audioset_demo.__file__).parents[1]
    writers = [
        path.relative_to(root).as_posix()
        for package in ("audioset_demo", "train")
        for path in (root / package).rglob("*.py")
        if "json.dump" in path.read_text(encoding="utf-8")
    ]
    assert writers == ["audioset_demo/storage.py"]


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "model"
    for content in ("first", "second"):
        with new_folder(folder) as part:
            (part / "card.json").write_text(content)
        assert (folder / "card.json").read_text() == content
    with pytest.raises(StorageError, match="model could not be written: no space"):  # noqa: SIM117
        with new_folder(folder) as part:
            (part / "card.json").write_text("third")
            raise OSError(28, "No space left on device")
    assert (folder / "card.json").read_text() == "second"
    assert list(tmp_path.iterdir()) == [folder]


def test_what_another_writer_is_writing_is_no_leftover(tmp_path):
    with new_folder(tmp_path / "one") as part:
        (part / "file").write_text("half")
        check_output(tmp_path / "two")
        assert (part / "file").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(122, "Disk quota exceeded"),
        OSError(27, "File too large"),
        OSError("1000000 requested and 38384 written"),  # NumPy's
    ],
)
def test_every_kind_of_full_disk_is_named(tmp_path, error):
    def write(part: Path) -> None:
        raise error

    with pytest.raises(StorageError, match=r"MB are free on its disk"):
        write_atomically(tmp_path / "file", write)
