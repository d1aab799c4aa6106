"""Training of the compact encoder: its data, its objective, and that it can be stopped."""

import csv

import numpy as np
import pytest
import torch

from audioset_demo.encoders.compact import CompactSettings, load_compact
from audioset_demo.encoders.encoder import encode_examples
from audioset_demo.errors import DataError
from audioset_demo.labels import audioset_labels
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from tests.sounds import file_of, white_noise
from tests.train.compact_encoder.fake_teacher import FakeTeacher
from train.compact_encoder import publish
from train.compact_encoder.config import EncoderConfig
from train.compact_encoder.fit import Run, fit, scenes_of, trained_through
from train.compact_encoder.material import Material
from train.compact_encoder.objective import Objective, Weights, as_models_read
from train.compact_encoder.sounds import scenes
from train.compact_encoder.sounds.categories import CategoryTable
from train.compact_encoder.sounds.recordings import hold_out_sources, read_recordings
from train.compact_encoder.teacher import class_columns, nearest_known
from train.runs import open_run

SMALL = CompactSettings(widths=(4, 8), depths=(1, 1), hidden_units=8)


@pytest.fixture(scope="module")
def table():
    return CategoryTable(audioset_labels())


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
