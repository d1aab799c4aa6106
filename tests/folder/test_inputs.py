"""Recordings are found once each, in a stable order, whatever leads to them."""

import os
from pathlib import Path

import pytest

from audioset_demo.errors import AudioError
from audioset_demo.folder.inputs import find_inputs


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Sounds at two depths, and what is passed over."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.WAV", "a.wav", "sub/c.flac", "._a.wav", "notes.txt", ".hidden/d.wav"):
        path = tmp_path / "rec" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "rec"


def names(*named: str, **options) -> list[str]:
    found = find_inputs(named, **options).found
    return [os.path.relpath(given.path, "rec") for given in found]


def test_a_folder_gives_its_sounds_and_those_below_where_asked(folder):
    assert names("rec") == ["a.wav", "b.WAV"]
    assert names(str(folder), recursive=True) == ["a.wav", "b.WAV", "sub/c.flac"]


def test_patterns_and_files_are_taken_as_named_and_each_file_once(folder):
    assert names("rec/**/*.flac", "rec/[ab].*", "rec/a.wav", "rec") == [
        "a.wav", "b.WAV", "sub/c.flac",
    ]  # fmt: skip
    assert names("rec/notes.txt") == ["notes.txt"]
    (folder / "[ab].wav").write_bytes(b"")
    assert names("rec/[ab].wav") == ["[ab].wav"]  # a name, where it is there


def test_links_lead_to_each_file_once_and_loops_end(folder):
    (folder / "again").symlink_to(folder / "sub")
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "link.wav").symlink_to("a.wav")
    (folder / "gone.wav").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.wav")
    inputs = find_inputs(["rec"], recursive=True)
    assert [os.path.basename(given.path) for given in inputs.found] == ["a.wav", "c.flac", "b.WAV"]
    assert [(os.path.basename(path), "cannot be opened" in why) for path, why in inputs.failed] == [
        ("gone.wav", True), ("pipe.wav", False),
    ]  # fmt: skip


def test_the_results_within_the_folder_are_no_recordings(folder):
    (folder / "out" / "deep").mkdir(parents=True)
    (folder / "out" / "deep" / "x.wav").write_bytes(b"")
    assert "out/deep/x.wav" not in names("rec", recursive=True, out=folder / "out")


def test_a_folder_that_cannot_be_listed_is_named_and_the_others_are_read(folder, monkeypatch):
    scan = os.scandir

    def denied(place):
        if str(place).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(place))
        return scan(place)

    monkeypatch.setattr(os, "scandir", denied)
    inputs = find_inputs(["rec"], recursive=True)
    assert len(inputs.found) == 2
    ((path, reason),) = inputs.failed
    assert path == str(folder / "sub") and "(Permission denied)" in reason


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("nowhere", "There is no file or folder nowhere"),
        ("rec/*.mp3", r"There is no file or folder rec/\*\.mp3"),
        ("empty", r"There are no sounds in empty\. Add --recursive"),
    ],
)
def test_what_stands_for_no_recording_is_refused(folder, named, message):
    Path("empty").mkdir()
    with pytest.raises(AudioError, match=message):
        find_inputs([named])


def test_odd_names_have_results_of_their_own_with_plain_names(folder):
    odd = [b"two\nlines.wav", b"latin\xff.wav", "甲虫".encode() * 30 + b".wav", b"two\tlines.wav"]
    for name in odd:
        with open(os.path.join(os.fsencode(folder), name), "wb"):
            pass
    stems = [given.stem for given in find_inputs(["rec"]).found]
    assert len(set(stems)) == len(stems) == 6
    assert all(stem.isprintable() and len(stem.encode()) < 200 for stem in stems)
