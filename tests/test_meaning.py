"""`tag` on what a score means: probabilities, priors and thresholds of each class."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from audioset_demo import export, load_tagger
from audioset_demo.audio.samples import synthesise
from audioset_demo.cli import main
from audioset_demo.errors import CheckpointError
from audioset_demo.events import find_events
from audioset_demo.models.published import find_checkpoint
from tests.sounds import file_of


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("clip") / "siren.wav"
    path.write_bytes(file_of(synthesise("siren")))
    return str(path)


@pytest.fixture(scope="module")
def tagger():
    return load_tagger(encoder="compact")


@pytest.fixture(scope="module")
def siren(tagger):
    return tagger.tag(synthesise("siren"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> str:
    """The default model's checkpoint without its calibration."""
    folder = tmp_path_factory.mktemp("bare")
    source = find_checkpoint("feature_attention")
    for path in (source, source.with_suffix(".json")):
        (folder / path.name).write_bytes(path.read_bytes())
    return str(folder / source.name)


def records(capsys, *words) -> dict:
    assert main(["tag", *words, "--encoder", "compact", "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_tag_has_its_probability_where_asked_for(clip, tagger, capsys):
    record = records(capsys, clip, "--calibrated", "--top", "5")
    tagging = tagger.tag(clip)
    for tag in record["tags"]:
        assert tag["probability"] == pytest.approx(tagging.probabilities[tag["index"]], rel=1e-5)
    assert record["calibration"]["prior"] == "bal_train"
    assert "with the compact encoder it is a guess" in record["notes"][-1]
    plain = records(capsys, clip, "--top", "5")
    assert "probability" not in plain["tags"][0] and "calibration" not in plain
    assert [tag["label"] for tag in plain["tags"]] == [tag["label"] for tag in record["tags"]]


def test_csv_and_table_hold_probabilities_too(clip, capsys):
    words = ["tag", clip, "--encoder", "compact", "--top", "3", "--calibrated"]
    assert main([*words, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert main(words) == 0
    table = capsys.readouterr().out
    for row in rows:
        assert 0 < float(row["probability"]) < 1
        assert (
            f"{float(row['score']):.3f}  {float(row['probability']):.3f}  {row['label']}" in table
        )


def test_a_class_that_is_rarer_elsewhere_is_less_probable_there(clip, capsys):
    fitted = records(capsys, clip, "--calibrated")["tags"]
    everywhere = records(capsys, clip, "--calibrated", "--prior", "audioset")["tags"]
    likely = records(capsys, clip, "--calibrated", "--prior", "0.5")["tags"]
    by_label = {tag["label"]: tag["probability"] for tag in everywhere}
    assert by_label["Siren"] < next(t["probability"] for t in fitted if t["label"] == "Siren")
    assert all(b["probability"] > a["probability"] for a, b in zip(fitted, likely, strict=True))


@pytest.mark.parametrize("threshold", ["0.2", "f1", "precision:0.5"])
def test_tags_below_their_threshold_are_left_out(clip, tagger, capsys, threshold):
    record = records(capsys, clip, "--threshold", threshold, "--occlusion")
    tagging = tagger.tag(clip)
    level = float(threshold) if threshold[0].isdigit() else threshold
    reaching = tagging.scores >= tagging.thresholds(level)
    expected = [tagging.labels[k].name for k in tagging.top(10) if reaching[k]]
    assert [tag["label"] for tag in record["tags"]] == expected
    assert list(record["frames"]["occlusion"]) == expected


def test_where_no_tag_reaches_its_threshold_none_is_listed(clip, capsys):
    record = records(capsys, clip, "--threshold", "1", "--occlusion")
    assert record["tags"] == [] and record["frames"]["scores"] == {}


def test_events_begin_at_the_threshold_of_their_class(siren):
    classes = siren.top(5)
    events = find_events(siren, classes, "f1")
    for k in classes:
        scores = [event.score for event in events if event.label == siren.labels[k]]
        own = siren.calibration.thresholds["f1"][k]
        assert all(score >= own for score in scores)
        assert bool(scores) == bool((siren.frame_scores[:, k] >= own).any())
    every = find_events(siren, classes, "precision:0.9", each_class=True)
    assert {event.label for event in every} == {siren.labels[k] for k in classes}


def test_a_tagging_holds_the_probabilities_of_its_own_classes(tagger, siren):
    few = tagger.tag(synthesise("siren"), top=4)
    places = [label.index for label in few.labels]
    assert few.probabilities == pytest.approx(siren.probabilities[places], rel=1e-5)
    moved = replace(few, prior=tagger.prior("audioset"))
    assert (moved.probabilities != few.probabilities).all()
    back = replace(few, prior=tagger.prior("fitted"))
    assert back.probabilities == pytest.approx(few.probabilities, rel=1e-12)
    assert np.array_equal(siren.top(9, calibrated=True), np.argsort(-siren.probabilities)[:9])


def test_a_model_without_a_calibration_says_so(clip, bare, capsys):
    tagging = load_tagger(bare, "compact").tag(clip)
    assert tagging.probabilities is None
    assert "probability" not in export.tagging_record(tagging)["tags"][0]
    for option in (["--calibrated"], ["--threshold", "f1"]):
        assert main(["tag", clip, "--model", bare, *option]) == 1
        assert "has no calibration" in capsys.readouterr().err
    assert main(["tag", clip, "--model", bare, "--threshold", "f1", "--format", "rttm"]) == 1
    with pytest.raises(CheckpointError, match="python -m train calibrate"):
        find_events(tagging, [0], "f1")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--prior", "0.1"], "--prior is of use with --calibrated only"),
        (["--calibrated", "--format", "rttm"], "--format rttm cannot hold probabilities"),
        (["--calibrated", "--prior", "1"], "1 is not between 0.000001 and 0.999999"),
        (["--calibrated", "--prior", "nan"], "nan is not between"),
        (["--calibrated", "--prior", "rare"], "'rare' is not a number"),
        (["--threshold", "precision:0.95"], "'precision:0.95' is none of precision:0.1, "),
    ],
)
def test_options_that_do_not_go_together_are_refused(clip, capsys, words, reason):
    try:
        assert main(["tag", clip, *words]) == 1
    except SystemExit as stopped:
        assert stopped.code == 2
    assert reason in capsys.readouterr().err
