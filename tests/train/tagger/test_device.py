"""Training and scoring on a device: everything is moved there, and what is saved lies on the CPU.

The device is torch's "meta", which every machine has: a tensor on it can't meet one on the CPU.
"""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from audioset_demo.errors import AudioSetDemoError
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from train.tagger import evaluate as evaluate_module
from train.tagger import torch_learner
from train.tagger.batches import Batches
from train.tagger.config import FitConfig
from train.tagger.cpu_layers import Linear
from train.tagger.evaluate import evaluate
from train.tagger.fit import fit
from train.tagger.predict import predict
from train.tagger.torch_learner import TorchLearner

META = torch.device("meta")
SETTINGS = ModelSettings("feature_attention", n_classes=3, hidden_units=8)
TINY = FitConfig(
    model="feature_attention", iterations=4, batch_size=8, hidden_units=8, evaluate_every=4,
    ema=0.9,
)  # fmt: skip
needs_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device and a build of torch for it"
)


@pytest.fixture
def on_meta(monkeypatch):
    """ "cuda" is the meta device."""
    devices = {"cuda": META, "cpu": torch.device("cpu")}
    for module in (torch_learner, evaluate_module):
        monkeypatch.setattr(module, "resolve_device", devices.__getitem__)


@pytest.mark.usefixtures("on_meta")
def test_the_network_its_average_and_the_batches_go_to_the_device(features, monkeypatch):
    learner = TorchLearner(SETTINGS, TINY, "cuda")
    assert learner.device == META
    kept = [*learner.network.state_dict().values(), *learner.average.tensors.values()]
    assert {tensor.device for tensor in [*kept, *learner.model().state_dict().values()]} == {META}
    assert not any(isinstance(layer, Linear) for layer in learner.network.modules())
    seen = []
    # The real one does not support the meta device.
    monkeypatch.setattr(
        torch, "autocast", lambda device, *_, **__: nullcontext(seen.append(device))
    )

    def see(model, batch, frame_weight):
        seen.append(batch)
        raise InterruptedError

    monkeypatch.setattr(torch_learner, "lessons_of", see)
    with pytest.raises(InterruptedError):
        learner.step(Batches(TINY, features).batch(0), 1e-3, 0)
    kind, batch = seen
    assert kind == "meta"
    assert {t.device for t in (batch.clips, batch.mask, batch.targets)} == {META}


def test_scores_are_computed_where_the_model_is(features, monkeypatch):
    model, seen = TaggingModel(SETTINGS).eval().to(META), []

    def forward(clips, mask):
        seen.extend((clips.device, mask.device))
        return torch.zeros(len(clips), 3)

    monkeypatch.setattr(model, "forward", forward)
    assert predict(model, features).shape == (len(features), 3)
    assert set(seen) == {META}


@pytest.mark.usefixtures("on_meta")
def test_evaluation_moves_the_model(features_path, features, tmp_path, monkeypatch):
    fit(TINY, features, tmp_path / "run", device="cpu")
    seen = []

    def see(model, features, progress):
        seen.append(next(model.parameters()).device)
        return np.random.default_rng(0).random(features.y.shape)

    monkeypatch.setattr(evaluate_module, "predict", see)
    for device in ("cuda", "cpu"):
        evaluate(tmp_path / "run", features_path, device=device)
    assert seen == [META, torch.device("cpu")]


def test_on_the_cpu_the_layers_made_for_it_are_used(features, tmp_path):
    learner = TorchLearner(SETTINGS, TINY, "cpu")
    assert any(isinstance(layer, Linear) for layer in learner.network.modules())


def test_a_device_that_is_not_there_is_refused_by_name(features, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device in ("cuda", "tpu"):
        with pytest.raises(AudioSetDemoError, match=f"no .*{device}"):
            fit(TINY, features, tmp_path / device, device=device)


@needs_gpu
def test_a_run_started_on_one_device_resumes_on_another(features, tmp_path):
    fit(TINY, features, tmp_path / "run", device="cuda")
    longer = TorchLearner(TINY.model_settings(3), TINY, "cpu")
    from safetensors.torch import load_file

    longer.restore(load_file(tmp_path / "run" / "state.safetensors"))
    loss = longer.step(Batches(TINY, features).batch(0), 1e-3, 0)
    assert np.isfinite(loss)
