"""The command line's contracts: formats, exit codes, one bad clip does not stop the others."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile

from audioset_demo import load_tagger
from audioset_demo.audio.samples import synthesise
from audioset_demo.cli import build_parser, main
from audioset_demo.encoders import silent_frame
from audioset_demo.models.published import published_models
from tests.sounds import by_libsndfile, file_of


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[str]:
    """A WAV, an MP3, and a text file that claims to be a WAV."""
    folder = tmp_path_factory.mktemp("clips")
    siren, rain = synthesise("siren"), synthesise("rain")
    (folder / "a.wav").write_bytes(by_libsndfile(siren.samples[: 3 * 16_000]))
    (folder / "b.mp3").write_bytes(file_of(rain, "MP3"))
    (folder / "broken.wav").write_text("this is not a sound")
    return [str(folder / name) for name in ("a.wav", "b.mp3", "broken.wav")]


def test_tag_prints_an_object_a_line_and_fails_for_the_broken_clip_alone(clips, capsys):
    assert main(["tag", *clips, "--format", "json", "--top", "4", "--encoder", "compact"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["file"] for line in lines] == clips
    for line, duration, n_frames in zip(lines, (3.0, 10.0), (3, 10), strict=False):
        assert line["duration_s"] == pytest.approx(duration, abs=0.1)
        assert line["model"] == "feature_attention"
        assert line["encoder"] == "compact encoder (not VGGish)"
        scores = [tag["score"] for tag in line["tags"]]
        assert len(scores) == 4 and scores == sorted(scores, reverse=True)
        assert set(line["tags"][0]) == {"label", "mid", "index", "score"}
        frames = line["frames"]
        assert np.allclose(frames["times_s"], 0.96 * np.arange(n_frames))
        for key in ("scores", "attention", "contributions"):
            assert list(frames[key]) == [tag["label"] for tag in line["tags"]]
            assert {len(values) for values in frames[key].values()} == {n_frames}
    error = lines[2]["error"]
    assert error["type"] == "AudioError" and "broken.wav" in error["message"]
    assert "tags" not in lines[2]


def test_pipelines_of_hugging_face_would_give_the_same_lines(clips, capsys):
    words = ["tag", *clips, "--top", "3", "--encoder", "compact", "--format"]
    assert main([*words, "json"]) == 1
    full = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert main([*words, "hf"]) == 1
    done = capsys.readouterr()
    *lines, failed = map(json.loads, done.out.splitlines())
    for line, whole in zip(lines, full, strict=False):
        assert line == [{"label": tag["label"], "score": tag["score"]} for tag in whole["tags"]]
    assert failed == full[-1] and failed["error"]["type"] == "AudioError"
    assert "compact encoder (not VGGish)" in done.err
    assert main([*words, "hf", "--calibrated"]) == 1
    assert "cannot hold probabilities" in capsys.readouterr().err


@pytest.mark.parametrize(("tail", "n_frames"), [("drop", 3), ("pad", 4), ("auto", 4)])
def test_tag_and_embed_keep_the_tail_where_asked_to(clips, tmp_path, capsys, tail, n_frames):
    words = [clips[0], "--encoder", "compact", "--tail", tail]
    assert main(["tag", *words, "--format", "json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert len(line["frames"]["times_s"]) == n_frames
    (note,) = line["notes"]
    assert "last 0.1" in note and ("--tail pad" in note) == (tail == "drop")
    assert main(["embed", *words, "--output", str(tmp_path / "a.npz")]) == 0
    assert np.load(tmp_path / "a.npz")["times_s"].shape == (n_frames,)


def test_occlusion_stands_beside_the_attention_and_in_json_only(clips, capsys):
    words = ["tag", clips[0], "--encoder", "compact", "--occlusion"]
    assert main([*words, "--format", "json", "--top", "2"]) == 0
    frames = json.loads(capsys.readouterr().out)["frames"]
    assert list(frames["occlusion"]) == list(frames["attention"])
    tagger = load_tagger(encoder="compact")
    embeddings = tagger.encode(clips[0])
    top = tagger.tag(embeddings).top(2)
    drops = tagger.occlude(embeddings, silent_frame(tagger.encoder), top)
    assert drops.all()
    shown = np.transpose(list(frames["occlusion"].values()))
    np.testing.assert_allclose(shown, drops, rtol=0.01, atol=1e-6)
    assert main(words) == 1
    assert "--format json" in capsys.readouterr().err


def test_tag_needs_no_tensorflow_and_exits_with_the_failure(clips):
    script = (
        "import sys; from audioset_demo.cli import main; code = main(sys.argv[1:]);"
        "sys.exit(code if 'tensorflow' not in sys.modules else 99)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "tag", *clips], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "a.wav" in done.stdout and "b.mp3" in done.stdout and "broken.wav" in done.stderr
    assert "Traceback" not in done.stderr


def test_tag_as_csv_has_one_header_whichever_clip_fails(clips, capsys):
    assert main(["tag", clips[2], *clips[:2], clips[2], "--format", "csv", "--top", "2"]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["file"], row["rank"]) for row in rows] == [
        ("a.wav", "1"), ("a.wav", "2"), ("b.mp3", "1"), ("b.mp3", "2"),
    ]  # fmt: skip


def test_tag_as_audacity_labels_stays_within_the_clip(clips, capsys):
    assert main(["tag", clips[0], "--format", "audacity", "--top", "3"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert len({name for _, _, name in rows}) == 3
    assert all(0 <= float(start) < float(end) <= 3.0 for start, end, _ in rows)


def test_tag_as_rttm_has_ten_fields_and_no_other_spaces(clips, capsys):
    assert main(["tag", clips[0], "--format", "rttm", "--top", "3", "--threshold", "0.9"]) == 0
    out, err = capsys.readouterr()
    rows = [line.split(" ") for line in out.splitlines()]
    assert len({row[7] for row in rows}) == 3 and {len(row) for row in rows} == {10}
    assert {row[0] for row in rows} == {"SPEAKER"}  # readers of RTTM know no comments
    assert "a.wav: compact encoder (not VGGish); Feature-level attention" in err


@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_embed_writes_the_arrays_of_one_clip(clips, tmp_path, suffix):
    output = tmp_path / f"out.{suffix}"
    assert main(["embed", clips[0], "--output", str(output), "--encoder", "compact"]) == 0
    with np.load(output) if suffix == "npz" else h5py.File(output) as file:
        assert file["quantised"][()].shape == (3, 128)
        assert file["quantised"][()].dtype == np.uint8
        assert file["pca"][()].dtype == np.float32
        assert np.allclose(file["times_s"][()], [0, 0.96, 1.92])
        assert "embedding" not in file  # the compact encoder has nothing before PCA


def test_a_denser_hop_gives_more_frames(clips, tmp_path, capsys):
    output = tmp_path / "out.npz"
    assert main(["embed", clips[0], "--output", str(output), "--hop", "0.48"]) == 0
    with np.load(output) as file:
        assert np.allclose(file["times_s"], [0, 0.48, 0.96, 1.44, 1.92])
    capsys.readouterr()
    assert main(["tag", clips[0], "--hop", "0.1", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert len(json.loads(out)["frames"]["times_s"]) == 21 and err == ""


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--hop", "0.125", r"A hop of 0\.125 s"),
        ("--hop", "nan", "A hop of nan s"),
        ("--hop", "fast", "'fast' is not a number"),
        ("--threshold", "1.5", r"1\.5 is not between 0 and 1"),
        ("--threshold", "nan", "nan is not between 0 and 1"),
        ("--threshold", "", "'' is not a number"),
        ("--top", "0", "'0' is not a whole number from 1"),
        ("--top", "2.5", r"'2\.5' is not a whole number from 1"),
        ("--top", "-3", "'-3' is not a whole number from 1"),
    ],
)
def test_a_wrong_value_of_an_option_is_refused_with_what_to_give(
    clips, capsys, option, value, reason
):
    with pytest.raises(SystemExit):
        main(["tag", clips[0], f"{option}={value}"])
    assert re.search(rf"argument {option}: .*{reason}.* Give .*\.$", capsys.readouterr().err, re.M)


def test_embed_refuses_another_kind_of_file(clips, tmp_path, capsys):
    assert main(["embed", clips[0], "--output", str(tmp_path / "out.txt")]) == 1
    assert "'.txt'" in capsys.readouterr().err


def test_embed_writes_what_could_be_read_and_says_what_could_not(clips, tmp_path, capsys):
    output = tmp_path / "out.h5"
    assert main(["embed", *clips, "--output", str(output), "--encoder", "compact"]) == 1
    assert "broken.wav" in capsys.readouterr().err
    with h5py.File(output) as file:
        assert sorted(file) == ["a.wav", "b.mp3"]


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


def test_an_unknown_model_is_refused_with_the_known_ones(clips, capsys):
    assert main(["tag", clips[0], "--model", "feature_atention"]) == 1
    error = capsys.readouterr().err
    assert "'feature_atention'" in error and "feature_attention" in error


def test_weights_status_says_how_to_get_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path))
    assert main(["weights", "status"]) == 0
    out = capsys.readouterr().out
    assert "not installed" in out and "audioset-demo weights get" in out
    assert "are downloaded already" not in out
    (tmp_path / "download-vggish_model.ckpt.part").write_bytes(bytes(1234))
    main(["weights", "status"])
    assert "1,234 bytes are downloaded already" in capsys.readouterr().out


def test_vggish_that_is_not_installed_is_a_clear_error(clips, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path))
    assert main(["tag", clips[0], "--encoder", "vggish"]) == 1
    assert "audioset-demo weights get" in capsys.readouterr().err


# --- names, outputs, devices -----------------------------------------------------------------


@pytest.fixture(scope="module")
def same_name(clips, tmp_path_factory) -> list[str]:
    """Two recordings of one name, in two folders."""
    folder = tmp_path_factory.mktemp("same_name")
    paths = [folder / place / "rec.wav" for place in ("north", "south east")]
    for path, clip in zip(paths, clips, strict=False):
        path.parent.mkdir()
        path.write_bytes(Path(clip).read_bytes())
    return [str(path) for path in paths]


def test_two_recordings_of_one_name_have_two_names_in_every_format(same_name, capsys):
    def tagged(form: str) -> str:
        assert main(["tag", *same_name, "--format", form, "--top", "2"]) == 0
        return capsys.readouterr().out

    files = [row["file"] for row in csv.DictReader(io.StringIO(tagged("csv")))]
    assert files == ["north/rec.wav"] * 2 + ["south east/rec.wav"] * 2
    table = [line for line in tagged("table").splitlines() if not line.startswith(" ")]
    assert [line.split("  ")[0] for line in table] == ["north/rec.wav", "south east/rec.wav"]
    assert {line.split(" ")[1] for line in tagged("rttm").splitlines()} == {
        "north/rec.wav",
        "south_east/rec.wav",
    }
    assert [json.loads(line)["file"] for line in tagged("json").splitlines()] == same_name


@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_embed_keeps_two_recordings_of_one_name_apart(same_name, tmp_path, suffix):
    output = tmp_path / f"out.{suffix}"
    assert main(["embed", *same_name, "--output", str(output), "--encoder", "compact"]) == 0
    with np.load(output) if suffix == "npz" else h5py.File(output) as file:
        assert file["north_rec.wav/quantised"][()].shape == (3, 128)
        assert file["south east_rec.wav/quantised"][()].shape == (10, 128)


def test_a_label_track_is_of_one_clip(same_name, capsys):
    assert main(["tag", *same_name, "--format", "audacity"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "2 clips were given" in err and "once for each" in err


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


def test_embed_refuses_what_it_cannot_write_before_it_reads_a_sound(clips, tmp_path, capsys):
    folder = tmp_path / "out.npz"
    folder.mkdir()
    link = tmp_path / "link.npz"
    link.symlink_to(clips[0])
    for output, message in (
        (folder, "out.npz is a folder"),
        (tmp_path / "nowhere" / "out.h5", "does not exist"),
        (link, "one of the inputs"),
    ):
        # The encoder is not installed either: that would be the next error.
        command = ["embed", clips[0], "--output", str(output), "--encoder", "vggish"]
        assert main(command) == 1
        assert message in capsys.readouterr().err
    assert soundfile.info(clips[0]).frames == 48_000


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
