"""The whole experiment: its settings, its table, killed and going on, its models in the app."""

import csv
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audioset_demo.evaluation import evaluate_scores
from audioset_demo.models.card import load_card
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.published import full_data_figures
from audioset_demo.models.settings import POOLINGS
from tests.conftest import DATA_DIR
from tests.documents.pages import ROOT, steps
from tests.train.children import die, die_halfway_through, replace_and_die, run_in_child
from tests.train.data.test_pack import archive, clip, record
from tests.train.toy_features import write_features
from train.__main__ import main
from train.commands.reproduce import duration
from train.data.features import load_features
from train.reproduce import estimate, experiment, recipes
from train.reproduce.recipes import rows_of
from train.tagger import fit as fit_module
from train.tagger.fit import learning_rate_at
from train.tagger.predict import predict

MODELS = ("average", "single_attention")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A folder as the experiment takes it; the clips have the classes of AudioSet."""
    folder = tmp_path_factory.mktemp("data")
    write_features(folder / "bal_train.h5", labels=None)
    write_features(folder / "eval.h5", n_clips=60, labels=None)
    return folder


def shrink() -> None:
    """Both recipes with 30 iterations of a tiny model."""
    small = {"iterations": 30, "batch_size": 8, "hidden_units": 16}
    recipes.REFERENCE = replace(recipes.REFERENCE, **small)
    recipes.PROJECT = replace(recipes.PROJECT, **small)
    estimate.LEAST_SECONDS = 0.0


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for module, name in ((recipes, "REFERENCE"), (recipes, "PROJECT"), (estimate, "LEAST_SECONDS")):
        monkeypatch.setattr(module, name, getattr(module, name))
    shrink()


def command(data: Path, runs: Path, *more: str) -> list[str]:
    return ["reproduce", "--data", str(data), "--output", str(runs), "--models", *MODELS, *more]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, data) -> Path:
    """An undisturbed experiment."""
    runs = tmp_path_factory.mktemp("runs") / "whole"
    assert run_in_child(reproduce, command(data, runs)) == 0
    return runs


def reproduce(arguments: list[str]) -> None:
    shrink()
    raise SystemExit(main(arguments))


# Parameters in millions, as the reference's own models have them.
@pytest.mark.parametrize(
    ("backend", "millions"),
    [
        ("torch", {"average": 2.775, "max": 2.775, "single_attention": 3.315,
                   "multi_attention": 3.871, "feature_attention": 4.876}),
        ("keras", {"average": 2.784, "max": 2.784, "single_attention": 3.324,
                   "multi_attention": 4.960, "feature_attention": 4.887}),
    ],
)  # fmt: skip
def test_the_reference_s_recipe_has_its_models_and_its_settings(monkeypatch, backend, millions):
    monkeypatch.undo()  # the recipe itself
    rows = rows_of("reference", backend, list(POOLINGS), 2_063_949)
    for row in rows:
        config = row.config
        assert (config.iterations, config.evaluate_every, row.averaged) == (50_000, 5_000, 9)
        assert (config.batch_size, config.dropout, config.sampling) == (500, 0.5, "balanced")
        assert (config.frames, config.mixup, config.whole) == (0, 0.0, True)
        assert learning_rate_at(config, 0) == learning_rate_at(config, 49_999) == 1e-3
        norm = (1e-3, 0.01) if backend == "keras" else (1e-5, 0.1)
        assert (config.norm_epsilon, config.norm_momentum) == norm
        if config.model in millions:
            model = TaggingModel(config.model_settings(527))
            tensors = list(model.parameters())
            if backend == "keras":  # which counts BatchNorm's running statistics
                tensors += [buffer for buffer in model.buffers() if buffer.ndim]
            found = sum(tensor.numel() for tensor in tensors) / 1e6
            assert found == pytest.approx(millions[config.model], abs=6e-4), config.model


def test_the_project_s_recipe_is_that_of_the_published_models_and_shows_no_more_than_the_other(
    monkeypatch,
):
    """But for teachers of frames, which a row of its own would have to train."""
    monkeypatch.undo()
    here = {row.config.model: row.config for row in rows_of("project", "torch", POOLINGS, 22_160)}
    for model in POOLINGS:
        card = load_card(Path("audioset_demo/assets/models") / model / "checkpoint.safetensors")
        published = card.training["config"]
        made = here[model].to_json()
        free = ("evaluate_every", "seed", "frame_teacher")
        assert {k: made[k] for k in published if k not in free} == {
            k: v for k, v in published.items() if k not in free
        }
    (row,) = rows_of("project", "torch", ["feature_attention"], 2_063_949)
    assert row.config.iterations * row.config.batch_size == pytest.approx(25e6, rel=1e-3)
    assert row.config.sampling == "balanced"


def test_each_row_is_the_mean_of_its_last_nine_checkpoints_beside_the_published_figures(
    whole, data, capsys
):
    with open(whole / "table.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    published = {figures["title"]: figures for figures in full_data_figures()}
    assert [published[row["model"]]["pooling"] for row in rows] == list(MODELS)
    evaluation = load_features(data / "eval.h5")
    for row, model in zip(rows, MODELS, strict=True):
        run = whole / f"{model}_reference"
        paths = [run / f"checkpoints/iter_{at:05d}.safetensors" for at in range(6, 31, 3)]
        scores = np.mean([predict(load_checkpoint(path)[0], evaluation) for path in paths], axis=0)
        expected = evaluate_scores(evaluation.y, scores)
        assert float(row["mAP"]) == pytest.approx(expected.mean_average_precision, abs=1e-6)
        assert float(row["published_mAP"]) == published[row["model"]]["mAP"]
        assert row["trained_on"] == "bal_train (120 clips), balanced-only"
        with open(run / "row_per_class.csv", encoding="utf-8", newline="") as file:
            table = [float(line["ap"]) for line in csv.DictReader(file)]
        assert table == pytest.approx(expected.average_precision, abs=1e-6, nan_ok=True)


def test_finished_rows_are_not_done_again_and_the_table_is_printed_again(
    whole, data, monkeypatch, capsys
):
    monkeypatch.setattr(experiment, "fit", lambda *_, **__: pytest.fail("trained again"))
    assert main(command(data, whole)) == 0
    out = capsys.readouterr().out
    assert "Average pooling" in out and "0.337" in out and "balanced-only" in out
    assert "60 of these (clip000, ...) are trained on" in out and "Left to do" not in out


def test_what_is_left_is_told_before_it_starts(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(experiment, "fit", interrupt)
    arguments = command(data, tmp_path / "runs", "--iterations", "20", "--recipe", "project")
    assert main(arguments) == 130
    out, err = capsys.readouterr()
    assert err == "Stopped. The same command continues from the last checkpoint.\n"
    assert "average_project " in out and "     20 iterations of 0." in out
    assert "GB of memory" in out and "GB of disk" in out


def interrupt(*_, **__) -> None:
    raise KeyboardInterrupt


def test_a_full_disk_is_noticed_before_the_training(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(estimate, "STATE_BYTES", 10**12)
    assert main(command(data, tmp_path / "runs")) == 1
    assert "are free on its disk" in capsys.readouterr().err
    assert not list((tmp_path / "runs").glob("*/checkpoints"))


MOMENTS = {
    "in a step": (fit_module, "_step", die),
    "while a file is written": (os, "fsync", die_halfway_through),
    "after a file is renamed": (os, "replace", replace_and_die),
    "in an evaluation": (experiment, "evaluate", die),
    "in an average": (experiment, "average", die),
}


def reproduce_and_die(arguments: list[str], moment: str, call: int) -> None:
    owner, name, deadly = MOMENTS[moment]
    original, calls = getattr(owner, name), iter(range(1, 10_000))

    def deadly_at_last(*given, **options):
        return (deadly if next(calls) == call else original)(*given, **options)

    setattr(owner, name, deadly_at_last)
    reproduce(arguments)


# Files of a row: configuration, metrics, then checkpoint, card and state, ten times; then two of
# the evaluation, the averages, the table of classes and the row's figures.
@pytest.mark.parametrize(
    ("moment", "call"),
    [
        ("in a step", 50),
        ("while a file is written", 1),
        ("while a file is written", 20),
        ("while a file is written", 37),
        ("after a file is renamed", 34),
        ("after a file is renamed", 38),
        ("in an evaluation", 2),
        ("in an average", 1),
    ],
)
def test_a_killed_experiment_goes_on_with_the_same_command(whole, data, tmp_path, moment, call):
    arguments = command(data, tmp_path / "runs")
    assert run_in_child(reproduce_and_die, arguments, moment, call) == -signal.SIGKILL
    assert run_in_child(reproduce, arguments) == 0
    assert files(tmp_path / "runs") == files(whole)


@pytest.mark.slow
def test_a_killed_experiment_in_keras_goes_on_with_the_same_command(data, tmp_path):
    pytest.importorskip("keras", reason="needs Keras: pip install 'audioset-demo[tensorflow]'")
    one, other = (command(data, tmp_path / name, "--backend", "keras") for name in ("one", "other"))
    assert run_in_child(reproduce, one) == 0
    assert run_in_child(reproduce_and_die, other, "in a step", 35) == -signal.SIGKILL
    assert run_in_child(reproduce, other) == 0
    assert files(tmp_path / "other") == files(tmp_path / "one")


def files(runs: Path) -> dict[str, bytes]:
    """By name, all that does not tell the time."""
    return {
        str(path.relative_to(runs)): path.read_bytes()
        for path in runs.rglob("*")
        if path.is_file() and path.name != "metrics.jsonl"
    }


def test_rows_of_other_clips_or_settings_are_refused(whole, data, tmp_path, capsys):
    assert main(command(data, whole, "--iterations", "40")) == 1
    assert "--iterations was 30 and is now 40" in capsys.readouterr().err
    write_features(tmp_path / "bal_train.h5", n_clips=100, labels=None)
    write_features(tmp_path / "eval.h5", n_clips=60, labels=None)
    assert main(command(tmp_path, whole)) == 1
    assert "other clips" in capsys.readouterr().err
    (tmp_path / "eval.h5").unlink()
    assert main(command(tmp_path, tmp_path / "runs")) == 1
    assert "eval.h5" in capsys.readouterr().err


def test_a_row_is_published_with_the_set_that_it_was_trained_on(whole, tmp_path, capsys):
    row = whole / "single_attention_reference"
    assert main(["publish", str(row), "--into", str(tmp_path)]) == 0
    published = tmp_path / row.name
    assert load_card(published / "checkpoint.safetensors").training_set.endswith("balanced-only")
    evaluated = json.loads((row / "evaluation.json").read_text())
    assert load_card(published / "checkpoint.safetensors").metrics["eval"] == evaluated


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 seconds"), (89, "89 seconds"), (90, "1.5 minutes"), (6e4, "16.7 hours"),
     (4e5, "4.6 days")],
)  # fmt: skip
def test_a_length_of_time_is_told_in_the_unit_that_suits_it(seconds, text):
    assert duration(seconds) == text


def write_archive(path: Path) -> None:
    """Some of the released files, or synthetic ones, in an archive as Google's."""
    released = DATA_DIR / "audioset/tfrecords"
    bal_train, evaluation = (sorted((released / part).glob("*")) for part in ("bal_train", "eval"))
    contents = {
        "bal_train": [file.read_bytes() for file in bal_train[::2]],
        "unbal_train": [file.read_bytes() for file in bal_train[1::2]],
        "eval": [file.read_bytes() for file in evaluation],
    }
    if not released.is_dir():
        contents = {name: [synthetic_clips(name)] for name in contents}
    archive(path, contents)


