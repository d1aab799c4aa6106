"""The calls of HEAR by its own rules.

They are those of https://hearbenchmark.com/hear-api.html and of hear-validator.
"""

import math
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audioset_demo import hear
from audioset_demo.audio.waveform import Waveform
from audioset_demo.encoders.compact import BUNDLED, CARD_FILE, WEIGHTS_FILE, load_compact
from audioset_demo.encoders.streaming import ExampleStream, run_network
from audioset_demo.encoders.vggish import network as vggish
from audioset_demo.encoders.vggish import weights
from audioset_demo.errors import AudioError, WeightsError
from tests import sounds

RATE = 16_000
RATES_OF_HEAR = [16_000, 22_050, 32_000, 44_100, 48_000]


def noise(n_sounds: int, duration_s: float) -> torch.Tensor:
    samples = 2 * sounds.noise(int(duration_s * RATE), n_sounds).T
    return torch.from_numpy(samples.astype(np.float32))


def at_timestamps(audio: torch.Tensor, model: hear.HearModel) -> torch.Tensor:
    return hear.get_timestamp_embeddings(audio, model)[0]


def random_network(path) -> vggish.VggishNetwork:
    """Weights that keep the size of activations (He), in place of those of a file."""
    torch.manual_seed(0)
    network = vggish.VggishNetwork()
    for parameter in network.parameters():
        scale = math.sqrt(2 / parameter[0].numel()) if parameter.ndim > 1 else 0.1
        torch.nn.init.normal_(parameter, 0, scale)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def random_vggish(tmp_path_factory):
    """VGGish as if it were installed, with random weights."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIOSET_DEMO_CACHE", str(cache))
        patch.setattr(vggish, "load_network", random_network)
        weights.vggish_path().touch()
        np.savez(weights.pca_path(), pca_eigen_vectors=np.eye(128), pca_means=np.zeros(128))
        yield hear.load_model()


@pytest.fixture(scope="module")
def compact():
    return hear.load_model("compact")


@pytest.fixture(scope="module", params=["compact", "vggish"])
def model(request):
    return request.getfixturevalue({"vggish": "random_vggish"}.get(request.param, request.param))


# --- the model -------------------------------------------------------------------------------


def test_a_model_is_a_torch_module_and_says_its_rate_and_sizes(model):
    assert isinstance(model, torch.nn.Module)
    assert model.sample_rate == RATE and RATE in RATES_OF_HEAR
    assert type(model.scene_embedding_size) is type(model.timestamp_embedding_size) is int
    assert not model.training


def test_the_network_goes_where_the_model_is_sent():
    sent = hear.load_model("compact").to("meta")
    assert {p.device.type for p in sent.encoder.network.parameters()} == {"meta"}


@pytest.mark.parametrize("call", [hear.get_scene_embeddings, hear.get_timestamp_embeddings])
def test_embeddings_come_back_to_the_device_of_the_audio(compact, monkeypatch, call):
    real = hear._sounds
    # Of torch's "meta" device, which holds no samples, every machine has one.
    monkeypatch.setattr(hear, "_sounds", lambda audio: real(torch.zeros(audio.shape)))
    found = call(torch.empty(2, 5_000, device="meta"), compact)
    tensors = found if isinstance(found, tuple) else (found,)
    assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_without_a_path_the_choice_is_automatic(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path))
    for model in (hear.load_model(), hear.load_model(""), hear.load_model("auto")):
        assert model.encoder.name == "compact"


def test_where_vggish_is_installed_it_is_the_automatic_choice(random_vggish):
    assert random_vggish.encoder.name == "vggish"


def test_a_folder_gives_the_compact_encoder_that_it_holds(tmp_path):
    for name in (WEIGHTS_FILE, CARD_FILE):
        shutil.copy(BUNDLED / name, tmp_path)
    network = hear.load_model(str(tmp_path)).network
    assert torch.equal(network.project.weight, load_compact()[0].project.weight)


def test_what_cannot_be_loaded_is_named_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="audioset-demo weights get"):
        hear.load_model("vggish")
    with pytest.raises(WeightsError, match=r"'model\.pt'.* auto, vggish, compact, or .* folder"):
        hear.load_model("model.pt")
    with pytest.raises(WeightsError, match="python -m train encoder"):
        hear.load_model(str(tmp_path))


def test_vggish_without_its_pca_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path))
    weights.vggish_path().touch()
    with pytest.raises(WeightsError, match=r"after PCA.*audioset-demo weights get"):
        hear.load_model("vggish")


# --- embeddings at times ---------------------------------------------------------------------


def check_timestamps(timestamps: torch.Tensor, n_samples: int) -> None:
    """What hear-validator requires, its warnings included, of (n_sounds, n_timestamps)."""
    length_ms = 1000 * n_samples / RATE
    times = timestamps.double().numpy()
    assert (times == times[0]).all()
    assert 0 <= times.min() <= 50
    assert length_ms - 50 <= times.max() <= length_ms
    steps = np.diff(times[0])
    assert not len(steps) or (steps.max() <= 50 and np.ptp(steps) <= 1)


@pytest.mark.parametrize("duration_s", [0.3, 1.07])
def test_embeddings_have_the_form_that_hear_asks_for(model, duration_s):
    audio = noise(2, duration_s).requires_grad_()
    embeddings, timestamps = hear.get_timestamp_embeddings(audio, model)
    assert embeddings.shape == (*timestamps.shape, model.timestamp_embedding_size)
    assert embeddings.dtype == torch.float32
    assert embeddings.isfinite().all() and not embeddings.requires_grad
    assert len(timestamps) == 2
    check_timestamps(timestamps, audio.shape[1])


class WhichRowIsLoudest:
    """An encoder whose embedding is the loudest of its 96 rows of 10 ms."""

    network = torch.nn.Identity()

    def encode(self, sound, hop_s):
        stream = ExampleStream(sound, hop_s)
        frames = run_network(lambda rows: rows.mean(axis=2).argmax(axis=1), stream).frames
        return SimpleNamespace(pca=frames.astype(np.float32)[:, None])


@settings(max_examples=30)
@given(n_samples=st.integers(1, 20 * RATE), place=st.floats(0, 1))
@example(n_samples=1, place=0)
@example(n_samples=20 * 60 * RATE, place=0.999)
def test_embeddings_are_centred_at_their_timestamps_in_a_sound_of_any_length(n_samples, place):
    audio = torch.zeros(1, n_samples)
    click = round(place * (n_samples - 1))
    audio[0, click] = 1
    rows, timestamps = hear.get_timestamp_embeddings(audio, hear.HearModel(WhichRowIsLoudest()))
    assert rows.shape[:2] == timestamps.shape
    check_timestamps(timestamps, n_samples)
    since_click = timestamps[0] - 1000 * click / RATE
    hears_it = since_click.abs() < 470  # of 487.5 ms; a window's ends count for little
    assert hears_it.any()
    heard_at = timestamps[0] + 10 * (rows[0, :, 0] - 47.5)
    assert (heard_at - 1000 * click / RATE)[hears_it].abs().max() <= 6


@pytest.mark.parametrize("call", [hear.get_scene_embeddings, at_timestamps])
def test_a_batch_gives_what_its_sounds_give_alone(model, call):
    audio = noise(3, 0.5) * torch.tensor([[1.0], [0.1], [0.0]])
    alone = torch.cat([call(sound[None], model) for sound in audio])
    torch.testing.assert_close(call(audio, model), alone, rtol=0, atol=1e-5)
    assert (alone[0] - alone[1]).abs().max() > 1e-3


# --- embeddings of scenes --------------------------------------------------------------------


@pytest.mark.parametrize("n_samples", [1, 15_599, 15_601, int(2.74 * RATE)])
def test_a_scene_is_the_mean_of_the_sound_s_frames(model, n_samples):
    audio = noise(2, 3)[:, :n_samples]
    scenes = hear.get_scene_embeddings(audio, model)
    assert scenes.shape == (2, model.scene_embedding_size)
    assert scenes.dtype == torch.float32
    sound = Waveform(audio[1].numpy(), RATE, "noise")
    expected = model.encoder.encode(sound).pca.mean(axis=0)
    np.testing.assert_allclose(scenes[1], expected, atol=1e-5)


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros((1, RATE), np.float32), r"ndarray\. Give a float32 tensor"),
        (torch.zeros(RATE), r"\(16000,\)\. Give float32 of shape \(n_sounds, n_samples\)"),
        (torch.zeros(1, 2, RATE), r"\(1, 2, 16000\)\. Give .* mono"),
        (torch.zeros(1, RATE, dtype=torch.int16), r"int16 .* scaled to \[-1, 1\]"),
        (torch.zeros(1, RATE, dtype=torch.float64), "float64 .* Give float32"),
        (torch.zeros(0, RATE), r"\(0, 16000\)"),
        (torch.zeros(2, 0), "sound 0 of the batch holds no samples"),
        (torch.tensor([[0.0] * RATE, [0.0] * 8_000 + [torch.nan] * 8_000]), "sound 1 .* 0.500 s"),
    ],
)
@pytest.mark.parametrize("call", [hear.get_scene_embeddings, at_timestamps])
def test_other_audio_is_refused_by_name(compact, call, audio, message):
    with pytest.raises(AudioError, match=message):
        call(audio, compact)
