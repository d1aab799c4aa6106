"""Training: a run that learns, is evaluated, compared with others, and published."""

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from audioset_demo.cli import main
from audioset_demo.errors import CheckpointError, DataError, StorageError
from audioset_demo.evaluation import evaluate_scores
from audioset_demo.models.card import ModelCard, load_card
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.published import find_checkpoint, published_models
from audioset_demo.models.settings import POOLINGS
from tests.train.toy_features import LABELS, write_features
from train.data.features import load_features
from train.runs import flag, held_run, log_metrics, read_metrics, select_checkpoint
from train.tagger.compare import compare
from train.tagger.config import FitConfig
from train.tagger.evaluate import evaluate
from train.tagger.fit import fit
from train.tagger.predict import predict
from train.tagger.publish import check_twin, publish
from train.tagger.teacher import load_teachers, teacher_frame_scores

TINY = {
    "iterations": 12, "batch_size": 8, "hidden_units": 16, "evaluate_every": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory, features) -> Path:
    run = tmp_path_factory.mktemp("runs") / "run"
    fit(FitConfig(model="single_attention", **TINY), features, run)
    return run


@pytest.mark.parametrize("model", POOLINGS)
def test_every_model_learns(model, features, tmp_path):
    settings = {**TINY, "iterations": 150, "evaluate_every": 150}
    config = FitConfig(model=model, learning_rate=1e-2, mixup=0.0, **settings)
    fit(config, features, tmp_path / model)
    assert select_checkpoint(tmp_path / model).figures["validation"]["mAP"] > 0.9


def _metrics(run: Path) -> list[dict]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds_a_batch"} for line in lines]


def test_a_run_is_not_overwritten_nor_resumed_with_other_settings(run, features):
    config = FitConfig(model="single_attention", **TINY)
    with pytest.raises(DataError, match="already holds a run"):
        fit(config, features, run)
    with pytest.raises(DataError, match="--iterations was 12 and is now 20"):
        fit(FitConfig(model="single_attention", **{**TINY, "iterations": 20}), features, run, True)


def test_half_precision_keeps_the_scores(run):
    """The published weights are float16; the state holds the float32 ones."""
    saved = [line for line in _metrics(run) if "checkpoint" in line]
    assert len(saved) == 3
    assert max(line["half_precision_max_difference"] for line in saved) < 1e-3


def test_a_run_on_the_whole_set_has_no_validation_figures(features, tmp_path):
    fit(FitConfig(model="average", whole=True, **TINY), features, tmp_path / "run")
    selected = select_checkpoint(tmp_path / "run")
    assert selected.path.name == "iter_00012.safetensors"
    assert "validation" not in selected.figures
    assert load_checkpoint(selected.path)[1].training["set"] == "own (120 clips)"


def test_a_run_is_evaluated_and_published(run, features_path, features, tmp_path):
    result = evaluate(run, features_path)
    model, card = load_checkpoint(select_checkpoint(run).path)
    assert card.labels == LABELS and card.training["command"].startswith("python -m train fit")
    published = publish(run, "own", models_dir=tmp_path)
    table = tmp_path / "classes.csv"
    again = evaluate(published / "checkpoint.safetensors", features_path, per_class=table)
    assert table.read_bytes() == (published / "per_class.csv").read_bytes()
    assert again.mean_average_precision == pytest.approx(result.mean_average_precision, abs=1e-9)
    scores = predict(load_checkpoint(published / "checkpoint.safetensors")[0], features)
    assert np.array_equal(scores, predict(model, features))
    assert {p.name for p in published.iterdir()} == {
        "checkpoint.safetensors", "checkpoint.json", "per_class.csv", "learning_curve.csv",
    }  # fmt: skip


def test_a_run_that_is_published_again_loses_neither_model_on_the_way(
    run, features_path, tmp_path, monkeypatch
):
    evaluate(run, features_path)
    published = publish(run, "own", models_dir=tmp_path)
    before = {path.name: path.read_bytes() for path in published.iterdir()}
    (published / "notes.txt").write_text("kept")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("train.tagger.publish.save_card", full)
        with pytest.raises(StorageError, match="own could not be written: no space left"):
            publish(run, "own", models_dir=tmp_path)
    assert {path.name: path.read_bytes() for path in published.iterdir()} == {
        **before, "notes.txt": b"kept",
    }  # fmt: skip
    publish(run, "own", models_dir=tmp_path)
    assert (published / "notes.txt").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_a_run_is_trained_by_one_process_at_a_time(run, features):
    config = FitConfig(model="single_attention", **TINY)
    with (
        held_run(run, config.to_json(), resume=True),
        pytest.raises(DataError, match="Another process is training the run .* give another"),
    ):
        fit(config, features, run, resume=True)
    fit(config, features, run, resume=True)


