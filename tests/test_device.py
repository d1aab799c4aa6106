"""Devices: what each choice means, and that networks and their inputs are moved there."""

import numpy as np
import pytest
import torch

from audioset_demo import hear, load_tagger
from audioset_demo.audio.samples import synthesise
from audioset_demo.device import DEVICES, resolve_device
from audioset_demo.encoders import load_encoder
from audioset_demo.errors import AudioSetDemoError


@pytest.fixture
def machine(monkeypatch):
    """Make torch find some accelerators and no others."""

    def has(*accelerators: str) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in accelerators)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in accelerators)

    return has


@pytest.mark.parametrize(
    ("accelerators", "auto"),
    [((), "cpu"), (("cuda",), "cuda"), (("mps",), "mps"), (("cuda", "mps"), "cuda")],
)
def test_auto_takes_the_accelerator_that_is_there(machine, accelerators, auto):
    machine(*accelerators)
    assert resolve_device("auto") == resolve_device(auto) == torch.device(auto)
    assert resolve_device("cpu") == torch.device("cpu")
    for missing in {"cuda", "mps"} - set(accelerators):
        with pytest.raises(AudioSetDemoError, match=f"no {missing} device.*found: .*cpu"):
            resolve_device(missing)


def test_another_device_is_refused_with_the_choices():
    with pytest.raises(AudioSetDemoError, match=f"'gpu'.*{', '.join(DEVICES)}"):
        resolve_device("gpu")


@pytest.fixture
def meta(monkeypatch) -> None:
    """A machine whose accelerator is torch's "meta" device: it computes shapes and holds no data.

    Copying from it raises an error of its own, which neither mixed devices nor an array that was
    left there would raise.
    """
    for module in ("encoders", "hear", "tagging"):
        monkeypatch.setattr(
            f"audioset_demo.{module}.resolve_device",
            lambda name: torch.device("cpu" if name == "cpu" else "meta"),
        )


BROUGHT_BACK = "Cannot copy out of meta tensor"


def test_the_tagging_model_runs_on_its_device_and_results_come_back(meta):
    tagger = load_tagger("feature_attention", device="cuda")
    assert {tensor.device.type for tensor in tagger.model.state_dict().values()} == {"meta"}
    with pytest.raises(NotImplementedError, match=BROUGHT_BACK):
        tagger.tag_features(np.zeros((3, 128), np.uint8))


def test_the_encoder_runs_on_its_device_and_results_come_back(meta):
    for encoder in (load_encoder("compact", "cuda"), hear.load_model("compact", "cuda").encoder):
        assert {p.device.type for p in encoder.network.parameters()} == {"meta"}
        with pytest.raises(NotImplementedError, match=BROUGHT_BACK):
            encoder.encode(synthesise("siren"))


def test_a_tagger_loads_its_encoder_where_its_model_is(meta, monkeypatch):
    asked = []
    monkeypatch.setattr("audioset_demo.tagging.load_encoder", lambda *how: asked.append(how))
    assert load_tagger("average", "compact", device="cpu").encoder is None
    assert asked == [("compact", "cpu")]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_scores_on_an_accelerator_are_those_of_the_processor():
    sound = synthesise("siren")
    one, other = (load_tagger(encoder="compact", device=d).tag(sound) for d in ("cpu", "cuda"))
    assert np.abs(one.scores - other.scores).max() < 1e-3
    assert np.abs(one.attention - other.attention).max() < 1e-3


def test_on_a_machine_without_accelerators_auto_is_the_processor(machine):
    machine()
    features = np.random.default_rng(0).integers(0, 256, (5, 128), np.uint8)
    auto, cpu = (load_tagger(device=device).tag_features(features) for device in ("auto", "cpu"))
    assert np.array_equal(auto.scores, cpu.scores)
