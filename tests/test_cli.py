"""The command line's contracts: what is understood, listed, written, and refused in words."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from audioset_demo.cli import build_parser, main
from audioset_demo.models.published import published_models


@pytest.mark.parametrize("command", ["models", "classes", "tag SOUND"])
def test_a_model_without_its_card_is_skipped_with_a_word(
    clips, command, tmp_path, monkeypatch, capsys
):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "checkpoint.safetensors").write_bytes(b"half")
    monkeypatch.setenv("AUDIOSET_DEMO_MODELS", str(tmp_path))
    assert main(command.replace("SOUND", clips[0]).split()) == 0
    assert "The published model 'broken' is damaged. No card" in capsys.readouterr().err


def test_models_lists_what_is_published(capsys):
    assert main(["models", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [model.name for model in published_models()]
    assert [row["name"] for row in rows if row["default"]] == ["feature_attention"]
    keys = {"name", "title", "checkpoint", "parameters", "bytes", "training_set", "default"}
    assert all(keys | {"mAP", "AUC", "d_prime"} == set(row) for row in rows)


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("ap", lambda row: -row["ap"]),
        ("count", lambda row: -row["all_train"]),
        ("name", lambda row: row["label"].casefold()),
    ],
)
def test_classes_are_listed_in_the_order_asked_for(capsys, sort, key):
    assert main(["classes", "--sort", sort, "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 527
    keys = [key(row) for row in rows]
    assert keys == sorted(keys)
    assert list(rows[0]) == [
        "index", "mid", "label", "balanced_train", "all_train", "eval", "quality", "ap", "ap_low",
        "ap_high", "auc",
    ]  # fmt: skip
    assert all(0 <= row["ap_low"] <= row["ap"] <= row["ap_high"] <= 1 for row in rows)


def test_weights_status_says_how_to_get_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path))
    assert main(["weights", "status"]) == 0
    out = capsys.readouterr().out
    assert "not installed" in out and "audioset-demo weights get" in out
    assert "are downloaded already" not in out
    (tmp_path / "download-vggish_model.ckpt.part").write_bytes(bytes(1234))
    main(["weights", "status"])
    assert "1,234 bytes are downloaded already" in capsys.readouterr().out


ODD_NAMES = [b"latin\xff.wav", "Käfer 甲虫.wav".encode(), b"tab\there.wav", b"two\nlines.wav"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes: Linux")
@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
def test_no_file_name_ends_a_run_whatever_the_terminal_s_encoding(clips, tmp_path, encoding):
    for name in ODD_NAMES:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(Path(clips[0]).read_bytes())
    paths = [os.path.join(os.fsencode(tmp_path), name) for name in ODD_NAMES]

    def run(*arguments) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "audioset_demo", *arguments],
            capture_output=True,
            env=os.environ | {"PYTHONIOENCODING": encoding, "LC_ALL": "C.UTF-8"},
        )

    broken = os.fsencode(clips[2])
    done = run("tag", *paths, broken, "--format", "json", "--top", "1", "--encoder", "compact")
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    records = [json.loads(line) for line in done.stdout.decode(encoding).splitlines()]
    assert [os.fsencode(record["file"]) for record in records] == [*paths, broken]
    for form, lines in (("csv", 5), ("table", 12), ("rttm", 4)):
        done = run("tag", *paths, "--format", form, "--top", "1", "--encoder", "compact")
        assert done.returncode == 0 and b"Traceback" not in done.stderr
        assert len(done.stdout.decode(encoding).splitlines()) == lines
    for output in (tmp_path / "out.npz", tmp_path / "out.h5"):
        done = run("embed", *paths, "--output", output, "--encoder", "compact")
        assert done.returncode == 0, done.stderr
        with np.load(output) if output.suffix == ".npz" else h5py.File(output) as file:
            names = {name.split("/")[0] for name in file}
        assert names == {
            r"latin\udcff.wav", "Käfer 甲虫.wav", r"tab\there.wav", r"two\nlines.wav",
        }  # fmt: skip


@pytest.mark.parametrize("command", ["tag", "embed"])
def test_a_device_that_is_not_there_is_refused_before_the_work(
    clips, tmp_path, capsys, monkeypatch, command
):
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    output = [] if command == "tag" else ["--output", str(tmp_path / "out.npz")]
    assert main([command, clips[0], *output, "--device", "mps"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "no mps device" in err


def test_the_package_is_a_command(capsys):
    done = subprocess.run(
        [sys.executable, "-m", "audioset_demo", "--version"], capture_output=True, text=True
    )
    assert done.stdout.startswith("audioset-demo ") and done.returncode == 0


CONTRACTS = """
tag a.wav b.mp3
tag a.wav --model feature_attention --encoder auto --top 3 --format table
tag a.wav --encoder vggish --format json
tag a.wav --encoder compact --format csv
tag a.wav --format audacity
tag a.wav --calibrated --prior audioset --threshold f1
tag FOLDER --recursive --output OUT
tag FOLDER 'more/*.wav' --recursive --output OUT --jobs 2
embed FOLDER --recursive --output OUT
tag a.wav b.wav --format hf
embed a.wav b.wav --output out.npz
embed a.wav --output out.h5 --encoder compact
export feature_attention --onnx out.onnx
export feature_attention --onnx out.onnx --encoder compact
export checkpoint.safetensors --onnx out.onnx --encoder vggish
export feature_attention --hf folder
weights status
weights get
weights get --from vggish_model.ckpt --sha256 any
models
models --format table
models --format json
classes
classes --sort ap --format table
classes --sort count --format json
classes --sort name --format csv
classes --model max --format json
app
"""


@pytest.mark.parametrize("line", CONTRACTS.strip().splitlines())
def test_the_commands_that_others_call_are_understood(line):
    assert callable(build_parser().parse_args(line.split()).handler)


TRAINING_CONTRACTS = """
pack audioset_v1_embeddings/eval eval.h5
extract sounds --labels labels.csv --output own.h5
fit --data AUDIOSET --model average --backend torch --output run
fit --data AUDIOSET --model single_attention --backend keras --output run --resume
evaluate run --data eval.h5
evaluate checkpoint.safetensors --data eval.h5
average run --data eval.h5
calibrate run --data AUDIOSET --for feature_attention --scored eval.h5
publish run
publish run --name two
publish run --into audioset_demo/assets/models
explore --data eval.h5
explore average max --data eval.h5
"""


@pytest.mark.parametrize("line", TRAINING_CONTRACTS.strip().splitlines())
def test_the_commands_of_training_that_others_call_are_understood(line):
    from train.__main__ import build_parser

    assert callable(build_parser().parse_args(line.split()).handler)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full: Linux")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    [
        "audioset_demo tag SOUND",
        "audioset_demo classes",
        "audioset_demo weights status",
        "audioset_demo --version",
        "train fit --help",
    ],
)
def test_output_that_cannot_be_written_is_an_error_in_words(clips, command, unbuffered):
    words = command.replace("SOUND", str(clips[0])).split()
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )
    assert done.returncode == 1
    assert re.fullmatch(r"error: The output could not be written \(No space .*\n", done.stderr)


def test_a_reader_that_stops_reading_ends_the_command_without_a_word():
    command = [sys.executable, "-m", "audioset_demo", "classes"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.wait() == 1 and process.stderr.read() == b""
