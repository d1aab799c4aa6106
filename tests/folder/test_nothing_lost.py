"""Whatever ends a run, the same command goes on: nothing is lost, nothing is there twice."""

import csv
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyarrow import parquet

from audioset_demo.errors import StorageError
from audioset_demo.folder.job import Shard
from tests.folder.fake_job import FakeJob, run

TABLES = ("table.csv", "files.csv", "failed.csv")
WORDS = [sys.executable, "-m", "tests.folder.fake_job"]


@pytest.fixture
def folder(tmp_path) -> Path:
    place = tmp_path / "recordings"
    place.mkdir()
    for hour in range(8):
        (place / f"20240131_{hour:02}0000.wav").write_bytes(b"sound" * hour)
    return place


@pytest.fixture
def whole(folder, tmp_path) -> Path:
    """An undisturbed run."""
    run(folder, tmp_path / "whole")
    return tmp_path / "whole"


def tables(out: Path) -> list[bytes]:
    """Of bytes; the Parquet file must hold the rows of the CSV file."""
    with open(out / "table.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    binary = parquet.read_table(out / "table.parquet").to_pylist()
    found = [{key: "" if v is None else str(v) for key, v in row.items()} for row in binary]
    assert found == rows
    assert not list(out.rglob(".part-*"))
    return [(out / name).read_bytes() for name in TABLES]


def results(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.glob("results/*/*.jsonl")}


def begin(folder: Path, out: Path, *words: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [*WORDS, str(folder), str(out), *words], stderr=subprocess.PIPE, text=True, **options
    )


def wait_for_results(process: subprocess.Popen, out: Path, n: int) -> dict[Path, int]:
    deadline = time.monotonic() + 120
    while len(found := results(out)) < n:
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.01)
    return found


def test_a_run_killed_from_outside_goes_on_with_what_is_left(folder, whole, tmp_path):
    out = tmp_path / "out"
    for n in (1, 4):
        process = begin(folder, out, "0", "0.2")
        before = wait_for_results(process, out, n)
        process.kill()
        process.communicate()
    run(folder, out)
    after = results(out)
    assert {path: after[path] for path in before} == before  # nothing was done again
    assert tables(out) == tables(whole)


def test_a_run_killed_before_any_of_its_files_is_renamed_goes_on(folder, whole, tmp_path):
    out = tmp_path / "out"
    for call in (1, 1, 2, 4):  # the settings; then, with all results there, the tables
        process = begin(folder, out, str(call))
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    run(folder, out)
    assert tables(out) == tables(whole)


def test_a_process_that_dies_costs_its_file_alone_and_says_so(folder, tmp_path):
    out = tmp_path / "out"
    deadly, broken, defect = (folder / f"{name}.wav" for name in ("0", "1", "2"))
    deadly.write_bytes(b"too much")
    broken.write_bytes(b"broken")
    defect.write_bytes(b"defect")
    totals = run(folder, out)
    assert (totals.n_files, totals.n_failed, totals.n_rows) == (8, 3, 8)
    with open(out / "failed.csv", newline="") as file:
        errors = {row["file"]: row["error"] for row in csv.DictReader(file)}
    assert list(errors) == [str(path) for path in (deadly, broken, defect)]
    assert "SIGKILL" in errors[str(deadly)] and "--jobs" in errors[str(deadly)]
    assert errors[str(broken)] == "1.wav holds text."
    assert "ZeroDivisionError: of nothing" in errors[str(defect)]
    for path in (deadly, broken, defect):
        path.write_bytes(b"mended")
    assert run(folder, out).n_failed == 0


def test_only_what_is_new_or_has_changed_is_done_again(folder, whole):
    changed, *same = sorted(folder.iterdir())
    before = results(whole)
    changed.write_bytes(b"other")
    os.utime(changed, ns=(0, 1))
    (folder / "new.wav").write_bytes(b"new")
    assert run(folder, whole).n_files == 9
    after = results(whole)
    assert sum(after[path] != before[path] for path in before) == 1
    same[0].unlink()
    assert run(folder, whole).n_rows == 9  # what was heard of it stays


def test_shards_fill_one_table_and_two_runs_are_not_at_one(folder, whole, tmp_path):
    out = tmp_path / "out"
    assert [run(folder, out, shard=Shard(k, 3)).n_files for k in (1, 2, 3)] == [3, 6, 8]
    assert tables(out) == tables(whole)
    process = begin(folder, tmp_path / "slow", "0", "0.5")
    wait_for_results(process, tmp_path / "slow", 1)
    with pytest.raises(StorageError, match="Another process is at work in .*slow"):
        run(folder, tmp_path / "slow", FakeJob(0.5))
    process.kill()
    process.communicate()


def test_a_full_disk_ends_the_run_in_words_and_loses_nothing(folder, tmp_path):
    (folder / "large.wav").write_bytes(bytes(200_000))
    limit = (100_000, resource.RLIM_INFINITY)
    process = begin(
        folder,
        tmp_path / "out",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    _, messages = process.communicate()
    assert process.returncode == 1
    assert "could not be written" in messages and "MB are free" in messages
    assert "Traceback" not in messages
    assert run(folder, tmp_path / "out").n_files == 9


@pytest.mark.parametrize("wanted", [0, 1])
def test_ctrl_c_stops_it_with_what_is_done(folder, whole, tmp_path, wanted):
    process = begin(
        folder, tmp_path / "out", "0", "0.3", start_new_session=True,
        # A shell that runs tests in the background has told them to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    while not (tmp_path / "out" / ".lock-1-of-1").exists():
        assert process.poll() is None
        time.sleep(0.01)
    if wanted:  # else, while the processes are being started
        wait_for_results(process, tmp_path / "out", wanted)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, messages = process.communicate(timeout=120)
    assert process.returncode == 130 and "Traceback" not in messages
    assert not wanted or "of 8 files. The same command goes on." in messages
    run(folder, tmp_path / "out")
    assert tables(tmp_path / "out") == tables(whole)


def test_other_settings_and_other_folders_are_refused_in_words(folder, whole, tmp_path):
    with pytest.raises(StorageError, match=r"made with --threshold 0\.3; this run has .* 0\.5"):
        run(folder, whole, FakeJob(threshold=0.5))
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "letter.txt").write_text("Dear")
    with pytest.raises(StorageError, match=r"else holds other files, such as letter\.txt"):
        run(folder, tmp_path / "else")
    (whole / "settings.json").write_text("[")
    with pytest.raises(StorageError, match=r"settings\.json is damaged"):
        run(folder, whole)
