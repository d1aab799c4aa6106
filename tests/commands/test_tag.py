"""`audioset-demo tag`: its formats and options; one bad clip does not stop the others."""

import csv
import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from audioset_demo import load_tagger
from audioset_demo.cli import main
from audioset_demo.encoders import silent_frame


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


def test_an_unknown_model_is_refused_with_the_known_ones(clips, capsys):
    assert main(["tag", clips[0], "--model", "feature_atention"]) == 1
    error = capsys.readouterr().err
    assert "'feature_atention'" in error and "feature_attention" in error


def test_vggish_that_is_not_installed_is_a_clear_error(clips, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path))
    assert main(["tag", clips[0], "--encoder", "vggish"]) == 1
    assert "audioset-demo weights get" in capsys.readouterr().err


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


def test_a_label_track_is_of_one_clip(same_name, capsys):
    assert main(["tag", *same_name, "--format", "audacity"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "2 clips were given" in err and "once for each" in err
