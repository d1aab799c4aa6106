"""VGGish's network: ours against a plain fp32 formulation, and what its precision costs.

    python benchmarks/vggish.py [SOUND...]

The plain one is the same layers in fp32 on contiguous tensors. The networks and, for the matrix
peak, bf16 products of the network's own shapes and of large squares run in turns; printed are the
best times of each, so that other work on the machine weighs little. Weights are random, scaled so
that activations keep their size from layer to layer.

Then the embeddings of the bundled samples, or of the given sounds, against fp32: by cosine, after
PCA and quantisation, and by the tags of the default model. The PCA projects on random directions,
scaled so that the components fill [-2, 2] as the released ones do. Last, a fresh process from
before the weights are loaded to the first embedding.
"""

import argparse
import math
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from audioset_demo.audio import read_waveform
from audioset_demo.encoders.embeddings import N_DIMS
from audioset_demo.encoders.logmel import ExampleStream
from audioset_demo.encoders.pca import PcaParameters, quantise
from audioset_demo.encoders.vggish import VggishNetwork, load_network, native_dtype
from audioset_demo.samples import SAMPLES, synthesise
from audioset_demo.tagging import Tagger, load_tagger

N_EXAMPLES = 64
ROUNDS = 8
SQUARES = (1024, 2048, 4096)


class PlainNetwork(VggishNetwork):
    def forward(self, examples: torch.Tensor) -> torch.Tensor:
        x = examples.unsqueeze(1)
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.max_pool2d(F.relu(self.conv3_2(F.relu(self.conv3_1(x)))), 2)
        x = F.max_pool2d(F.relu(self.conv4_2(F.relu(self.conv4_1(x)))), 2)
        x = x.permute(0, 2, 3, 1).flatten(1)
        return self.fc2(F.relu(self.fc1_2(F.relu(self.fc1_1(x)))))


def write_random_weights(path: Path) -> None:
    tensors = VggishNetwork().state_dict()
    for tensor in tensors.values():
        tensor.normal_(0, math.sqrt(2 / tensor[0].numel()) if tensor.ndim > 1 else 0.1)
    save_file(tensors, path)


