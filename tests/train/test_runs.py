"""The folder of a run: its metrics are read as they were written, or refused."""

import json

import pytest

from audioset_demo.errors import DataError
from train.runs import (
    CONFIG_FILE,
    METRICS_FILE,
    drop_metrics_after,
    read_metrics,
    select_checkpoint,
)
from train.tagger.compare import compare, config_of
from train.tagger.config import FitConfig

LINE = {"iteration": 5, "loss": 0.5, "seconds_a_batch": 0.1}
SCORED = {"iteration": 10, "checkpoint": "10.safetensors", "validation": {"mAP": 0.3, "AUC": 0.9}}


def lines(*values: object) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lines(LINE, 1.5), "a line is 1.5"),
        (lines({**LINE, "iteration": "ten"}), "iteration is 'ten', and must be a whole number"),
        (lines({"loss": 0.5}), "iteration is None"),
        (lines({**LINE, "loss": "low"}), "loss is 'low'"),
        (lines({**SCORED, "validation": {"mAP": 0.3}}), "validation.AUC is None"),
        (lines({**SCORED, "validation": [0.3]}), "validation is .0.3., and must be a table"),
        (lines({**SCORED, "checkpoint": "../10.safetensors"}), "lies in another folder"),
        (b"\xff\xfe\n", "codec can't decode"),
        (b"[" * 200_000 + b"\n", "go too deep"),
        (lines(LINE) + b'{"iteration"', "Continue the run with --resume"),
    ],
)
def test_damaged_metrics_are_refused_by_their_value(tmp_path, content, message):
    (tmp_path / METRICS_FILE).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read_metrics(tmp_path)
    assert len(str(error.value)) <= 300


def test_a_run_that_continues_drops_what_it_will_log_again(tmp_path):
    diverged = {**LINE, "iteration": 8, "loss": None}
    (tmp_path / METRICS_FILE).write_bytes(lines(LINE, diverged, SCORED) + b'{"iteration"')
    drop_metrics_after(tmp_path, 8)
    assert read_metrics(tmp_path) == [LINE, diverged]


@pytest.mark.parametrize(
    "content",
    [b"[" * 200_000, json.dumps(FitConfig().to_json() | {"seed": [1]}).encode()],
    ids=["deep", "list"],
)
def test_damaged_settings_are_refused(tmp_path, content):
    (tmp_path / CONFIG_FILE).write_bytes(content)
    with pytest.raises(DataError, match="is not a training run of this version"):
        config_of(tmp_path)


def test_a_checkpoint_whose_name_is_too_long_is_missing(tmp_path):
    (tmp_path / METRICS_FILE).write_bytes(lines({**SCORED, "checkpoint": "a" * 300}))
    with pytest.raises(DataError, match="is missing"):
        select_checkpoint(tmp_path)


@pytest.mark.parametrize("seconds", [None, "fast"])
def test_batches_without_times_are_refused(tmp_path, seconds):
    (tmp_path / CONFIG_FILE).write_text(json.dumps(FitConfig().to_json()))
    damaged = {**LINE, "seconds_a_batch": seconds}
    (tmp_path / METRICS_FILE).write_bytes(lines(damaged, SCORED))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / SCORED["checkpoint"]).touch()
    with pytest.raises(DataError, match="seconds_a_batch|what each of its batches took"):
        compare([tmp_path])
