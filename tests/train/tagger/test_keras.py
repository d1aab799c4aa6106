"""The models in Keras: equal to PyTorch's at inference, trained, resumed and published like them.

TensorFlow takes seconds to import, so all that needs it is here.
"""

import json
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from safetensors.torch import load_file

keras = pytest.importorskip("keras", reason="needs Keras: pip install 'audioset-demo[tensorflow]'")

from audioset_demo.errors import AudioSetDemoError, CheckpointError, DataError  # noqa: E402
from audioset_demo.models.network import TaggingModel  # noqa: E402
from audioset_demo.models.settings import ATTENTION_ACTIVATIONS, POOLINGS, ModelSettings  # noqa: E402
from tests.models.toy_models import model_that_has_seen_data  # noqa: E402
from train.runs import select_checkpoint  # noqa: E402
from train.tagger.batches import Batch  # noqa: E402
from train.tagger.config import LOSS_NAMES, FitConfig  # noqa: E402
from train.tagger.evaluate import evaluate  # noqa: E402
from train.tagger.fit import fit  # noqa: E402
from train.tagger.keras.conversion import (  # noqa: E402
    tensor_name,
    weights_from_torch,
    weights_to_torch,
)
from train.tagger.keras.learner import LOSSES, KerasLearner, place_of  # noqa: E402
from train.tagger.keras.network import build, explain  # noqa: E402
from train.tagger.losses import LOSSES as TORCH_LOSSES  # noqa: E402
from train.tagger.publish import publish  # noqa: E402

SMALL = {"n_classes": 7, "hidden_units": 24}
VARIANTS = [
    *(ModelSettings(pooling, **SMALL) for pooling in POOLINGS),
    *(
        ModelSettings(
            pooling, attention_activation=activation, shared_head=True,
            input_norm=False, hidden_bias=True, hidden_layers=2, norm_epsilon=1e-2, **SMALL,
        )
        for pooling in ("single_attention", "multi_attention", "feature_attention")
        for activation in ATTENTION_ACTIVATIONS
    ),
]  # fmt: skip
# The reference's Keras code: no BatchNorm on the input, biases, softmax over classes.
REFERENCE = {"input_norm": False, "hidden_bias": True, "attention_activation": "softmax"}
REFERENCE_PARAMETERS = {
    "average": 2.784e6, "max": 2.784e6, "single_attention": 3.324e6,
    "multi_attention": 4.960e6, "feature_attention": 4.887e6,
}  # fmt: skip
TINY = {
    "backend": "keras", "batch_size": 8, "hidden_units": 16, "iterations": 12, "evaluate_every": 4,
}  # fmt: skip


@pytest.fixture(
    scope="module",
    params=VARIANTS,
    ids=lambda s: f"{s.pooling}-{s.attention_activation}-{s.hidden_layers}",
)
def twins(request) -> tuple:
    """A PyTorch model whose BatchNorm has seen data, and its Keras twin."""
    model = model_that_has_seen_data(request.param)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("attend.bias"):
                # Where relu leaves a clip next to no attention, rounding decides who gets it.
                parameter.fill_(0.5)
    twin = build(request.param)
    weights_from_torch(twin, model)
    return model, twin