def matrix_shapes(network: nn.Module, examples: torch.Tensor) -> list[tuple[int, int, int]]:
    """(rows, inner, columns) of each product that the network comes down to."""
    shapes = []

    def note(layer: nn.Module, _, out: torch.Tensor) -> None:
        shapes.append((out.numel() // len(layer.bias), layer.weight[0].numel(), len(layer.bias)))

    hooks = [layer.register_forward_hook(note) for layer in network.children()]
    network(examples)
    for hook in hooks:
        hook.remove()
    return shapes


def product(rows: int, inner: int, columns: int) -> Callable[[], object]:
    a, b = torch.randn(rows, inner).bfloat16(), torch.randn(columns, inner).bfloat16()
    return lambda: F.linear(a, b)


def best_seconds(works: list[Callable[[], object]]) -> list[float]:
    """The least time of each, taken in turns, after one run that does not count."""
    best = [math.inf] * len(works)
    for round_ in range(ROUNDS + 1):
        for i, work in enumerate(works):
            started = time.perf_counter()
            work()
            seconds = time.perf_counter() - started
            best[i] = min(best[i], seconds) if round_ else math.inf
    return best


def compare_speed(weights: Path) -> None:
    examples = torch.randn(N_EXAMPLES, 96, 64)
    plain = PlainNetwork()
    plain.load_state_dict(load_network(weights, torch.float32).state_dict())
    plain = plain.eval().to(memory_format=torch.contiguous_format)
    networks = {
        "plain fp32": plain,
        "ours fp32": load_network(weights, torch.float32),
        "ours bf16": load_network(weights, torch.bfloat16),
    }
    shapes = matrix_shapes(networks["ours bf16"], examples)
    operations = sum(2 * math.prod(shape) for shape in shapes)
    products = sorted({*shapes, *((n, n, n) for n in SQUARES)})
    seconds = best_seconds(
        [lambda network=network: network(examples) for network in networks.values()]
        + [product(*shape) for shape in products]
    )
    times = dict(zip(networks, seconds, strict=False))
    rates = [
        2 * math.prod(shape) / s
        for shape, s in zip(products, seconds[len(networks) :], strict=True)
    ]
    peak = max(rates)
    print(f"{N_EXAMPLES} examples, {torch.get_num_threads()} threads, best of {ROUNDS}")
    for name, s in times.items():
        print(
            f"{name:10} {1e3 * s / N_EXAMPLES:7.2f} ms an example {times['plain fp32'] / s:6.2f} x "
            f"{operations / s / 1e9:7.0f} GFLOP/s {operations / s / peak:5.0%} of the bf16 peak"
        )
    where = " x ".join(map(str, products[rates.index(peak)]))
    print(f"bf16 matrix peak: {peak / 1e9:.0f} GFLOP/s, reached at {where}")


def examples_of(sounds: list[Path]) -> list[np.ndarray]:
    waveforms = map(read_waveform, sounds) if sounds else map(synthesise, SAMPLES)
    return [np.concatenate(list(ExampleStream(w).batches(64))) for w in waveforms]


def embed(network: VggishNetwork, clips: list[np.ndarray]) -> list[np.ndarray]:
    return [network(torch.tensor(examples)).numpy() for examples in clips]


def random_pca(embedding: np.ndarray) -> PcaParameters:
    """Random directions on which these embeddings (T, 128) have mean 0 and variance 1."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.standard_normal((N_DIMS, N_DIMS)))[0]
    embedding = embedding.astype(np.float64)
    spread = (embedding @ directions.T).std(axis=0)
    return PcaParameters(directions / spread[:, None], embedding.mean(axis=0))


def scores(tagger: Tagger, clips: list[np.ndarray]) -> np.ndarray:
    return np.stack([tagger.tag_features(quantised).scores for quantised in clips])


def compare_precision(weights: Path, sounds: list[Path]) -> None:
    clips = examples_of(sounds)
    exact, ours = (
        embed(load_network(weights, dtype), clips) for dtype in (torch.float32, torch.bfloat16)
    )
    a, b = np.concatenate(exact).astype(np.float64), np.concatenate(ours).astype(np.float64)
    cosine = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    print(f"\nbf16 against fp32, {len(clips)} sounds, {len(a)} examples")
    print(f"cosine of the embeddings: at least {cosine.min():.6f}, mean {cosine.mean():.6f}")

    pca = random_pca(a)
    levels, other = ([quantise(pca.project(clip)) for clip in clips] for clips in (exact, ours))
    apart = np.abs(np.concatenate(levels).astype(int) - np.concatenate(other))
    print(
        f"quantised values: {(apart > 0).mean():.1%} differ, {(apart > 1).mean():.1%} by more than "
        f"one level, the largest by {apart.max()}"
    )
    tagger = load_tagger(encoder="compact")
    apart = np.abs(scores(tagger, levels) - scores(tagger, other))
    print(
        f"tag scores: largest difference {apart.max():.4f}, mean {apart.mean():.6f}, "
        f"{(apart > 0.002).mean():.2%} above 0.002"
    )


@torch.inference_mode()
def cold_start(weights: Path, dtype: torch.dtype) -> tuple[float, float]:
    """Seconds to read the file, and those from then on to the first embedding."""
    started = time.perf_counter()
    weights.read_bytes()
    read = time.perf_counter()
    load_network(weights, dtype)(torch.zeros(1, 96, 64))
    return read - started, time.perf_counter() - read


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sounds", type=Path, nargs="*", help="instead of the bundled samples")
    sounds = parser.parse_args().sounds
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.safetensors"
        write_random_weights(weights)
        compare_speed(weights)
        compare_precision(weights, sounds)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            read_s, first_s = pool.submit(cold_start, weights, native_dtype()).result()
        print(
            f"\nfresh process: {first_s:.2f} s to the first embedding, after {read_s:.2f} s to read"
        )


if __name__ == "__main__":
    main()
