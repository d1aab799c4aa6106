"""What `tag` left in a folder, read back: the rows of its table, and the sounds they are of."""

import csv
import os
import shutil
from datetime import datetime

import numpy as np
import pytest

from audioset_demo.audio.samples import synthesise
from audioset_demo.audio.waveform import Waveform, read_waveform, wav_bytes
from audioset_demo.cli import main
from audioset_demo.errors import AudioError, AudioSetDemoError
from audioset_demo.labels import Label
from audioset_demo.recordings.cuts import cut
from audioset_demo.recordings.figures import class_figures, find_rows
from audioset_demo.recordings.finds import Find, Finds, Recording, read_finds
from audioset_demo.recordings.similar import Frames
from audioset_demo.recordings.when import by_hour, by_recording
from tests.recordings.toy_finds import finds_of, recordings
from tests.sounds import by_libsndfile, sweeps

RATE = 16_000


def samples(key: str) -> np.ndarray:
    return synthesise(key).samples


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Two recordings: a siren in rain, beginning before midnight, and rain."""
    folder = tmp_path_factory.mktemp("recordings")
    rain, siren = samples("rain"), samples("siren")
    files = {
        "SITE_20240131_235958.wav": np.concatenate([rain[:80_000], siren[:80_000]]),
        "rain.wav": rain,
    }
    for name, sound in files.items():
        (folder / name).write_bytes(wav_bytes(Waveform(sound, RATE, name)))
    (folder / "broken.wav").write_bytes(b"this is not a sound")
    words = ("tag", folder, "--output", folder / "out", "--encoder", "compact", "--jobs", "1")
    assert main([str(word) for word in words]) == 1
    return folder / "out"


@pytest.fixture(scope="module")
def finds(out) -> Finds:
    return read_finds(out)


def test_finds_are_the_rows_of_the_table(out, finds):
    with open(out / "table.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = ("file", "label", "start_s", "end_s", "mid", "score")
    expected = [[row[name] for name in names] for row in rows]
    found = [[*map(str, find.key), find.label.mid, str(find.score)] for find in finds]
    assert found == expected and len(found) > 5
    counts = [len(finds.of_class(label.index)) for label in finds.labels]
    assert counts == sorted(counts, reverse=True) and sum(counts) == len(finds)
    assert (finds.n_failed, finds.rows) == (1, "event")
    assert finds.encoder == "compact encoder (not VGGish)"


def test_a_find_is_heard_with_a_second_around_it(out, finds):
    n = next(n for n, find in enumerate(finds) if find.start_s > 2 and "SITE" in find.key[0])
    find = finds[n]
    heard = cut(find)
    first = round((find.start_s - 1) * RATE)
    whole = np.concatenate([samples("rain")[:80_000], samples("siren")[:80_000]])
    expected = whole[first : round((find.end_s + 1) * RATE)]
    np.testing.assert_allclose(heard.sound.samples, expected, atol=2 / 32768)
    assert heard.start_s == pytest.approx(find.start_s - 1) and not heard.is_short


@pytest.mark.parametrize("form", [("WAV", "PCM_24"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")])
@pytest.mark.parametrize("seconds", [(0.5, 2.0), (4.0, 5.2), (0.0, 40.0)])
def test_a_cut_is_that_part_of_the_sound_in_any_format(tmp_path, form, seconds):
    path = tmp_path / "sound"
    path.write_bytes(by_libsndfile(sweeps(22_050, 2, 6.0), 22_050, *form))
    whole = read_waveform(path).samples
    status = path.stat()
    recording = Recording(str(path), status.st_size, status.st_mtime_ns, 6.0, None, None)
    heard = cut(Find(recording, Label(0, "Dog"), *seconds, 0.5))
    first, last = (round(second * 22_050) for second in (seconds[0] - 1, seconds[1] + 1))
    np.testing.assert_allclose(heard.sound.samples, whole[max(first, 0) : last], atol=1e-6)
    assert heard.is_short == (seconds[1] > 31)


def test_a_recording_that_has_changed_or_moved_is_named(tmp_path, out):
    folder = tmp_path / "copy"
    folder.mkdir()
    path = folder / "rain.wav"
    shutil.copy(out.parent / "rain.wav", path)
    words = ("tag", folder, "--output", tmp_path / "out", "--encoder", "compact", "--jobs", "1")
    assert main([str(word) for word in words]) == 0
    find = read_finds(tmp_path / "out")[0]
    assert cut(find)
    os.utime(path, ns=(1, 1))
    with pytest.raises(AudioError, match="has changed since it was tagged"):
        cut(find)
    path.unlink()
    with pytest.raises(AudioError, match="rain.wav cannot be opened .* Move it back"):
        cut(find)


def test_the_frames_of_a_find_are_those_that_its_time_covers(finds):
    frames = Frames.of_recordings(finds.recordings)
    for n in range(0, len(finds), 3):
        find, r = finds[n], finds.of_recording[n]
        own = slice(frames.borders[r], frames.borders[r + 1])
        covered = (frames.starts_s[own] >= find.start_s - 1e-6) & (
            frames.starts_s[own] + 0.96 <= find.end_s + 0.01
        )
        expected = frames.quantised[own][covered].mean(axis=0)
        np.testing.assert_allclose(frames.mean_of(r, find.start_s, find.end_s), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "There is no folder"),
        (lambda folder: folder.mkdir(), "does not hold what `tag` found"),
        (
            lambda folder: [folder.mkdir(), (folder / "settings.json").write_text("{")],
            "is damaged",
        ),
        (
            lambda folder: [
                folder.mkdir(),
                (folder / "settings.json").write_text('{"the command": "embed"}'),
            ],
            "was made by `embed`",
        ),
    ],
)
def test_a_folder_that_holds_no_finds_is_refused_in_words(tmp_path, make, message):
    make(tmp_path / "out")
    with pytest.raises(AudioSetDemoError, match=message):
        read_finds(tmp_path / "out")


def test_the_map_counts_by_the_hour_of_the_recorder_s_clock():
    late = recordings(1, datetime(2024, 1, 31, 23, 59, 59)) + recordings(2)[1:]
    finds = finds_of([0.5] * 3, [0, 1, 1], [0, 0, 1], [0.0, 1.0, 5.0], given=late)
    shown = by_hour(finds)
    assert shown.counts[0, 23] == 1 and shown.counts[1, 0] == 1
    assert (shown.counts.sum(), shown.n_left_out) == (2, 1)
    assert by_recording(finds).counts.tolist() == [[1, 0], [1, 1]]


def test_the_figures_of_a_class_are_of_its_finds_alone():
    finds = finds_of([0.9, 0.8, 0.7, 0.6], [0, 0, 1, 1])
    given = {finds[0].key: "yes", finds[1].key: "no", finds[2].key: "skip"}
    (row,) = class_figures(finds, given, 0.9)
    assert (row["label"], row["finds"], row["yes"], row["no"]) == ("class 0", 2, 1, 1)
    assert (row["precision"], row["threshold"], row["threshold_surely"]) == (0.5, 0.9, None)
    rows = list(find_rows(finds, given))
    assert [row[-1] for row in rows] == ["yes", "no"]
    assert rows[0][-2] > rows[1][-2]
