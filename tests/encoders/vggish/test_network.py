"""VGGish's network, PCA and quantisation against TensorFlow's own ops and the released files."""

import hashlib
import json
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from torch.nn import functional as F

from audioset_demo import encoders
from audioset_demo.audio.samples import SAMPLES, synthesise
from audioset_demo.audio.waveform import Waveform
from audioset_demo.embeddings.frames import ENCODER_TITLES, quantise
from audioset_demo.encoders import FAST_ENCODER, fast_encoder, load_encoder, resolve_encoder
from audioset_demo.encoders.streaming import ExampleStream
from audioset_demo.encoders.vggish import download, weights
from audioset_demo.encoders.vggish import network as vggish
from audioset_demo.encoders.vggish.conversion import convert
from audioset_demo.encoders.vggish.pca import PcaParameters
from audioset_demo.errors import AudioSetDemoError, WeightsError
from audioset_demo.tagging import load_tagger
from tests.encoders.independent_log_mel import RATE, independent_log_mel
from tests.sounds import rising_tone, sine

# Scope of the released graph -> shape of its kernel.
KERNELS = {
    "vggish/conv1": (3, 3, 1, 64),
    "vggish/conv2": (3, 3, 64, 128),
    "vggish/conv3/conv3_1": (3, 3, 128, 256),
    "vggish/conv3/conv3_2": (3, 3, 256, 256),
    "vggish/conv4/conv4_1": (3, 3, 256, 512),
    "vggish/conv4/conv4_2": (3, 3, 512, 512),
    "vggish/fc1/fc1_1": (12288, 4096),
    "vggish/fc1/fc1_2": (4096, 4096),
    "vggish/fc2": (4096, 128),
}


def tensorflow_embedding(checkpoint, examples):
    """Write a V1 checkpoint with random weights and run TensorFlow's own ops on (T, 96, 64).

    Returns its embedding, and a hash of each variable as its own reader reads it.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = tf.constant(examples[..., None], tf.float32)
        for seed, (scope, shape) in enumerate(KERNELS.items()):
            gain = math.sqrt(2 / math.prod(shape[:-1]))  # He: activations keep their scale
            normal = tf.random_normal_initializer
            w = v1.get_variable(f"{scope}/weights", shape, initializer=normal(0, gain, seed))
            b = v1.get_variable(f"{scope}/biases", shape[-1:], initializer=normal(0, 0.1, seed))
            if len(shape) == 4:
                x = tf.nn.relu(tf.nn.conv2d(x, w, 1, "SAME") + b)
                if not scope.endswith("_1"):
                    x = tf.nn.max_pool2d(x, 2, 2, "SAME")
            else:
                x = tf.matmul(tf.reshape(x, (len(examples), -1)), w) + b
                x = x if scope == "vggish/fc2" else tf.nn.relu(x)
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver(write_version=v1.train.SaverDef.V1)
        saver.save(session, str(checkpoint), write_meta_graph=False, write_state=False)
        embedding = session.run(x)
    reader = tf.train.load_checkpoint(str(checkpoint))
    names = reader.get_variable_to_shape_map()
    return embedding, {name: hash_of(reader.get_tensor(name)) for name in names}


def hash_of(array):
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


@pytest.fixture(scope="module")
def clip():
    """3.4 s, so three frames."""
    return rising_tone(3.4)


@pytest.fixture(scope="module")
def random_vggish(tmp_path_factory, clip):
    """A cache with random weights, TensorFlow's embedding of `clip` with them, their hashes."""
    folder = tmp_path_factory.mktemp("vggish")
    spectrogram = independent_log_mel(clip.samples)
    examples = spectrogram[: 3 * 96].reshape(3, 96, 64)
    # In a process of its own: TensorFlow's memory goes back when it ends.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        job = pool.submit(tensorflow_embedding, folder / "random.ckpt", examples)
        expected = job.result()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIOSET_DEMO_CACHE", str(folder / "cache"))
        nowhere = weights.PCA._replace(address="http://127.0.0.1:9/vggish_pca_params.npz")
        patch.setattr(weights, "PCA", nowhere)
        patch.setattr(download, "PAUSE_S", 0)
        result = weights.install(folder / "random.ckpt", sha256="any")
    yield folder / "cache", *expected, result
    shutil.rmtree(folder)  # 600 MB, which pytest would keep


@pytest.fixture
def random_cache(random_vggish, monkeypatch):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(random_vggish[0]))
    yield random_vggish[0]
    weights.pca_path().unlink(missing_ok=True)


