"""Training of the compact encoder: its data, its objective, and that it can be stopped."""

import argparse
import csv
import json
from importlib.util import find_spec

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from audioset_demo.encoders.compact import CompactSettings, load_compact
from audioset_demo.encoders.encoder import encode_examples
from audioset_demo.encoders.vggish import weights
from audioset_demo.encoders.vggish.network import VggishNetwork
from audioset_demo.errors import AudioSetDemoError, DataError, StorageError, WeightsError
from audioset_demo.labels import audioset_labels
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import save_checkpoint
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from tests.sounds import file_of, white_noise
from tests.train.toy_features import LABELS, write_features
from train.commands.encoder import add_arguments
from train.commands.encoder import run as run_command
from train.compact_encoder import evaluate, held_out, publish
from train.compact_encoder.config import EncoderConfig
from train.compact_encoder.fit import Run, fit, scenes_of, trained_through
from train.compact_encoder.material import Material
from train.compact_encoder.objective import Objective, Weights, as_models_read
from train.compact_encoder.sounds import scenes
from train.compact_encoder.sounds.categories import CategoryTable
from train.compact_encoder.sounds.recordings import hold_out_sources, read_recordings
from train.compact_encoder.teacher import TeacherOutput, class_columns, nearest_known
from train.runs import open_run

SMALL = CompactSettings(widths=(4, 8), depths=(1, 1), hidden_units=8)


@pytest.fixture(scope="module")
def table():
    return CategoryTable(audioset_labels())


# --- a tiny training from beginning to end ---------------------------------------------------


