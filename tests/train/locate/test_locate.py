"""The command: signals whose answer is known, tables that the app reads, errors before the work."""

import json

import h5py
import numpy as np
import pytest

from audioset_demo.errors import DataError
from audioset_demo.models import localisation
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import save_checkpoint
from audioset_demo.models.settings import ModelSettings
from tests.models.toy_models import model_that_has_seen_data
from tests.train.toy_features import LABELS
from train.__main__ import main
from train.locate.locate import locate

N, T = 60, 6


@pytest.fixture
def clips(tmp_path):
    """Features of clips in which one class sounds for two frames, and when it does."""
    rng = np.random.default_rng(0)
    x = rng.integers(100, 156, (N, T, 128)).astype(np.uint8)
    lines = ["filename\tevent_label\tonset\toffset"]
    for n, start in enumerate(rng.integers(0, T - 1, N)):
        x[n, start : start + 2] += 60
        lines.append(f"clip{n}\t{LABELS[n % 3]}\t{start * 0.96:.2f}\t{start * 0.96 + 1.92:.2f}")
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file["x"], file["y"] = x, np.eye(3, dtype=bool)[np.arange(N) % 3]
        file["video_id_list"] = np.array([f"clip{n}" for n in range(N)], "S7")
        file.create_dataset("labels", data=list(LABELS), dtype=h5py.string_dtype())
    events = tmp_path / "events.tsv"
    events.write_text("\n".join(lines) + "\n")
    return tmp_path / "own.h5", events


@pytest.fixture
def checkpoint(tmp_path):
    def make(pooling: str) -> str:
        settings = ModelSettings(pooling, n_classes=3, hidden_units=8)
        path = tmp_path / f"{pooling}.safetensors"
        card = ModelCard(pooling, settings, 1, labels=LABELS)
        save_checkpoint(path, model_that_has_seen_data(settings), card)
        return str(path)

    return make


def test_figures_of_models_with_known_answers(clips, checkpoint, tmp_path, monkeypatch):
    models = [checkpoint("average"), checkpoint("max")]
    summary = locate(models, *clips, least_clips=5, pairs=8, output=tmp_path / "out")
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary
    average, maximum = (model["signals"] for model in summary["models"])
    # All have the same weight, and the mean drops by what a frame contributes.
    assert average["attention"]["auc"] == average["uniform"]["auc"] == 0.5
    assert average["contributions"] == average["frame_scores"]
    assert average["occlusion"]["auc"] == average["contributions"]["auc"]
    # All of the maximum's attention is on one frame.
    assert maximum["attention"] == pytest.approx(
        maximum["contributions"] | {"partial_auc": maximum["attention"]["partial_auc"]}, abs=0.2
    )
    (ceiling,) = [each for each in summary["ceilings"] if each["name"] == summary["ceiling"]]
    assert ceiling["auc"] == max(each["auc"] for each in summary["ceilings"]) > 0.95
    for signals in (average, maximum):
        for figures in signals.values():
            expected = (figures["auc"] - 0.5) / (ceiling["auc"] - 0.5)
            assert figures["share_of_ceiling"] == pytest.approx(expected)
            assert figures["auc_low"] <= figures["auc"] <= figures["auc_high"]

    mixture = summary["chosen_mixture"]
    assert all({"average", "max"} >= set(names) for names in mixture["chosen_on_each_half"])
    assert 0.5 < mixture["auc_low"] <= mixture["auc"] <= mixture["auc_high"]

    monkeypatch.setattr(localisation, "PACKAGED", tmp_path / "out")
    localisation.located_classes.cache_clear()
    of_class = localisation.located_classes("average")
    localisation.located_classes.cache_clear()
    assert [located.clips for located in of_class.values()] == [20, 20, 20]
    assert of_class[0].auc["attention"] == (0.5, 0.5, 0.5)
    mean = np.mean([located.auc["contributions"][0] for located in of_class.values()])
    assert mean == pytest.approx(average["contributions"]["auc"], abs=1e-4)


def test_the_command_prints_a_line_for_each_signal_and_ceiling(clips, checkpoint, capsys):
    data, events = map(str, clips)
    words = ["--data", data, "--events", events, "--least-clips", "5", "--pairs", "4"]
    assert main(["locate", checkpoint("average"), *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("60 clips; means over the 3 of 3 classes")
    assert len(lines) == 2 + 6 + 2 + 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "No class has 50 clips .* the most is 20"),
        ({"least_clips": 5, "twice": True}, "Two of the models have one name"),
    ],
)
def test_what_cannot_be_judged_is_refused_at_once(clips, checkpoint, options, message):
    models = [checkpoint("average")] * (2 if options.pop("twice", False) else 1)
    with pytest.raises(DataError, match=message):
        locate(models, *clips, **options)