@pytest.fixture(scope="module")
def other_seed(tmp_path_factory, features) -> Path:
    run = tmp_path_factory.mktemp("runs") / "other seed"
    fit(FitConfig(model="single_attention", seed=1, **TINY), features, run)
    return run


def test_a_run_on_the_whole_set_is_published_with_the_figures_of_runs_that_validate_it(
    run, other_seed, features_path, features, tmp_path
):
    whole = tmp_path / "whole"
    fit(FitConfig(model="single_attention", whole=True, **TINY), features, whole)
    evaluate(whole, features_path)
    published = publish(whole, validated_by=[run, other_seed], models_dir=tmp_path)
    validation = json.loads((published / "checkpoint.json").read_text())["metrics"]["validation"]
    each = [select_checkpoint(twin).figures["validation"]["mAP"] for twin in (run, other_seed)]
    assert validation["mAP"] == pytest.approx(sum(each) / 2)
    assert validation["mAP_spread"] == pytest.approx(abs(each[0] - each[1]) / 2**0.5)
    assert validation["runs"] == 2 and "fit part" in validation["of"]
    with pytest.raises(DataError, match="whole cannot validate .* trained on the whole set"):
        publish(whole, "refused", validated_by=[whole], models_dir=tmp_path)
    assert not (tmp_path / "refused").exists()


def test_a_run_validates_one_whose_settings_are_its_own_or_are_the_defaults_that_came_later(run):
    card = load_card(select_checkpoint(run).path)
    config = card.training["config"]

    def with_config(config: dict) -> ModelCard:
        return replace(card, training=card.training | {"config": config})

    before = {name: value for name, value in config.items() if not name.startswith("frame_")}
    check_twin(card, with_config(before), run)
    check_twin(with_config(before), card, run)
    taught = with_config(config | {"frame_teacher": ["runs/one"]})
    check_twin(taught, with_config(config | {"frame_teacher": ["runs/other"]}), run)
    with pytest.raises(DataError, match="differs in frame_teacher"):
        check_twin(taught, card, run)


def test_runs_are_compared_by_what_differs_and_seeds_are_averaged(
    run, other_seed, features, tmp_path
):
    changed = tmp_path / "changed"
    fit(FitConfig(model="single_attention", dropout=0.0, **TINY), features, changed)
    base, other = compare([run, other_seed, changed], tmp_path / "table.csv")
    assert base.runs == 2 and base.setting.startswith("--model single_attention --iterations 12")
    assert base.gain is None and base.spread_auc is not None
    assert other.setting == "--dropout 0.0" and other.runs == 1
    assert other.gain == pytest.approx(other.mean_average_precision - base.mean_average_precision)
    assert (tmp_path / "table.csv").read_text().count("\n") == 3


def test_runs_without_validation_figures_are_not_compared(run, features, tmp_path):
    fit(FitConfig(model="average", whole=True, **TINY), features, tmp_path / "whole")
    with pytest.raises(DataError, match="--whole"):
        compare([run, tmp_path / "whole"])
    with pytest.raises(DataError, match="not a training run"):
        compare([run, tmp_path])


def test_a_student_learns_its_teacher_s_scores(run, features, tmp_path):
    """With a weight of 1 no label is seen."""
    config = FitConfig(
        model="average", mixup=0.0, learning_rate=1e-2, teacher=(str(run),), teacher_weight=1.0,
        **{**TINY, "iterations": 300, "evaluate_every": 300},
    )  # fmt: skip
    fit(config, features, tmp_path / "student")
    student, teacher = (
        predict(load_checkpoint(select_checkpoint(r).path)[0], features)
        for r in (tmp_path / "student", run)
    )
    assert np.abs(student - teacher).mean() < 0.05


@pytest.mark.parametrize("model", POOLINGS)
def test_a_student_learns_its_teacher_s_scores_of_frames(model, run, features, tmp_path):
    """They are smoothed; from the labels of clips alone it is further from them."""
    teacher = load_teachers("frame_teacher", (str(run),), features)
    wanted = teacher_frame_scores(teacher, features, tmp_path)
    clips, mask, _ = features.batch(np.arange(len(features)))
    assert wanted.shape == (*mask.shape, 3) and not wanted[~mask.numpy()].any()
    errors = []
    for taught in ({"frame_teacher": (str(run),), "frame_weight": 5.0}, {}):
        config = FitConfig(
            model=model, mixup=0.0, dropout=0.0, learning_rate=1e-2, **taught,
            **{**TINY, "iterations": 200, "evaluate_every": 200},
        )  # fmt: skip
        fit(config, features, tmp_path / str(len(errors)))
        student, _ = load_checkpoint(select_checkpoint(tmp_path / str(len(errors))).path)
        with torch.inference_mode():
            scores = student.frame_scores(clips[mask]).numpy()
        errors.append(np.abs(scores - wanted[mask.numpy()]).mean())
    assert errors[0] < 0.5 * errors[1], errors