def some_batch(seed: int, lengths: list[int], n_classes: int = 7) -> Batch:
    """Random clips with NaN for padding, which must never be read, and random targets."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    clips = torch.rand(*mask.shape, 128, generator=generator) * 2 - 1
    clips[~mask] = torch.nan
    targets = (torch.rand(len(lengths), n_classes, generator=generator) < 0.3).float()
    return Batch(clips, mask, targets)


@examples(max_examples=8)
@given(seed=st.integers(0, 10_000), lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4))
def test_scores_are_those_of_pytorch_for_clips_of_any_length(twins, seed, lengths):
    model, twin = twins
    batch = some_batch(seed, lengths)
    with torch.no_grad():
        expected = model(batch.clips, batch.mask)
    scores = np.array(twin((batch.clips.numpy(), batch.mask.numpy())))
    assert np.abs(scores - expected.numpy()).max() <= 1e-5


@examples(max_examples=8)
@given(seed=st.integers(0, 10_000), n_frames=st.integers(1, 40))
def test_attention_and_contributions_are_those_of_pytorch(twins, seed, n_frames):
    model, twin = twins
    frames = some_batch(seed, [n_frames]).clips[0]
    expected, explanation = model.explain(frames), explain(twin, frames.numpy())
    assert explanation.adds_up_to == expected.adds_up_to
    for field in fields(expected):
        if field.name != "adds_up_to":
            theirs, ours = getattr(expected, field.name), getattr(explanation, field.name)
            assert torch.allclose(theirs, ours, rtol=0, atol=1e-5), field.name


def test_weights_go_to_keras_and_back_without_loss(twins):
    model, twin = twins
    there, back = model.state_dict(), weights_to_torch(twin, model.settings).state_dict()
    assert all(torch.equal(there[name], back[name]) for name in there if "num_batches" not in name)


def test_weights_of_another_model_are_refused():
    twin = build(ModelSettings("average", **SMALL))
    with pytest.raises(CheckpointError, match=r"head\.attend\.weight.*same settings"):
        weights_from_torch(twin, TaggingModel(ModelSettings("single_attention", **SMALL)))


def test_running_means_move_as_in_pytorch():
    """Its variances do not: Keras keeps the biased ones."""
    settings = ModelSettings("feature_attention", dropout=0.0, norm_momentum=0.03, **SMALL)
    model, twin = TaggingModel(settings).train(), build(settings)
    weights_from_torch(twin, model)
    batch = some_batch(0, [3, 5, 4])
    before = model.trunk.input_norm.running_mean.clone()
    model(batch.clips, batch.mask)
    twin((batch.clips.numpy(), batch.mask.numpy()), training=True)
    there, back = model.state_dict(), weights_to_torch(twin, settings).state_dict()
    means = [name for name in there if name.endswith("running_mean")]
    assert all(torch.allclose(there[name], back[name], rtol=0, atol=1e-6) for name in means)
    assert not torch.allclose(there["trunk.input_norm.running_mean"], before, atol=1e-4)


@pytest.mark.parametrize("pooling", REFERENCE_PARAMETERS)
def test_the_settings_of_the_reference_s_keras_code_give_its_number_of_parameters(pooling):
    model = build(ModelSettings(pooling, **REFERENCE))
    # Keras counts BatchNorm's running statistics too.
    assert model.count_params() == pytest.approx(REFERENCE_PARAMETERS[pooling], abs=500)


def test_weights_start_where_those_of_pytorch_do():
    settings = ModelSettings("multi_attention", hidden_bias=True, n_classes=50, hidden_units=200)
    torch.manual_seed(0)
    keras.utils.set_random_seed(0)
    starts = TaggingModel(settings).state_dict()
    for name, tensor in weights_to_torch(build(settings), settings).state_dict().items():
        if len(tensor.unique()) < 5:  # BatchNorm, and the layer that joins the levels
            assert torch.equal(tensor, starts[name]), name
        else:
            bound = float(starts[name].abs().max())
            assert float(tensor.abs().max()) == pytest.approx(bound, rel=0.1), name
            assert float(tensor.std()) == pytest.approx(bound / 3**0.5, rel=0.2), name


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_step_repeats_with_its_seed_and_lowers_the_loss(pooling):
    """With padding, an unknown label, decay, and dropout."""
    config = FitConfig(precision="fp32", weight_decay=0.1, ema=0.9)
    batch = some_batch(0, [5, 1, 3, 4, 2, 5])
    batch.targets[0, 0] = torch.nan
    settings = ModelSettings(pooling, dropout=0.2, **SMALL)
    losses = []
    for seeds in (range(12), range(12), range(50, 62)):
        learner = KerasLearner(settings, config)
        losses.append([learner.step(batch, 1e-2, seed) for seed in seeds])
    assert losses[0] == losses[1] != losses[2]
    assert losses[0][-1] < 0.7 * losses[0][0]


def test_dropout_is_drawn_from_the_seed_alone_and_differs_by_layer():
    network = build(ModelSettings("feature_attention", dropout=0.5, **SMALL))
    assert len(network.draws) == 4
    ones = np.ones((8, 24), np.float32)
    dropouts = [layer.dropout for layer in network.trunk.layers]
    for place, draws in enumerate(network.draws):
        draws.state.assign([7, place])
    first = [np.array(layer(ones, training=True)) for layer in dropouts]
    assert not np.array_equal(first[0], first[1])
    network.draws[0].state.assign([7, 0])
    assert np.array_equal(dropouts[0](ones, training=True), first[0])


@pytest.mark.parametrize("loss", LOSS_NAMES)
@given(st.integers(0, 10_000))
def test_losses_are_those_of_pytorch(loss, seed):
    rng = np.random.default_rng(seed)
    scores, targets = rng.uniform(0.001, 0.999, (2, 5, 7)).astype(np.float32)
    expected = TORCH_LOSSES[loss](torch.from_numpy(scores), torch.from_numpy(targets))
    found = float(keras.ops.mean(LOSSES[loss](targets, keras.ops.convert_to_tensor(scores))))
    assert found == pytest.approx(expected.item(), abs=1e-6)


def test_only_matrices_decay_and_the_average_lags_behind_the_weights():
    """Without known labels there is no gradient: only decay moves a weight."""
    config = FitConfig(precision="fp32", weight_decay=0.5, ema=0.9)
    learner = KerasLearner(ModelSettings("average", dropout=0.0, **SMALL), config)
    batch = some_batch(0, [3, 2])
    batch.targets[:] = torch.nan
    before = {weight.path: weight.numpy() for weight in learner.network.trainable_weights}
    for _ in range(3):
        learner.step(batch, 0.1, 0)
    averaged = {name: t.numpy() for name, t in learner.model().state_dict().items()}
    for weight in learner.network.trainable_weights:
        kept = 0.95**3 if len(weight.shape) > 1 else 1.0
        # Rounding leaves a gradient, which Adam scales up.
        np.testing.assert_allclose(weight.numpy(), kept * before[weight.path], atol=1e-3)
        mean = np.abs(averaged[tensor_name(weight)]).sum()
        if len(weight.shape) > 1:
            assert np.abs(weight.numpy()).sum() < mean < np.abs(before[weight.path]).sum()


def test_a_device_that_tensorflow_lacks_is_refused_by_name():
    assert place_of("cpu") == "/CPU:0"
    for device in ("mps", "tpu"):
        with pytest.raises(AudioSetDemoError, match=f"no device '{device}'.*cpu"):
            place_of(device)


@pytest.mark.parametrize("model", POOLINGS)
def test_every_model_learns(model, features, tmp_path):
    settings = {**TINY, "iterations": 150, "evaluate_every": 150}
    fit(FitConfig(model=model, learning_rate=1e-2, mixup=0.0, **settings), features, tmp_path / "r")
    assert select_checkpoint(tmp_path / "r").figures["validation"]["mAP"] > 0.9


@pytest.fixture(scope="module")
def run(tmp_path_factory, features):
    run = tmp_path_factory.mktemp("runs") / "run"
    fit(FitConfig(model="feature_attention", ema=0.5, **TINY), features, run)
    return run


def test_a_stopped_run_resumes_to_the_weights_of_one_never_stopped(
    run, features, tmp_path, monkeypatch
):
    config = FitConfig(model="feature_attention", ema=0.5, **TINY)
    steps = iter(range(7))  # stops three steps after the first state was saved

    def stop_at_the_seventh(learner, *arguments, step=KerasLearner.step):
        if next(steps) == 6:
            raise KeyboardInterrupt
        return step(learner, *arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(KerasLearner, "step", stop_at_the_seventh)
        fit(config, features, tmp_path / "stopped")
    fit(config, features, tmp_path / "stopped", resume=True)
    whole, resumed = (load_file(r / "state.safetensors") for r in (run, tmp_path / "stopped"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_model_that_diverges_stops_the_run_with_the_remedy(features, tmp_path):
    config = replace(FitConfig(**TINY), model="average", learning_rate=1e30, precision="fp32")
    with pytest.raises(DataError, match="diverged. Lower --learning-rate"):
        fit(config, features, tmp_path / "run")


def test_a_published_run_is_served_without_tensorflow(run, features_path, tmp_path):
    evaluate(run, features_path)
    published = publish(run, "twin", models_dir=tmp_path)
    code = (
        "import json, sys, numpy as np\n"
        "from audioset_demo import load_tagger\n"
        f"tagger = load_tagger(model={str(published / 'checkpoint.safetensors')!r})\n"
        "tagging = tagger.tag_features(np.full((3, 128), 200, np.uint8))\n"
        "imported = {name.split('.')[0] for name in sys.modules} & {'tensorflow', 'keras'}\n"
        "print(json.dumps([tagging.scores.tolist(), sorted(imported)]))\n"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    scores, imported = json.loads(output)
    assert len(scores) == 3 and imported == []
