"""Training: the split, the sampler, and a run that learns, resumes, is evaluated, published."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from audioset_demo.errors import CheckpointError, DataError
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.settings import POOLINGS
from train.config import FitConfig
from train.data import FeatureSet, count_frames, is_validation, load_features, split
from train.evaluate import average, evaluate, select_checkpoint
from train.fit import fit, mixup
from train.predict import predict
from train.publish import publish
from train.sampling import BalancedSampler

TINY = {
    "iterations": 12, "batch_size": 8, "hidden_units": 16, "evaluate_every": 4,
}  # fmt: skip
LABELS = ("bell", "siren", "noise")


def write_features(path: Path, n_clips: int = 120, seed: int = 0) -> Path:
    """Clips of up to four frames of three classes that a model can tell apart."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, n_clips)
    n_frames = rng.integers(1, 5, n_clips)
    x = rng.integers(0, 60, (n_clips, 4, 128)) + 60 * classes[:, None, None]
    x[np.arange(4) >= n_frames[:, None]] = 0
    with h5py.File(path, "w") as file:
        file["x"] = x.astype(np.uint8)
        file["y"] = np.eye(3, dtype=bool)[classes]
        file["n_frames"] = n_frames
        file["video_id_list"] = np.array([f"clip{i:03d}" for i in range(n_clips)], "S7")
        file.create_dataset("labels", data=list(LABELS), dtype=h5py.string_dtype())
    return path


@pytest.fixture(scope="module")
def features_path(tmp_path_factory) -> Path:
    return write_features(tmp_path_factory.mktemp("features") / "own.h5")


@pytest.fixture(scope="module")
def features(features_path) -> FeatureSet:
    return load_features(features_path)


@pytest.fixture(scope="module")
def run(tmp_path_factory, features) -> Path:
    run = tmp_path_factory.mktemp("runs") / "run"
    fit(FitConfig(model="single_attention", **TINY), features, run)
    return run


@pytest.mark.data
def test_the_same_tenth_of_bal_train_is_held_out_for_ever(shared_data):
    with h5py.File(shared_data / "audioset/bal_train.h5") as file:
        held_out = [video_id for video_id in file["video_id_list"] if is_validation(video_id)]
    assert len(held_out) == 2_249
    assert held_out[:2] == [b"--PJHxphWEs", b"--aaILOrkII"]


def test_the_parts_are_disjoint_and_complete(features):
    fit_part, validation = split(features)
    ids = set(fit_part.video_ids) | set(validation.video_ids)
    assert len(ids) == len(features) == len(fit_part) + len(validation)


def test_frames_are_counted_where_a_file_does_not_say(features):
    assert np.array_equal(count_frames(features.x), features.n_frames)


@given(
    seed=st.integers(0, 2**31),
    batch_size=st.integers(1, 20),
    iteration=st.integers(0, 1000),
)
def test_a_batch_depends_on_seed_and_iteration_alone(seed, batch_size, iteration):
    targets = np.eye(5, dtype=bool)[np.arange(23) % 5]
    fresh = BalancedSampler(targets, batch_size, seed).batch(iteration)
    used = BalancedSampler(targets, batch_size, seed)
    for earlier in range(max(0, iteration - 3), iteration):
        used.batch(earlier)
    assert np.array_equal(used.batch(iteration), fresh)


def test_every_class_is_drawn_equally_often_and_every_clip_of_a_class_in_turn():
    targets = np.zeros((30, 4), bool)
    targets[:27, 0] = targets[27:29, 1] = targets[29:, 2] = True  # class 3 has no clip
    sampler = BalancedSampler(targets, batch_size=9, seed=1)
    drawn = np.concatenate([sampler.batch(i) for i in range(18)])  # 162 draws, 54 a class
    counts = np.bincount(drawn, minlength=30)
    assert counts[:27].tolist() == [2] * 27
    assert counts[27:29].tolist() == [27, 27]
    assert counts[29] == 54


def test_mixup_mixes_clips_and_labels_in_the_same_share():
    clips = torch.eye(6)[:, None, :].expand(6, 3, 6).contiguous()
    targets = torch.eye(6)
    lengths = torch.tensor([3, 1, 2, 3, 2, 1])
    mask = torch.arange(3) < lengths[:, None]
    mixed, mixed_mask, mixed_targets = mixup(clips, mask, targets, 1.0, np.random.default_rng(0))
    assert torch.allclose(mixed[:, 0], mixed_targets)
    assert torch.allclose(mixed_targets.sum(1), torch.ones(6))
    assert (mixed_mask.sum(1) >= 1).all() and (mixed_mask <= mask).all()


@pytest.mark.parametrize("model", POOLINGS)
def test_every_model_learns(model, features, tmp_path):
    settings = {**TINY, "iterations": 150, "evaluate_every": 150}
    config = FitConfig(model=model, learning_rate=1e-2, mixup=0.0, **settings)
    fit(config, features, tmp_path / model)
    assert select_checkpoint(tmp_path / model).figures["validation"]["mAP"] > 0.9