@pytest.mark.slow
def test_network_agrees_with_tensorflow(random_vggish, random_cache, clip):
    expected = random_vggish[1]
    found = load_encoder("vggish").encode(clip)
    assert found.times_s == pytest.approx([0, 0.96, 1.92])
    assert found.embedding.dtype == np.float32
    error = np.abs(found.embedding - expected).max() / np.abs(expected).max()
    assert error <= 1e-4
    assert (found.embedding < 0).any(), "the last layer has no ReLU"


@pytest.mark.slow
def test_every_weight_is_that_which_tensorflow_reads(random_vggish, random_cache):
    axes = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}  # torch's in TensorFlow's order
    tensors = load_file(random_cache / "vggish.safetensors")
    found = {}
    for scope in KERNELS:
        for suffix, name in (("weight", "weights"), ("bias", "biases")):
            tensor = tensors.pop(f"{scope.split('/')[-1]}.{suffix}")
            found[f"{scope}/{name}"] = hash_of(tensor.transpose(axes[tensor.ndim]))
    assert tensors == {}
    assert found == random_vggish[2]


@pytest.mark.slow
def test_the_conversion_takes_no_more_memory_than_the_weights(random_cache, tmp_path):
    tracemalloc.start()
    try:
        convert(random_cache.parent / "random.ckpt", tmp_path / "out.safetensors", "random.ckpt")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 288e6 < peak < 300e6
    (tmp_path / "out.safetensors").unlink()


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory):
    """A safetensors file of random weights that keep the size of activations (He)."""
    path = tmp_path_factory.mktemp("random") / "random.safetensors"
    torch.manual_seed(0)
    tensors = vggish.VggishNetwork().state_dict()
    for tensor in tensors.values():
        tensor.normal_(0, math.sqrt(2 / tensor[0].numel()) if tensor.ndim > 1 else 0.1)
    save_file(tensors, path)
    yield path
    path.unlink()  # 288 MB, which pytest would keep


def plainly(network, examples):
    """The same layers in the order of the paper, on contiguous tensors."""
    x = examples.unsqueeze(1)
    x = F.max_pool2d(F.relu(network.conv1(x)), 2)
    x = F.max_pool2d(F.relu(network.conv2(x)), 2)
    x = F.max_pool2d(F.relu(network.conv3_2(F.relu(network.conv3_1(x)))), 2)
    x = F.max_pool2d(F.relu(network.conv4_2(F.relu(network.conv4_1(x)))), 2)
    x = x.permute(0, 2, 3, 1).flatten(1)
    return network.fc2(F.relu(network.fc1_2(F.relu(network.fc1_1(x)))))


def test_speed_costs_no_tag_score_more_than_0_002(random_weights):
    clips = [
        torch.tensor(np.concatenate(list(ExampleStream(synthesise(key)).batches(64))))
        for key in SAMPLES
    ]
    network = vggish.load_network(random_weights)
    ours = [network(examples).numpy() for examples in clips]
    network.to(memory_format=torch.contiguous_format)
    plain = [plainly(network, examples).numpy() for examples in clips]

    a, b = (np.concatenate(parts).astype(np.float64) for parts in (ours, plain))
    assert b.std(axis=0).min() > 0.1 * b.std(), "every number varies between sounds"
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    assert ((a * b).sum(axis=1) / lengths).min() >= 0.9999

    # Random directions, scaled so that the components fill [-2, 2] as the released ones do.
    directions = np.linalg.qr(np.random.default_rng(0).normal(size=(128, 128)))[0]
    pca = PcaParameters(directions / (b @ directions.T).std(axis=0)[:, None], b.mean(axis=0))
    tagger = load_tagger(encoder="compact")

    def scores(parts):
        levels = [quantise(pca.project(part)) for part in parts]
        return np.stack([tagger.tag_features(part).scores for part in levels])

    assert np.abs(scores(ours) - scores(plain)).max() <= 0.002


def test_examples_do_not_depend_on_their_batch_or_on_other_threads(random_weights):
    network = vggish.load_network(random_weights)
    generator = torch.Generator().manual_seed(0)
    examples = torch.randn(vggish.CONV_EXAMPLES + 3, 96, 64, generator=generator)
    together = network(examples)
    alone = torch.cat([network(example[None]) for example in examples])
    assert (together - alone).abs().max() <= 1e-4 * together.abs().max()
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(network, [examples] * 4):
            assert torch.equal(found, together)


