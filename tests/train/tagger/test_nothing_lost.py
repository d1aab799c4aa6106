"""A run that is killed, starved of disk or fed bad data loses nothing: --resume ends where an
undisturbed run ends, bit for bit."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
import torch
from safetensors.torch import load_file

from audioset_demo.errors import DataError, StorageError
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.storage import full_disk_named, remove_leftovers, write_atomically
from tests.train.children import die, die_halfway_through, replace_and_die, run_in_child
from tests.train.toy_features import write_features
from train.__main__ import main
from train.data import clips as clips_module
from train.tagger.torch_learner import TorchLearner

# Checkpoints after 3, 6 and 8 iterations.
SETTINGS = ["--model", "single_attention", "--iterations", "8", "--evaluate-every", "3"]
SETTINGS += ["--batch-size", "8", "--hidden-units", "16", "--noise", "0.1", "--ema", "0.9"]


def command(data: Path, run: Path) -> list[str]:
    return ["fit", "--data", str(data), "--output", str(run), "--resume", *SETTINGS]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, features_path) -> Path:
    """An undisturbed run."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    assert main(command(features_path, run)) == 0
    return run


def assert_same_run(run: Path, whole: Path) -> None:
    here, there = (load_file(r / "state.safetensors") for r in (run, whole))
    assert here.keys() == there.keys()
    assert all(torch.equal(here[key], there[key]) for key in here)
    assert metrics(run) == metrics(whole)
    assert files(run) == files(whole)


def metrics(run: Path) -> list[dict]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds_a_batch"} for line in lines]


def files(run: Path) -> dict[str, bytes]:
    """Checkpoints and cards by name; there is nothing else."""
    assert {path.name for path in run.iterdir()} == {
        "config.json", "metrics.jsonl", "state.safetensors", "checkpoints",
    }  # fmt: skip
    return {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()}


# What is called, and what happens there instead.
MOMENTS = {
    "in a step": (TorchLearner, "step", die),
    "while a file is written": (os, "fsync", die_halfway_through),
    "before a file is renamed": (os, "replace", die),
    "after a file is renamed": (os, "replace", replace_and_die),
}


def fit_and_die(arguments: list[str], moment: str, call: int) -> None:
    """Train until the given call of what the moment is about."""
    owner, name, deadly = MOMENTS[moment]
    original, calls = getattr(owner, name), iter(range(1, 1000))
    setattr(owner, name, lambda *given: (deadly if next(calls) == call else original)(*given))
    main(arguments)


# Files written: configuration, metrics, then checkpoint, card and state, three times.
@pytest.mark.parametrize(
    ("moment", "call"),
    [
        *(("in a step", call) for call in (1, 3, 4, 8)),
        *(("while a file is written", call) for call in (1, 3, 5, 7, 8, 11)),
        *(("before a file is renamed", call) for call in (2, 4, 5, 6, 8)),
        *(("after a file is renamed", call) for call in (1, 3, 4, 5, 8, 10, 11)),
    ],
)
def test_a_killed_run_resumes_to_the_end_of_one_never_killed(
    whole, features_path, tmp_path, moment, call
):
    arguments = command(features_path, tmp_path / "run")
    assert run_in_child(fit_and_die, arguments, moment, call) == -signal.SIGKILL
    if (tmp_path / "run" / "metrics.jsonl").exists():
        with open(tmp_path / "run" / "metrics.jsonl", "a") as file:
            file.write('{"iteration": 4, "lo')  # as if killed while a line was written
    assert run_in_child(main, arguments) == 0
    assert_same_run(tmp_path / "run", whole)


def test_a_run_killed_several_times_from_outside_ends_as_one_never_killed(
    whole, features_path, tmp_path
):
    run = tmp_path / "run"
    words = [sys.executable, "-m", "train", *command(features_path, run)]
    for seen in ("config.json", "checkpoints/iter_00003.safetensors", "state.safetensors"):
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 120
        while not (run / seen).exists():
            assert process.poll() in (None, 0), process.stderr.read()
            assert time.monotonic() < deadline, f"{seen} was never written"
            time.sleep(0.001)
        process.kill()
        process.communicate()
    subprocess.run(words, check=True, capture_output=True)
    assert_same_run(run, whole)


