"""The ONNX graph, run by onnxruntime, gives what the tagger gives for the same waveform."""

import json

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from audioset_demo.audio.waveform import Waveform
from audioset_demo.embeddings.frames import Embeddings, quantise
from audioset_demo.encoders.compact import CompactNet, CompactSettings
from audioset_demo.encoders.vggish import weights
from audioset_demo.encoders.vggish.network import VggishNetwork
from audioset_demo.models.card import ModelCard
from audioset_demo.models.published import published_models
from audioset_demo.models.settings import POOLINGS, ModelSettings
from audioset_demo.onnx_graph import WaveformTagger, write_onnx
from audioset_demo.tagging import Tagger, load_tagger
from tests.models.toy_models import model_that_has_seen_data

EXTRA = "pip install 'audioset-demo[onnx]'"


def assert_same(tagger: Tagger, encoded: Embeddings, scores, frame_scores, embeddings) -> None:
    """What a graph gives for a waveform is what the tagger gives for it."""
    np.testing.assert_allclose(embeddings[0], encoded.pca, atol=1e-5)
    # A number on the border of two levels falls on either side of it.
    moved = quantise(embeddings[0]) != encoded.quantised
    assert moved.mean() < 1e-3
    tagging = tagger.tag_features(quantise(embeddings[0]) if moved.any() else encoded.quantised)
    np.testing.assert_allclose(scores[0], tagging.scores, atol=1e-5)
    np.testing.assert_allclose(frame_scores[0], tagging.frame_scores, atol=1e-5)


class Runs:
    """A graph's outputs beside the tagger's, for a waveform."""

    def __init__(self, path, tagger: Tagger):
        self.session = session_of(path, lambda: write_onnx(path, tagger))
        self.tagger = tagger

    def check(self, samples: np.ndarray) -> None:
        encoded = self.tagger.encode(Waveform(samples, 16_000, "a sound"))
        assert_same(self.tagger, encoded, *self.session.run(None, {"waveform": samples[None]}))


def session_of(path, write):
    """The graph that `write` writes, as onnxruntime runs it."""
    runtime = pytest.importorskip("onnxruntime", reason=f"needs {EXTRA}")
    pytest.importorskip("onnxscript", reason=f"needs {EXTRA}")
    write()
    return runtime.InferenceSession(path, providers=["CPUExecutionProvider"])


def sound(n: int, seed: int) -> np.ndarray:
    """Noise (n,) under an envelope that goes from silence to full scale, and a tone."""
    draw, t = np.random.default_rng(seed), np.arange(n) / 16_000
    envelope = np.abs(np.sin(t * draw.uniform(0.5, 3))) ** 4
    tone = 0.3 * np.sin(2 * np.pi * draw.uniform(100, 7_000) * t)
    return (envelope * draw.uniform(-1, 1, n) * draw.uniform(0.001, 0.7) + tone).astype(np.float32)


class OneEncoder(torch.nn.Module):
    """The graphs of taggers with the same encoder, which runs once: embeddings, and their outputs.

    A graph of each would take eight times as long to write.
    """

    def __init__(self, taggers: list[Tagger]):
        super().__init__()
        self.graphs = torch.nn.ModuleList(WaveformTagger(tagger) for tagger in taggers)

    def forward(self, waveform):
        components = self.graphs[0].encode(waveform)
        outputs = [output for graph in self.graphs for output in graph.tag(components)]
        return components.float(), *outputs

    def write(self, path) -> None:
        samples = {1: torch.export.Dim("samples")}
        given = {"input_names": ["waveform"], "dynamic_shapes": (samples,), "verbose": False}
        program = torch.onnx.export(self.eval(), (torch.zeros(1, 48_000),), dynamo=True, **given)
        program.save(path, external_data=False)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The published models with the compact encoder, and one graph of them all."""
    path = tmp_path_factory.mktemp("onnx") / "published.onnx"
    taggers = [load_tagger(model.name, "compact", device="cpu") for model in published_models()]
    return taggers, session_of(path, lambda: OneEncoder(taggers).write(path))


# Around one frame (15,600 samples) and two (30,960), and anywhere up to a minute.
LENGTHS = st.one_of(
    st.integers(1, 40_000), st.integers(15_590, 15_610), st.integers(30_950, 30_970),
    st.integers(16_000, 960_000),
)  # fmt: skip
SOUNDS = st.builds(sound, LENGTHS, st.integers(0, 2**31))


@pytest.mark.slow
@settings(max_examples=10)
@given(samples=SOUNDS)
@example(samples=np.zeros(1, np.float32))
@example(samples=np.zeros(50_000, np.float32))
def test_the_graphs_of_all_published_models_give_what_they_give(published, samples):
    taggers, session = published
    encoded = taggers[0].encode(Waveform(samples, 16_000, "a sound"))
    embeddings, *outputs = session.run(None, {"waveform": samples[None]})
    assert len(outputs) == 2 * len(taggers) == 16
    for tagger, scores, frame_scores in zip(taggers, outputs[::2], outputs[1::2], strict=True):
        assert_same(tagger, encoded, scores[None], frame_scores[None], embeddings[None])


def toy_tagger(**chosen) -> Tagger:
    """A small model of own classes with random weights behind a small encoder."""
    toy = ModelSettings(n_classes=5, hidden_units=16, **chosen)
    model = model_that_has_seen_data(toy)
    card = ModelCard("toy", toy, parameters=1, labels=("Wren", "Ölpumpe", "c", "d", "e"))
    tagger = Tagger(model, card, "compact", device="cpu")
    torch.manual_seed(1)
    small = CompactSettings(widths=(8,), depths=(1,), hidden_units=16)
    tagger.encoder.network = CompactNet(small).eval().requires_grad_(False)
    return tagger


KINDS = [{"pooling": pooling} for pooling in POOLINGS] + [
    {"pooling": "single_attention", "attention_activation": "softmax", "input_norm": False},
    {"pooling": "multi_attention", "shared_head": True, "attention_activation": "exp"},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " ".join(map(str, kind.values())))
def test_every_kind_of_model_and_own_classes_have_a_graph(tmp_path, kind):
    runs = Runs(tmp_path / "toy.onnx", toy_tagger(**kind))
    for n in (1, 15_600, 50_000, 160_000):
        runs.check(sound(n, n))
    said = runs.session.get_modelmeta().custom_metadata_map
    assert json.loads(said["labels"])[:2] == ["Wren", "Ölpumpe"]
    assert said["encoder"] == "compact encoder (not VGGish)" and said["sample_rate"] == "16000"
    assert said["training_set"] == runs.tagger.card.training_set
    (read,) = runs.session.get_inputs()
    assert (read.name, read.type, read.shape[0]) == ("waveform", "tensor(float)", 1)
    assert isinstance(read.shape[1], str)  # any length


@pytest.mark.slow
def test_vggish_and_its_pca_are_in_the_graph(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path))
    torch.manual_seed(0)
    save_file(VggishNetwork().state_dict(), weights.vggish_path())
    draw = np.random.default_rng(0)
    # Of random weights all outputs are close to one another: they are spread over the levels.
    np.savez(
        weights.pca_path(),
        pca_eigen_vectors=draw.normal(size=(128, 128)) * 10,
        pca_means=draw.normal(size=128) * 0.01,
    )
    runs = Runs(tmp_path / "vggish.onnx", load_tagger("single_attention", "vggish", device="cpu"))
    for n in (1_000, 50_000):
        runs.check(sound(n, n))
    for file in tmp_path.iterdir():  # 600 MB, which pytest would keep
        file.unlink()