@pytest.mark.parametrize("setting", ["teacher", "frame_teacher"])
def test_a_teacher_of_other_classes_is_refused_by_name(setting, run, tmp_path):
    other = load_features(write_features(tmp_path / "other.h5", labels=("a", "b", "c")))
    config = FitConfig(model="average", **{setting: (str(run),)}, **TINY)
    with pytest.raises(DataError, match=f"{flag(setting)} .* their names differ"):
        fit(config, other, tmp_path / "student")


def test_keras_refuses_teachers_of_frames(run, features, tmp_path):
    config = FitConfig(model="average", backend="keras", frame_teacher=(str(run),), **TINY)
    with pytest.raises(DataError, match="--frame-teacher. Train with --backend torch"):
        fit(config, features, tmp_path / "student")


def test_metrics_are_written_for_tensorboard_on_request(features, tmp_path):
    pytest.importorskip("tensorboardX", reason="pip install 'audioset-demo[tensorboard]'")
    fit(FitConfig(model="average", **TINY), features, tmp_path / "run", tensorboard=True)
    events = list((tmp_path / "run" / "tensorboard").iterdir())
    assert len(events) == 1 and b"validation/mAP" in events[0].read_bytes()


def published_names(capsys) -> list[str]:
    published_models.cache_clear()
    assert main(["models", "--format", "json"]) == 0
    return [row["name"] for row in json.loads(capsys.readouterr().out)]


@pytest.fixture
def own_models(tmp_path, monkeypatch) -> Path:
    """Folder of what the user publishes."""
    monkeypatch.setenv("AUDIOSET_DEMO_MODELS", str(tmp_path / "models"))
    yield tmp_path / "models"
    published_models.cache_clear()


def test_what_is_published_is_the_user_s_own_and_listed_by_its_name(
    run, features_path, own_models, capsys
):
    evaluate(run, features_path)
    bundled = published_names(capsys)
    assert publish(run, "two") == own_models / "two"
    assert publish(run) == own_models / run.name
    assert sorted(published_names(capsys)) == sorted([*bundled, "two", run.name])
    assert load_card(find_checkpoint("two")).title == "Single attention: two"
    publish(run, "two")  # the same training again


@pytest.mark.parametrize("name", ["..", "a/b", "/tmp/a", " ", "-x", "two.", "two\n", "x" * 65])
def test_a_name_that_is_unsafe_as_a_folder_is_refused(run, features_path, own_models, name):
    evaluate(run, features_path)
    with pytest.raises(DataError, match="(?s)cannot be published as .*letters, digits, - and _"):
        publish(run, name)
    assert not own_models.exists()


def test_a_name_that_another_model_has_is_refused(run, other_seed, features_path, own_models):
    for each in (run, other_seed):
        evaluate(each, features_path)
    with pytest.raises(DataError, match="'average' is a model of the package"):
        publish(run, "average")
    publish(run, "two")
    with pytest.raises(DataError, match="'two' is already published, from another training"):
        publish(other_seed, "two")
    with pytest.raises(StorageError, match="cannot be written"):
        publish(run, "two", models_dir=features_path)  # a file
    (own_models / "two" / "checkpoint.json").write_text("[]")
    publish(other_seed, "two")  # a damaged one is replaced
    assert load_card(own_models / "two" / "checkpoint.safetensors").training["config"]["seed"] == 1


def test_a_perfect_score_is_written_as_json(tmp_path):
    separable = np.array([[True, False], [False, True]])
    result = evaluate_scores(separable, separable.astype(float))
    assert result.d_prime == np.inf
    log_metrics(tmp_path, {"iteration": 1, "loss": np.nan, "validation": result.to_json()})
    text = (tmp_path / "metrics.jsonl").read_text()
    assert "Infinity" not in text and "NaN" not in text
    (line,) = read_metrics(tmp_path)
    assert line["validation"]["AUC"] == 1.0 and line["validation"]["d_prime"] is None


def test_a_run_is_not_published_before_it_is_evaluated(features, tmp_path):
    fit(FitConfig(model="average", **TINY), features, tmp_path / "run")
    with pytest.raises(DataError, match="has not been evaluated"):
        publish(tmp_path / "run", models_dir=tmp_path)


def test_a_model_that_diverges_stops_the_run_with_the_remedy(features, tmp_path):
    config = FitConfig(model="average", **{**TINY, "learning_rate": 1e30, "precision": "fp32"})
    with pytest.raises(DataError, match="loss is nan at iteration .* Lower --learning-rate"):
        fit(config, features, tmp_path / "run")


def test_a_model_is_not_evaluated_on_another_label_set(run, features_path, tmp_path):
    other = tmp_path / "other.h5"
    other.write_bytes(features_path.read_bytes())
    with h5py.File(other, "a") as file:
        file["labels"][0] = "gong"
    with pytest.raises(CheckpointError, match="label set"):
        evaluate(run, other)