def synthetic_clips(prefix: str, n: int = 40) -> bytes:
    return b"".join(
        record(clip(1 + i % 3, video_id=b"%s%d" % (prefix.encode(), i))) for i in range(n)
    )


def reproduce_in_and_die(folder: Path, *given) -> None:
    os.chdir(folder)
    reproduce_and_die(*given)


@pytest.mark.slow
def test_the_page_s_commands_lead_to_models_in_the_app_also_after_a_kill(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDIOSET_DEMO_MODELS", str(tmp_path / "models"))
    write_archive(tmp_path / "features.tar.gz")
    words = [step.words[3:] for step in steps(ROOT / "docs/reproducing.md")]
    assert [each[0] for each in words] == ["pack", "reproduce", "reproduce", "publish"]
    for each in words:
        if each[0] == "reproduce":
            death = run_in_child(reproduce_in_and_die, tmp_path, each, "in a step", 70)
            assert death == -signal.SIGKILL
        assert main(each) == 0, capsys.readouterr().err
    card = load_card(tmp_path / "models/feature_attention_reference/checkpoint.safetensors")
    assert card.training_set.startswith("bal_train and unbal_train (")
    assert "balanced-only" not in card.training_set
    with open("runs/paper/table.csv", encoding="utf-8", newline="") as file:
        assert [row["model"] for row in csv.DictReader(file)] == [
            {figures["pooling"]: figures["title"] for figures in full_data_figures()}[model]
            for model in POOLINGS
        ]