def test_a_killed_run_resumes_to_the_weights_of_one_never_killed(features_path, run, tmp_path):
    killed = tmp_path / "killed"
    command = [
        sys.executable,
        "-m",
        "train",
        "fit",
        "--data",
        features_path,
        "--output",
        killed,
        "--model",
        "single_attention",
        "--resume",
    ]
    for key, value in TINY.items():
        command += [f"--{key.replace('_', '-')}", str(value)]
    process = subprocess.Popen(
        [str(word) for word in command], stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not (killed / "state.safetensors").exists() and time.monotonic() < deadline:
        assert process.poll() is None or process.returncode == 0, process.stderr.read()
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    whole, resumed = (load_file(r / "state.safetensors") for r in (run, killed))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    assert _metrics(run) == _metrics(killed)


def _metrics(run: Path) -> list[dict]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def test_a_run_is_not_overwritten_nor_resumed_with_other_settings(run, features):
    config = FitConfig(model="single_attention", **TINY)
    with pytest.raises(DataError, match="already holds a run"):
        fit(config, features, run)
    with pytest.raises(DataError, match="--iterations was 12, now 20"):
        fit(FitConfig(model="single_attention", **{**TINY, "iterations": 20}), features, run, True)


def test_half_precision_keeps_the_scores(run):
    """The published weights are float16; the state holds the float32 ones."""
    saved = [line for line in _metrics(run) if "checkpoint" in line]
    assert len(saved) == 3
    assert max(line["half_precision_max_difference"] for line in saved) < 1e-3


def test_a_run_on_the_whole_set_claims_no_validation_figures(features, tmp_path):
    fit(FitConfig(model="average", whole=True, **TINY), features, tmp_path / "run")
    selected = select_checkpoint(tmp_path / "run")
    assert selected.path.name == "iter_00012.safetensors"
    assert "validation" not in selected.figures
    assert load_checkpoint(selected.path)[1].training["set"] == "own (120 clips)"


def test_a_run_is_evaluated_averaged_and_published(run, features_path, features, tmp_path):
    result = evaluate(run, features_path)
    model, card = load_checkpoint(select_checkpoint(run).path)
    assert card.labels == LABELS and card.training["command"].startswith("python -m train fit")
    rows = average(run, features_path)
    assert [name for name, _ in rows] == ["iteration 4", "iteration 8", "iteration 12", "mean of 3"]
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


def test_a_run_on_the_whole_set_borrows_the_validation_figures_of_its_twin(
    run, features_path, features, tmp_path
):
    whole = tmp_path / "whole"
    fit(FitConfig(model="single_attention", whole=True, **TINY), features, whole)
    evaluate(whole, features_path)
    published = publish(whole, validated_by=run, models_dir=tmp_path)
    validation = json.loads((published / "checkpoint.json").read_text())["metrics"]["validation"]
    assert validation["mAP"] == select_checkpoint(run).figures["validation"]["mAP"]
    assert "fit part" in validation["of"]
    with pytest.raises(DataError, match="saw the whole set"):
        publish(whole, validated_by=whole, models_dir=tmp_path)


def test_a_run_is_not_published_before_it_is_evaluated(features, tmp_path):
    fit(FitConfig(model="average", **TINY), features, tmp_path / "run")
    with pytest.raises(DataError, match="has not been evaluated"):
        publish(tmp_path / "run", models_dir=tmp_path)


def test_a_model_that_diverges_stops_the_run_with_the_remedy(features, tmp_path):
    config = FitConfig(model="average", **{**TINY, "learning_rate": 1e30, "precision": "fp32"})
    with pytest.raises(DataError, match="not finite at iteration .* Lower --learning-rate"):
        fit(config, features, tmp_path / "run")


def test_a_model_is_not_evaluated_on_another_label_set(run, features_path, tmp_path):
    other = tmp_path / "other.h5"
    other.write_bytes(features_path.read_bytes())
    with h5py.File(other, "a") as file:
        file["labels"][0] = "gong"
    with pytest.raises(CheckpointError, match="label set"):
        evaluate(run, other)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.__delitem__("y"), "no dataset y"),
        (lambda file: file.__delitem__("labels"), "3 classes and does not name them"),
        (lambda file: file["n_frames"].write_direct(np.full(120, 9)), "runs from 9 to 9"),
    ],
)
def test_damaged_features_are_refused_by_value(features_path, tmp_path, damage, message):
    path = tmp_path / "damaged.h5"
    path.write_bytes(features_path.read_bytes())
    with h5py.File(path, "a") as file:
        damage(file)
    with pytest.raises(DataError, match=message):
        load_features(path)


def test_a_truncated_features_file_is_refused(features_path, tmp_path):
    path = tmp_path / "truncated.h5"
    path.write_bytes(features_path.read_bytes()[:5000])
    with pytest.raises(DataError, match="Cannot read"):
        load_features(path)