class FakeTeacher:
    """Scores "Speech" high for loud sounds; counts its calls."""

    title = "a fake"
    gives_frames = False
    gives_start = "random weights"
    mids = tuple(label.mid for label in audioset_labels()[:5])

    def __init__(self):
        self.calls = 0

    def __call__(self, samples):
        self.calls += 1
        scores = np.zeros(len(self.mids), np.float32)
        scores[0] = min(1.0, 10 * float(np.abs(samples).mean()))
        return TeacherOutput(scores)

    def start(self, student):
        """From random weights."""


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    """Two sounds of one second and their list."""
    folder = tmp_path_factory.mktemp("audio")
    (folder / "own").mkdir()
    with open(folder / "own.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "category", "licence"])
        for seed, (name, category) in enumerate((("bark.wav", "Dog"), ("rain.wav", "Rain"))):
            (folder / "own" / name).write_bytes(file_of(white_noise(1, seed=seed)))
            writer.writerow([name, category, "CC0"])
    return folder


@pytest.fixture(scope="module")
def world(audio, table, tmp_path_factory):
    """Material of 12 scenes, an objective through one small frozen model, and the recordings."""
    recordings = read_recordings(audio, table, hold_out=0.0)
    teacher = FakeTeacher()
    maker = scenes.SceneMaker(recordings, scenes.kinds_of(recordings, table), teacher)
    shards = scenes.make_shards(
        lambda: maker, maker.kinds, tmp_path_factory.mktemp("scenes"), 12, seed=0, jobs=1
    )
    columns = class_columns(teacher.mids, audioset_labels())
    material = Material(shards, maker.kinds.targets, columns, maker.kinds.silence)
    parents = torch.from_numpy(nearest_known(columns, audioset_labels()))
    torch.manual_seed(0)
    model = TaggingModel(ModelSettings("feature_attention", hidden_units=8)).eval()
    return (
        recordings,
        maker,
        shards,
        material,
        Objective([model], parents, Weights(1.0, 1.0, 0.0)),
    )


def random(student) -> None:
    """The start of a student that keeps its random weights."""


def config(**changes) -> EncoderConfig:
    return EncoderConfig(
        **{"scenes": 12, "iterations": 3, "batch_size": 6, "alignment": 0.0,
           "frozen": 1, "evaluate_every": 1000, "save_every": 1} | changes
    )  # fmt: skip


def test_a_training_that_was_stopped_ends_with_the_same_weights(world, tmp_path):
    _, _, _, material, objective = world
    whole = Run(config(), material, SMALL, random)
    fit(whole, material, objective, tmp_path, lambda network: {}, ["first"])

    stopped = Run(config(), material, SMALL, random)
    for _ in range(2):
        stopped.step(objective, material)
    stopped.save(tmp_path / "state.safetensors")
    resumed = Run(
        config(seed=1), material, SMALL, random
    )  # other random weights, all to be replaced
    resumed.config = whole.config
    fit(resumed, material, objective, tmp_path, lambda network: {}, ["second"])

    assert resumed.done == 3
    for name, value in whole.averaged().state_dict().items():
        torch.testing.assert_close(resumed.average.tensors[name], value, rtol=0, atol=0)
    assert trained_through(tmp_path) == [
        {"from_iteration": 0, "models": ["first"]},
        {"from_iteration": 2, "models": ["second"]},
    ]


def test_the_frozen_models_stay_as_they_are_and_the_encoder_moves(world, tmp_path):
    _, _, _, material, objective = world
    before = [p.clone() for p in objective.models[0].parameters()]
    run_ = Run(config(), material, SMALL, random)
    start = run_.student.encoder.project.weight.detach().clone()
    run_.step(objective, material)
    assert not torch.equal(run_.student.encoder.project.weight, start)
    assert all(
        torch.equal(a, b) for a, b in zip(before, objective.models[0].parameters(), strict=True)
    )


def test_the_first_convolutions_stay_as_they_start(world):
    _, _, _, material, objective = world
    run_ = Run(config(frozen=2), material, SMALL, random)
    convolutions = run_.student.encoder.convolutions
    before = [convolution.conv.weight.detach().clone() for convolution in convolutions]
    run_.step(objective, material)
    stayed = [torch.equal(a, b.conv.weight) for a, b in zip(before, convolutions, strict=True)]
    assert stayed == [True, True, False, False, False]


def test_the_other_convolutions_learn_at_a_share_of_the_rate(world):
    _, _, _, material, objective = world
    run_ = Run(config(convolutions_rate=0.0), material, SMALL, random)
    encoder = run_.student.encoder
    before = [parameter.detach().clone() for parameter in encoder.convolutions.parameters()]
    head = encoder.hidden.weight.detach().clone()
    run_.step(objective, material)
    assert all(
        torch.equal(a, b) for a, b in zip(before, encoder.convolutions.parameters(), strict=True)
    )
    assert not torch.equal(encoder.hidden.weight, head)


def test_a_run_s_configuration_is_read_back(tmp_path):
    open_run(tmp_path, config(seed=5).to_json())
    assert EncoderConfig.load(tmp_path) == config(seed=5)


def test_scenes_are_made_once_and_not_mixed_with_those_of_other_categories(world, tmp_path):
    recordings, maker, shards, _, _ = world
    calls = maker.teacher.calls
    given = (lambda: maker), maker.kinds
    assert scenes.make_shards(*given, shards[0].parent, 12, seed=0, jobs=1) == shards
    assert maker.teacher.calls == calls
    (tmp_path / "kinds.json").write_text('["Dog"]')
    with pytest.raises(DataError, match="other categories"):
        scenes.make_shards(*given, tmp_path, 12, seed=0, jobs=1)


def test_held_out_recordings_are_never_trained_on(world):
    recordings, maker, _, _, _ = world
    leaked = [hold_out_sources(recordings, 0.0)[0]]
    leaked = [type(leaked[0])(**{**leaked[0].__dict__, "held_out": True})]
    with pytest.raises(ValueError, match="held out"):
        scenes.SceneMaker(leaked, maker.kinds, maker.teacher)


def test_silent_clips_have_the_target_silence_and_silence_adds_nothing_to_a_sound(world):
    _, maker, _, material, _ = world
    silence = next(label.index for label in audioset_labels() if label.name == "Silence")
    assert maker.kinds.silence[silence] == 1
    silent = 0
    for seed in range(10):
        batch = material.batch(np.arange(12), np.random.default_rng(seed))
        for rows, mask, wanted in zip(batch.clips, batch.mask, batch.clip_targets, strict=True):
            sounds = rows[mask][rows[mask] < 12]
            silent += len(sounds) == 0
            expected = maker.kinds.silence if not len(sounds) else batch.targets[sounds].amax(dim=0)
            np.testing.assert_array_equal(wanted, expected)
    assert silent > 0


def test_every_scene_is_read_once_a_round():
    settings = config(batch_size=4)
    seen = np.concatenate([scenes_of(settings, 12, iteration) for iteration in range(3)])
    assert sorted(seen) == list(range(12))


def test_the_training_input_of_models_is_close_to_the_quantised_one():
    from audioset_demo.embeddings.frames import quantise

    components = np.random.default_rng(0).uniform(-2, 2, (50, 128)).astype(np.float32)
    quantised = (quantise(components).astype(np.float32) - 128) / 128
    smooth = as_models_read(torch.from_numpy(components)).numpy()
    assert np.abs(smooth - quantised).max() <= 0.51 / 128
    assert abs((smooth - quantised).mean()) < 1e-3


def test_a_saved_encoder_has_the_output_of_the_trained_one(world, tmp_path):
    _, _, _, material, _ = world
    network = Run(config(), material, SMALL, random).averaged()
    publish.save_encoder(tmp_path, network, {"settings": SMALL.to_json()})
    examples = np.random.default_rng(0).normal(-3, 1, (3, 96, 64)).astype(np.float32)
    loaded, _ = load_compact(tmp_path)
    np.testing.assert_allclose(
        encode_examples(loaded, examples), encode_examples(network, examples), atol=2e-3
    )


def test_hit_rates_count_clips_with_an_expected_class_near_the_top():
    scores = np.zeros((4, 20))
    scores[0, 3] = scores[1, 7] = 1  # first
    scores[2, [10, 11, 3]] = [0.9, 0.8, 0.7]  # third
    scores[3, 10:16] = 1  # below six others
    scores[3, 7] = 0.5
    clips = [held_out.Sound(None, row, (3, 7), "Dog") for row in scores]
    rates = evaluate.hit_rates(lambda clip: (clip.examples, None), clips)
    assert (rates["top1"], rates["top5"], rates["top10"]) == (0.5, 0.75, 1.0)
    assert rates["categories"]["Dog"]["clips"] == 4


def test_of_a_category_that_is_a_class_its_parents_and_children_count_too(table):
    names = [label.name for label in audioset_labels()]
    hits = held_out.hits(table.find("Dog", ""), audioset_labels())
    assert {"Dog", "Bark", "Domestic animals, pets"} <= {names[k] for k in hits}
    assert "Animal" not in {names[k] for k in hits}
    church_bells = table.find("Church bells", "")
    assert held_out.hits(church_bells, audioset_labels()) == church_bells.expected


def test_below_the_score_of_half_wrong_at_least_half_of_the_top_tags_are_wrong():
    rng = np.random.default_rng(0)
    clips, right = [], 0
    for place in range(400):
        top = rng.uniform(0.1, 1)
        hit = rng.random() < top  # the surer, the oftener right
        scores = np.array([top, 0.0] if hit else [0.0, top])
        clips.append(held_out.Sound(None, scores, (0,), "", trained=place % 4 > 0))
        right += hit
    figures = evaluate.sureness(lambda clip: (clip.examples, None), clips)
    half = figures["half_wrong_below"]
    assert 0.35 < half < 0.65
    below = [clip.examples for clip in clips if clip.examples.max() < half]
    assert np.mean([scores[1] > 0 for scores in below]) >= 0.5
    wrong = [row["wrong"] for row in figures["coverage"]]
    assert wrong[0] == round(1 - right / 400, 4) and wrong == sorted(wrong, reverse=True)
    assert figures["unknown"]["clips"] == 100
    assert 0 < figures["unknown"]["wrong_and_sure"] < figures["unknown"]["wrong"]


@pytest.mark.parametrize(("right", "half"), [(True, 0.0), (False, 1.0)])
def test_what_is_always_right_is_never_unsure_and_what_is_always_wrong_always(right, half):
    scores = np.array([[0.3, 0.0], [0.6, 0.0]])
    clips = [held_out.Sound(None, row, (0,) if right else (1,), "") for row in scores]
    figures = evaluate.sureness(lambda clip: (clip.examples, None), clips)
    assert figures["half_wrong_below"] == half


def test_a_class_that_the_teacher_lacks_is_absent_where_the_class_above_it_is():
    labels = audioset_labels()
    names = [label.name for label in labels]
    columns = np.arange(len(labels))
    man, speech = names.index("Male speech, man speaking"), names.index("Speech")
    columns[man] = -1
    parents = nearest_known(columns, labels)
    assert parents[man] == speech and (np.delete(parents, man) == np.delete(columns, man)).all()

    model = TaggingModel(ModelSettings("feature_attention", hidden_units=8))
    objective = Objective([model], torch.from_numpy(parents), Weights(0, 0, 0))
    counted = objective.counted(torch.zeros(2, len(labels)).index_fill(1, torch.tensor(speech), 1))
    assert not counted[:, man].any() and counted[:, speech].all()
    assert objective.counted(torch.zeros(2, len(labels))).all()


def test_a_sequence_is_right_where_each_sound_scores_highest_in_its_own_part():
    frames = np.zeros((9, 3))  # frames of 0.96 s: the parts are 0 to 2, 3 to 5, and 6 to 8
    frames[[1, 3, 2], [0, 1, 2]] = 1  # the third sound in the part of the first
    sequence = held_out.Sequence(held_out.Sound(None, frames, (), ""), ((0,), (1,), (2,)))
    rates = evaluate.in_time(lambda sound: (None, sound.examples), [sequence])
    assert rates == {"sounds": 3, "in_own_part": 0.6667}


def test_silence_and_noise_are_calm_where_nothing_else_scores_high():
    def sound(scores):
        return held_out.Sound(None, np.array(scores), (0,), "silence")

    figures = evaluate.calmness(
        lambda sound: (sound.examples, None), [sound([0.9, 0.1]), sound([0.2, 0.3])]
    )
    assert figures == {
        "sounds": 2,
        "silence_or_noise_first": 0.5,
        "greatest_other_score": 0.3,
    }


@pytest.fixture
def encoder(tmp_path):
    """The command, on three sounds, four clips of features and a tiny model; the run is `run`."""
    labels = audioset_labels()
    rng = np.random.default_rng(0)
    (tmp_path / "audio" / "own").mkdir(parents=True)
    names = ["one.wav", "two.wav", "three.wav"]
    for seed, name in enumerate(names):
        (tmp_path / "audio" / "own" / name).write_bytes(file_of(white_noise(1.25, seed=seed)))
    rows = "".join(f"{name},Dog,CC0,{name[:3]}\n" for name in names)
    (tmp_path / "audio" / "own.csv").write_text("file,category,licence,attribution\n" + rows)
    with h5py.File(tmp_path / "features.h5", "w") as file:
        file["x"] = rng.integers(0, 256, (4, 10, 128), np.uint8)
        file["y"] = rng.random((4, len(labels))) < 0.01
        file["video_id_list"] = np.array([b"a", b"b", b"c", b"d"])
    settings = ModelSettings("feature_attention", hidden_units=8)
    card = ModelCard("feature_attention", settings, 1, training={"set": "tiny", "iteration": 2})
    save_checkpoint(tmp_path / "model.safetensors", TaggingModel(settings), card)

    def encoder(*extra: str) -> int:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        paths = ["--audio", tmp_path / "audio", "--output", tmp_path / "run"]
        paths += ["--models", tmp_path / "model.safetensors"]
        numbers = ["--scenes", "12", "--iterations", "2", "--batch-size", "6"]
        numbers += ["--speech", "0", "--music", "0", "--jobs", "1"]
        return run_command(parser.parse_args([*map(str, paths), *numbers, *extra]))

    return encoder


def test_the_whole_command_trains_evaluates_and_describes_an_encoder(
    encoder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("train.compact_encoder.teacher.Yamnet", lambda path: FakeTeacher())
    speech = "6" if find_spec("espeakng_loader") else "0"  # no package for some machines
    given = ["--teacher", "fake", "--features", str(tmp_path / "features.h5"), "--speech", speech]
    assert encoder(*given) == 0
    described = json.loads((tmp_path / "run" / "compact.json").read_text())
    assert described["trained_through"] == [
        {"from_iteration": 0, "models": ["feature_attention, tiny, iteration 2"]}
    ]
    assert described["held_out"]["recordings"] == 1
    figures = described["held_out"]["figures"]
    assert set(figures) == {"Feature-level attention", "teacher: a fake"}
    assert set(figures["teacher: a fake"]) >= {"sets", "sureness", "excerpts", "calm", "in_time"}
    assert figures["Feature-level attention"]["distance"]["to_nearest_real_frame"] > 0
    sounds = list(csv.DictReader((tmp_path / "run" / "sounds.csv").open()))
    assert [row["licence"] for row in sounds].count("CC0") == 2
    assert "top-5" in capsys.readouterr().out
    with pytest.raises(DataError, match="--resume"):
        encoder(*given)
    assert encoder(*given, "--evaluate") == 0
    assert json.loads((tmp_path / "run" / "compact.json").read_text()) == described
    beside = ["--beside", str(tmp_path / "run")]
    assert encoder(*given, "--evaluate", *beside) == 0
    assert (
        len(json.loads((tmp_path / "run" / "compact.json").read_text())["held_out"]["figures"]) == 3
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--teacher", "vggish"], "weights get"),
        (["--teacher", "yamnet.tflite"], "'vggish' where VGGish is installed"),
        ([], "--features bal_train.h5, or --alignment 0"),
        (["--features", "own.h5"], "own.h5 names 3 classes of its own"),
        (["--alignment", "0", "--hold-out", "0"], "Give --hold-out a share above 0"),
        (["--alignment", "0", "--speech", "9"], "pip install espeakng-loader"),
        (["--alignment", "0", "--beside", "nowhere"], "nowhere does not hold the compact encoder"),
        (["--alignment", "0", "--through", "own.safetensors"], "has 3 classes of its own"),
        (["--alignment", "0", "--models", "own.safetensors"], "has 3 classes of its own"),
        (
            ["--alignment", "0", "--categories", "nowhere.csv"],
            "nowhere.csv cannot be read",
        ),
        (["--evaluate"], "run is not a training run"),
        (["--seed", "-1"], "--seed must be from 0 to .*, not -1"),
        (["--ranking", "nan"], "--ranking must be 0 .*, not nan"),
    ],
)
def test_what_is_missing_is_named_with_the_remedy_before_the_work(
    encoder, tmp_path, monkeypatch, words, message
):
    write_features(tmp_path / "own.h5")
    settings = ModelSettings("average", n_classes=3, hidden_units=8)
    card = ModelCard("average", settings, 1, labels=LABELS)
    save_checkpoint(tmp_path / "own.safetensors", TaggingModel(settings), card)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr("train.compact_encoder.sounds.spoken.find_spec", lambda name: None)
    monkeypatch.setattr(scenes, "make_shards", lambda *_: pytest.fail("work began"))
    if "--teacher" not in words:
        monkeypatch.setattr("train.compact_encoder.teacher.Yamnet", lambda path: FakeTeacher())
        words = ["--teacher", "fake", *words]
    with pytest.raises(AudioSetDemoError, match=message):
        encoder(*words)
    assert not list((tmp_path / "run").glob("*"))


def test_a_place_that_is_taken_is_refused_before_the_work(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("train.compact_encoder.teacher.Yamnet", lambda path: FakeTeacher())
    monkeypatch.setattr(scenes, "make_shards", lambda *_: pytest.fail("work began"))
    given = ["--teacher", "fake", "--alignment", "0"]
    (tmp_path / "assets" / "compact.safetensors").mkdir(parents=True)
    monkeypatch.setattr(publish, "ASSETS", tmp_path / "assets")
    with pytest.raises(StorageError, match="compact.safetensors is a folder"):
        encoder(*given, "--publish")
    (tmp_path / "run").rmdir()
    (tmp_path / "run").touch()
    with pytest.raises(StorageError, match="run is a file, and a run needs a folder there"):
        encoder(*given)


def test_vggish_without_its_pca_file_is_refused_as_a_teacher(encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "cache"))
    weights.cache_dir().mkdir()
    save_file({}, weights.vggish_path())
    with pytest.raises(WeightsError, match=r"vggish_pca_params.npz.* weights get"):
        encoder("--teacher", "vggish")


def test_two_models_of_one_title_are_both_used(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("train.compact_encoder.teacher.Yamnet", lambda path: FakeTeacher())
    again = str(tmp_path / "model.safetensors")
    assert encoder("--teacher", "fake", "--alignment", "0", "--models", again, again) == 0
    card = json.loads((tmp_path / "run" / "compact.json").read_text())
    assert len(card["trained_through"][0]["models"]) == 2
    titles = {"Feature-level attention", "Feature-level attention (2)"}
    assert titles < set(card["held_out"]["figures"])


@pytest.mark.slow
def test_with_vggish_as_the_teacher_the_encoder_approaches_its_frames(
    encoder, tmp_path, monkeypatch
):
    """Random weights: what counts is that the encoder learns that network's output."""
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "cache"))
    weights.cache_dir().mkdir()
    torch.manual_seed(0)
    save_file(VggishNetwork().state_dict(), weights.vggish_path())
    scale = 40 * np.eye(128)  # random weights give small numbers
    np.savez(weights.pca_path(), pca_eigen_vectors=scale, pca_means=np.zeros(128))

    assert encoder("--teacher", "vggish", "--iterations", "100") == 0
    weights.vggish_path().unlink()  # 277 MB, which pytest would keep

    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    parts = [json.loads(line)["loss"] for line in lines if "loss" in line]
    assert parts[-1]["alignment"] < 0.5 * parts[0]["alignment"]
    card = json.loads((tmp_path / "run" / "compact.json").read_text())
    assert card["teacher"] == "VGGish (Google, Apache-2.0)"