def fit_with_room_for(arguments: list[str], n_bytes: int, messages: Path) -> None:
    with open(messages, "w") as errors, open(os.devnull, "w") as nothing:
        os.dup2(errors.fileno(), sys.stderr.fileno())
        os.dup2(nothing.fileno(), sys.stdout.fileno())  # else a file of pytest's, which is full
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, resource.RLIM_INFINITY))
    sys.exit(main(arguments))


@pytest.mark.parametrize("n_bytes", [500, 8_000, 40_000])
def test_a_full_disk_is_reported_and_loses_nothing(whole, features_path, tmp_path, n_bytes):
    """No room for the configuration; for a checkpoint; for the state, which is larger."""
    run, messages = tmp_path / "run", tmp_path / "messages"
    arguments = command(features_path, run)
    assert run_in_child(fit_and_die, arguments, "in a step", 5) == -signal.SIGKILL
    state = (run / "state.safetensors").read_bytes()
    assert run_in_child(fit_with_room_for, arguments, n_bytes, messages) == 1
    assert "MB are free" in messages.read_text() and "are intact" in messages.read_text()
    assert "Traceback" not in messages.read_text()
    assert (run / "state.safetensors").read_bytes() == state
    load_checkpoint(run / "checkpoints/iter_00003.safetensors")
    assert run_in_child(main, arguments) == 0
    assert_same_run(run, whole)


def test_a_loss_of_nan_leaves_the_last_checkpoint(
    whole, features_path, tmp_path, monkeypatch, capsys
):
    run = tmp_path / "run"
    original, calls = TorchLearner.step, iter(range(1, 100))

    def step(self, *given) -> float:
        loss = original(self, *given)
        return float("nan") if next(calls) == 5 else loss

    with monkeypatch.context() as patched:
        patched.setattr(TorchLearner, "step", step)
        assert main(command(features_path, run)) == 1
    assert "The loss is nan at iteration 4" in capsys.readouterr().err
    assert load_checkpoint(run / "checkpoints/iter_00003.safetensors")
    assert main(command(features_path, run)) == 0
    assert_same_run(run, whole)


def test_clips_read_from_the_file_train_the_same_model_and_a_truncated_file_stops_the_run(
    whole, features_path, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(clips_module, "MAX_BYTES_IN_MEMORY", 0)
    data, run = tmp_path / "own.h5", tmp_path / "run"
    data.write_bytes(features_path.read_bytes())
    original, calls = TorchLearner.step, iter(range(1, 100))

    def step(self, *given) -> float:
        if next(calls) == 4:
            os.truncate(data, 20_000)
        return original(self, *given)

    with monkeypatch.context() as patched:
        patched.setattr(TorchLearner, "step", step)
        assert main(command(data, run)) == 1
    assert "own.h5 was cut short or written to" in capsys.readouterr().err
    assert main(command(data, run)) == 1
    assert "damaged" in capsys.readouterr().err
    data.write_bytes(features_path.read_bytes())
    assert main(command(data, run)) == 0
    assert_same_run(run, whole)


def test_labels_of_another_length_stop_a_run_before_it_starts(tmp_path, capsys):
    data = write_features(tmp_path / "own.h5")
    with h5py.File(data, "a") as file:
        y = file["y"][:100]
        del file["y"]
        file["y"] = y
    assert main(command(data, tmp_path / "run")) == 1
    error = capsys.readouterr().err
    assert "own.h5" in error and "(100, 3)" in error
    assert not (tmp_path / "run").exists()


class Full(Exception):
    """As safetensors reports it: its own type, the system's words."""


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), Full("I/O error: No space left on device (os error)")],
)
def test_a_full_disk_is_named_with_its_free_space_and_nothing_is_left(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("before")

    def write(part: Path) -> None:
        part.write_text("half")
        raise error

    with pytest.raises(StorageError, match=r"file\.txt could not be .*no space.* MB are free"):
        write_atomically(path, write)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_other_errors_pass_as_they_are(tmp_path):
    with pytest.raises(DataError), full_disk_named(tmp_path / "file"):
        raise DataError("something else")
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "file", lambda part: part.write_text(""))


def test_leftovers_of_a_killed_writer_are_removed_and_nothing_else(tmp_path):
    (tmp_path / "kept.txt").write_text("kept")
    assert run_in_child(write_atomically, tmp_path / "lost.txt", die) == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]