def test_bfloat16_is_close_to_float32_and_every_result_says_so(random_weights, clip, monkeypatch):
    monkeypatch.setattr(weights, "vggish_path", lambda: random_weights)
    monkeypatch.setattr(weights, "require_network", lambda: None)
    exact, fast = (load_encoder(name).encode(clip) for name in ("vggish", FAST_ENCODER))
    assert fast.embedding.dtype == np.float32
    products = (exact.embedding * fast.embedding).sum(axis=1)
    lengths = [np.linalg.norm(each.embedding, axis=1) for each in (exact, fast)]
    assert (products / np.multiply(*lengths)).min() > 0.999
    assert not np.array_equal(exact.embedding, fast.embedding)
    assert ENCODER_TITLES[fast.encoder] == "VGGish in bfloat16"
    monkeypatch.setattr(encoders, "multiplies_bfloat16", lambda _: True)
    assert fast_encoder("vggish") == FAST_ENCODER
    monkeypatch.setattr(encoders, "multiplies_bfloat16", lambda _: False)
    with pytest.raises(AudioSetDemoError, match="needs a device that multiplies bfloat16"):
        fast_encoder("vggish")


@pytest.mark.slow
def test_without_the_pca_file_there_are_embeddings_and_a_note(random_vggish, random_cache, clip):
    assert random_vggish[3].notes == (weights.PCA_MISSING,)
    assert not weights.is_installed()
    assert resolve_encoder("auto") == "compact"
    found = load_encoder("vggish").encode(clip)
    assert found.embedding.shape == (3, 128)
    assert found.pca is None
    assert found.quantised is None
    assert weights.PCA_MISSING in found.notes


@pytest.mark.slow
@pytest.mark.data
def test_with_the_pca_file_auto_is_vggish(random_cache, shared_data, clip):
    weights.install(shared_data / "vggish/vggish_pca_params.npz")
    assert resolve_encoder("auto") == "vggish"
    found = load_encoder("auto").encode(clip)
    assert found.encoder == "vggish"
    parameters = np.load(shared_data / "vggish/vggish_pca_params.npz")
    expected = np.clip(
        [
            parameters["pca_eigen_vectors"] @ (frame - parameters["pca_means"])
            for frame in found.embedding.astype(np.float64)
        ],
        -2,
        2,
    )
    assert np.abs(found.pca - expected).max() <= 1e-6
    assert np.array_equal(found.quantised, ((expected + 2) * (255 / 4)).astype(np.uint8))


@pytest.mark.slow
def test_an_unchecked_file_is_listed_as_not_checked(random_cache):
    network, pca = weights.status()
    assert network.present
    assert network.verified == "not checked"
    assert network.source.endswith("random.ckpt")
    assert network.bytes == network.path.stat().st_size > 288_000_000
    assert not pca.present


@pytest.mark.slow
def test_the_app_process_never_imports_tensorflow(random_cache):
    code = (
        "import sys; from audioset_demo.encoders import load_encoder; load_encoder('vggish');"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.slow
def test_an_installed_network_moves_to_another_cache(random_cache, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "cache"))
    shutil.copyfile(random_cache / "vggish.safetensors", tmp_path / "vggish.safetensors")
    with pytest.raises(WeightsError, match="no card"):
        weights.install(tmp_path / "vggish.safetensors")
    card = json.loads((random_cache / "vggish.json").read_text())
    (tmp_path / "vggish.json").write_text(json.dumps(card))
    monkeypatch.setattr(weights, "_try_pca", lambda *_: False)
    weights.install(tmp_path / "vggish.safetensors")
    assert weights.status()[0].sha256 == card["source_sha256"]
    shutil.rmtree(tmp_path)


@pytest.mark.weights
def test_published_smoke_test(released_weights):
    # vggish_smoke_test.py in tensorflow/models: the sine, relative tolerance 0.1.
    samples = (2 * sine(1000, RATE, 3)).astype(np.float32)
    found = load_encoder("vggish").encode(Waveform(samples, RATE, "sine.wav"))
    assert found.embedding.mean() == pytest.approx(0.000657, rel=0.1)
    assert found.embedding.std() == pytest.approx(0.343, rel=0.1)
    assert found.quantised.mean() == pytest.approx(126.0, rel=0.1)
    assert found.quantised.std() == pytest.approx(89.3, rel=0.1)


def test_choices_of_encoder(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path))
    assert resolve_encoder("auto") == "compact"
    with pytest.raises(WeightsError, match="audioset-demo weights get"):
        resolve_encoder("vggish")
    with pytest.raises(AudioSetDemoError, match="'yamnet'.*auto, vggish, compact"):
        resolve_encoder("yamnet")


def test_a_damaged_network_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path))
    weights.vggish_path().write_bytes(b"\x10\0\0\0\0\0\0\0 half of it")
    with pytest.raises(WeightsError, match="damaged"):
        load_encoder("vggish")
