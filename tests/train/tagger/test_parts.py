"""Sets that can't be trained on or scored are refused before any work, with counts and remedy."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.errors import AudioSetDemoError, DataError, StorageError
from audioset_demo.evaluation import evaluate_scores
from audioset_demo.models.card import load_card
from tests.train.toy_features import write_features
from train.__main__ import main
from train.data.features import FeatureSet, load_features
from train.data.split import held_out
from train.runs import select_checkpoint
from train.tagger import fit as fit_module
from train.tagger.average import average
from train.tagger.config import FitConfig
from train.tagger.evaluate import evaluate
from train.tagger.fit import fit
from train.tagger.occlude import occlude
from train.tagger.parts import never_learned, parts_of

TINY = FitConfig(
    model="single_attention", iterations=4, batch_size=8, hidden_units=8, evaluate_every=2
)


def write(path: Path, y: np.ndarray, ids: list[bytes] | None = None) -> Path:
    """Clips of six frames with the given labels."""
    with h5py.File(path, "w") as file:
        file["x"] = np.random.default_rng(0).integers(1, 256, (len(y), 6, 128)).astype(np.uint8)
        file["y"] = y
        file["video_id_list"] = ids or [b"clip%03d" % i for i in range(len(y))]
        names = [f"class {k}" for k in range(y.shape[1])]
        file.create_dataset("labels", data=names, dtype=h5py.string_dtype())
    return path


def of_two_classes(n_clips: int) -> np.ndarray:
    return np.eye(2, dtype=bool)[np.arange(n_clips) % 2]


@given(
    n_clips=st.integers(1, 60), seed=st.integers(0, 99), whole=st.booleans(), K=st.integers(1, 3)
)
def test_what_is_accepted_can_be_scored_and_what_is_not_cannot(
    tmp_path_factory, n_clips, seed, whole, K
):
    rng = np.random.default_rng(seed)
    y = rng.random((n_clips, K)) < rng.choice([0.02, 0.3, 0.98])
    ids = [b"%d-%d" % (seed, i) for i in range(n_clips)]
    path = tmp_path_factory.mktemp("sets") / "own.h5"
    features = load_features(write(path, y, ids))

    def is_scorable(part: FeatureSet) -> bool:
        try:
            evaluate_scores(part.y, np.zeros(part.y.shape, np.float32))
        except DataError:
            return False
        return True

    rows = held_out(features)
    validation = features.subset(np.flatnonzero(rows), "held out")
    fit_part = features if whole else features.subset(np.flatnonzero(~rows), "rest")
    expected = is_scorable(fit_part) and (whole or is_scorable(validation))
    try:
        found, scored = parts_of(replace(TINY, whole=whole), features)
    except DataError:
        assert not expected
    else:
        assert expected and len(found) == len(fit_part) and len(scored) > 0


@pytest.mark.parametrize("n_clips", [1, 4, 20])
def test_few_clips_are_refused_before_the_run_with_counts_and_remedies(
    tmp_path, monkeypatch, n_clips
):
    ids = [b"clip%03d" % i for i in range(500)]
    features = load_features(write(tmp_path / "all.h5", of_two_classes(500), ids))
    in_fit_part = [ids[i] for i in np.flatnonzero(~held_out(features))]
    few = write(tmp_path / "own.h5", of_two_classes(n_clips), in_fit_part[:n_clips])
    monkeypatch.setattr(fit_module, "make_learner", lambda *_: pytest.fail("work began"))
    message = rf"own has {n_clips} clips, of which 0 are held out .* more clips, or add --whole"
    with pytest.raises(DataError, match=message):
        fit(TINY, load_features(few), tmp_path / "run")
    assert not list((tmp_path / "run").glob("*"))


def test_a_validation_part_that_holds_one_kind_is_refused(tmp_path):
    y = of_two_classes(200)
    features = load_features(write(tmp_path / "own.h5", y))
    y[held_out(features)] = [True, False]
    features = load_features(write(tmp_path / "own.h5", y))
    with pytest.raises(DataError, match="of which .* are held out .* --whole"):
        fit(TINY, features, tmp_path / "run")
    fit(replace(TINY, whole=True), features, tmp_path / "whole")
    assert select_checkpoint(tmp_path / "whole").path.is_file()


def test_the_card_names_the_encoder_of_the_features(tmp_path):
    data = write(tmp_path / "own.h5", of_two_classes(120))
    fit(TINY, load_features(data), tmp_path / "released")
    with h5py.File(data, "a") as file:
        file.attrs["encoder"] = "compact"
    fit(TINY, load_features(data), tmp_path / "compact")
    cards = [load_card(select_checkpoint(tmp_path / r).path) for r in ("released", "compact")]
    assert [card.encoder for card in cards] == [
        "released AudioSet features (VGGish)", "compact encoder (not VGGish)",
    ]  # fmt: skip


@pytest.mark.parametrize("n_clips", [2, 20])
def test_a_run_on_the_whole_set_works_with_few_clips(tmp_path, n_clips):
    features = load_features(write(tmp_path / "own.h5", of_two_classes(n_clips)))
    fit(replace(TINY, whole=True), features, tmp_path / "run")
    assert evaluate(tmp_path / "run", tmp_path / "own.h5").n_clips == n_clips


@pytest.mark.parametrize("value", [False, True])
def test_a_set_whose_clips_all_have_the_same_labels_is_refused(tmp_path, value):
    path = write(tmp_path / "own.h5", np.full((200, 2), value))
    for whole in (False, True):
        with pytest.raises(DataError, match=r"No class has both|no class has both"):
            fit(replace(TINY, whole=whole), load_features(path), tmp_path / "run")


def test_classes_without_a_clip_to_train_on_are_named(tmp_path):
    y = np.hstack([of_two_classes(100), np.zeros((100, 7), bool)])
    note = never_learned(load_features(write(tmp_path / "own.h5", y)))
    assert note == (
        "7 of 9 classes (class 2, class 3, class 4, class 5, class 6, ...) have no clip in the own "
        "and cannot be learned."
    )
    assert never_learned(load_features(write(tmp_path / "two.h5", of_two_classes(9)))) == ""


@pytest.mark.parametrize("sampling", ["plain", "balanced", "square_root"])
@pytest.mark.parametrize("model", ["single_attention", "multi_attention", "feature_attention"])
def test_a_model_of_one_class_is_trained_evaluated_averaged_and_occluded(tmp_path, model, sampling):
    data = write(tmp_path / "own.h5", np.random.default_rng(0).random((120, 1)) < 0.5)
    config = replace(TINY, model=model, sampling=sampling, batch_size=200)
    fit(config, load_features(data), tmp_path / "run")
    assert evaluate(tmp_path / "run", data).n_clips == 120
    assert dict(average([tmp_path / "run"], data))["mean of weights"].n_left_out == 0
    (row,) = occlude([str(select_checkpoint(tmp_path / "run").path)], data)
    assert row.pairs > 0


def test_what_cannot_be_scored_is_refused_before_scoring(tmp_path, monkeypatch):
    data = write(tmp_path / "own.h5", of_two_classes(120))
    fit(TINY, load_features(data), tmp_path / "run")
    one_kind = write(tmp_path / "one.h5", np.tile([True, False], (9, 1)))
    for module in ("evaluate", "average"):
        monkeypatch.setattr(f"train.tagger.{module}.predict", lambda *_, **__: pytest.fail("work"))
    for score in (lambda: evaluate(tmp_path / "run", one_kind),
                  lambda: average([tmp_path / "run"], one_kind)):  # fmt: skip
        with pytest.raises(DataError, match="one has 9 clips and 2 classes, none of which"):
            score()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tensorboard"], "needs the package tensorboardX"),
        (["--mask-missing"], "reads AudioSet's ontology"),
        (["--backend", "keras"], "needs Keras on TensorFlow"),
        (["--teacher", "nowhere"], "no checkpoint nowhere"),
        (["--clips", "900"], "clips, and --clips asks for 900"),
        (["--device", "cuda"], "no cuda device on this machine"),
    ],
)
def test_what_a_run_lacks_is_reported_before_it_starts(
    tmp_path, features_path, monkeypatch, capsys, words, message
):
    import sys

    import torch

    monkeypatch.setattr("train.runs.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.delitem(sys.modules, "train.tagger.keras.learner", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    command = ["fit", "--data", str(features_path), "--output", str(tmp_path / "run")]
    assert main([*command, *words]) == 1
    error = capsys.readouterr().err
    assert message in error and error.startswith("error: ")
    assert not list((tmp_path / "run").glob("*"))


@pytest.mark.parametrize("command", ["evaluate", "average", "occlude", "compare"])
def test_a_place_that_cannot_be_written_to_is_refused_before_the_work(
    tmp_path, features_path, monkeypatch, capsys, command
):
    monkeypatch.setattr("train.data.features.load_features", lambda *_: pytest.fail("work began"))
    flag = {
        "evaluate": "--per-class", "average": "--json", "occlude": "--json",
        "compare": "--output",
    }[command]  # fmt: skip
    models = ["run", "other"] if command == "average" else ["run"]
    data = [] if command == "compare" else ["--data", str(features_path)]
    (tmp_path / "out").mkdir()
    assert main([command, *models, *data, flag, str(tmp_path / "out")]) == 1
    assert "out is a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("run", "run is a file, and a run needs a folder there"),
        ("run/checkpoints", "checkpoints is a file, and a run needs a folder there"),
        ("run/tensorboard", "tensorboard is a file, and a run needs a folder there"),
        ("run/metrics.jsonl/", "metrics.jsonl is a folder"),
        ("run/state.safetensors/", "state.safetensors is a folder"),
    ],
)
def test_a_run_whose_place_is_taken_is_refused_before_the_work(
    tmp_path, features, monkeypatch, made, message
):
    monkeypatch.setattr(fit_module, "make_learner", lambda *_: pytest.fail("work began"))
    path = tmp_path / made
    path.parent.mkdir(exist_ok=True)
    path.mkdir() if made.endswith("/") else path.touch()
    with pytest.raises(StorageError, match=message):
        fit(TINY, features, tmp_path / "run")


@pytest.mark.parametrize("name", ["evaluation.json", "per_class.csv"])
def test_a_run_that_cannot_keep_its_evaluation_is_not_evaluated(
    tmp_path, features, features_path, monkeypatch, name
):
    fit(TINY, features, tmp_path / "run")
    (tmp_path / "run" / name).mkdir()
    monkeypatch.setattr("train.tagger.evaluate.predict", lambda *_, **__: pytest.fail("work"))
    with pytest.raises(StorageError, match=f"{name} is a folder"):
        evaluate(tmp_path / "run", features_path)


def test_no_result_is_written_over_what_is_read_or_over_another(tmp_path, features, features_path):
    fit(TINY, features, tmp_path / "run")
    checkpoint = select_checkpoint(tmp_path / "run").path
    card, mean = checkpoint.with_suffix(".json"), tmp_path / "mean.safetensors"
    for score in (
        lambda: evaluate(checkpoint, features_path, per_class=checkpoint),
        lambda: evaluate(checkpoint, features_path, per_class=card),
        lambda: average([tmp_path / "run"], features_path, output=checkpoint),
        lambda: average([tmp_path / "run"], features_path, record=card),
        lambda: occlude([str(checkpoint)], features_path, output=checkpoint),
    ):
        with pytest.raises(StorageError, match="is one of the inputs"):
            score()
    with pytest.raises(DataError, match=r"mean\.json is where the card .* is written"):
        average([tmp_path / "run"], features_path, output=mean, record=tmp_path / "mean.json")


def test_every_must_be_positive(tmp_path, features_path):
    for every in (0, -3):
        with pytest.raises(AudioSetDemoError, match=f"--every must be at least 1, not {every}"):
            occlude(["average"], features_path, every=every)


def test_all_training_files_of_a_folder_are_trained_on_together_and_said(tmp_path, capsys):
    for name, n_clips in (("bal_train", 120), ("unbal_train", 60), ("eval", 30)):
        write_features(tmp_path / f"{name}.h5", n_clips)
    command = ["fit", "--data", str(tmp_path), "--output", str(tmp_path / "run"), "--whole"]
    assert main([*command, "--iterations", "1", "--batch-size", "8", "--hidden-units", "8"]) == 0
    assert (
        "Clips: 120 of bal_train and 60 of unbal_train, 180 together; 60 clips (clip000, ...) "
        "stand there more than once." in capsys.readouterr().out
    )
    card = load_card(tmp_path / "run" / "checkpoints" / "iter_00001.safetensors")
    assert card.training["set"] == "bal_train and unbal_train (180 clips)"
