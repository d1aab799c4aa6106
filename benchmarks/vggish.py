"""VGGish's network: ours against a plain fp32 formulation, and what bfloat16 would gain and cost.

    python benchmarks/vggish.py [SOUND...]

The plain one is the same layers in fp32 on contiguous tensors. The networks and, for the matrix
peak, bf16 products of the network's own shapes and of large squares run in turns; printed are the
best times of each, so that other work on the machine weighs little. Weights are random, scaled so
that activations keep their size from layer to layer.

Then bf16 against ours, as a whole (its last layer but in fp32) and with the first two layers in
fp32 too, on every other one of the bundled samples or of the given sounds. So that the components
are what tagging models know, the last layer is fitted, by ridge regression on the rest of the
sounds, to the bundled compact encoder's. Printed are the embeddings' cosines, the quantised values
and the tags of the published PyTorch models. Last, a fresh process from before the weights are
loaded to the first embedding.
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

from audioset_demo.audio.samples import SAMPLES, synthesise
from audioset_demo.audio.waveform import read_waveform
from audioset_demo.embeddings.frames import quantise
from audioset_demo.encoders.compact import load_compact
from audioset_demo.encoders.encoder import encode_examples
from audioset_demo.encoders.streaming import ExampleStream
from audioset_demo.encoders.vggish.network import VggishNetwork, load_network
from audioset_demo.tagging import Tagger, load_tagger

N_EXAMPLES = 64
ROUNDS = 8
SQUARES = (1024, 2048, 4096)
RIDGE = 1e-3  # of the activations' variance
MODELS = ("feature_attention", "single_attention", "multi_attention", "average")


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


def in_bfloat16(network: VggishNetwork, fp32: tuple[str, ...]) -> VggishNetwork:
    """The network in bf16 where the processor has it, but for these layers."""
    for name, layer in network.named_children():
        dtype = torch.float32 if name in fp32 else torch.bfloat16
        layer.to(dtype=dtype).register_forward_pre_hook(
            lambda layer, inputs: inputs[0].to(layer.weight.dtype)
        )
    return network


def all_networks(weights: Path) -> dict[str, VggishNetwork]:
    plain = PlainNetwork()
    plain.load_state_dict(load_network(weights).state_dict())
    return {
        "plain fp32": plain.eval().to(memory_format=torch.contiguous_format),
        "ours": load_network(weights),
        "bf16": in_bfloat16(load_network(weights), ("fc2",)),
        "bf16 from conv3": in_bfloat16(load_network(weights), ("conv1", "conv2", "fc2")),
    }


def compare_speed(networks: dict[str, VggishNetwork]) -> None:
    examples = torch.randn(N_EXAMPLES, 96, 64)
    shapes = matrix_shapes(networks["ours"], examples)
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
            f"{name:15} {1e3 * s / N_EXAMPLES:7.2f} ms an example {times['plain fp32'] / s:6.2f} x "
            f"{operations / s / 1e9:7.0f} GFLOP/s {operations / s / peak:5.0%} of the bf16 peak"
        )
    where = " x ".join(map(str, products[rates.index(peak)]))
    print(f"bf16 matrix peak: {peak / 1e9:.0f} GFLOP/s, reached at {where}")


def examples_of(sounds: list[Path]) -> list[np.ndarray]:
    waveforms = map(read_waveform, sounds) if sounds else map(synthesise, SAMPLES)
    return [np.concatenate(list(ExampleStream(w).batches(64))) for w in waveforms]


def embed(network: VggishNetwork, clips: list[np.ndarray]) -> list[np.ndarray]:
    return [network(torch.tensor(examples)).numpy() for examples in clips]


def fit_last_layer(network: VggishNetwork, clips: list[np.ndarray]) -> None:
    """Fit the embeddings of these clips to the components of the compact encoder."""
    read = []
    hook = network.fc2.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    embed(network, clips)
    hook.remove()
    x = torch.cat(read).double()
    compact, _ = load_compact()
    y = torch.tensor(np.concatenate([encode_examples(compact, clip) for clip in clips])).double()
    mean, target = x.mean(0), y.mean(0)
    kernel = (x - mean) @ (x - mean).T
    ridge = RIDGE * kernel.trace() * torch.eye(len(x))
    slope = (x - mean).T @ torch.linalg.solve(kernel + ridge, y - target)
    network.fc2.weight.copy_(slope.T)
    network.fc2.bias.copy_(target - mean @ slope)


def scores(tagger: Tagger, clips: list[np.ndarray]) -> np.ndarray:
    return np.stack([tagger.tag_features(quantise(components)).scores for components in clips])


def compare_precision(networks: dict[str, VggishNetwork], sounds: list[Path]) -> None:
    clips = examples_of(sounds)
    fitted_on, clips = clips[::2], clips[1::2]
    fit_last_layer(networks["ours"], fitted_on)
    exact = embed(networks["ours"], clips)
    a = np.concatenate(exact).astype(np.float64)
    taggers = {name: load_tagger(name, encoder="compact") for name in MODELS}
    for name in ("plain fp32", "bf16", "bf16 from conv3"):
        networks[name].fc2.load_state_dict(networks["ours"].fc2.state_dict())
        other = embed(networks[name], clips)
        b = np.concatenate(other).astype(np.float64)
        cosine = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
        apart = np.abs(quantise(a).astype(int) - quantise(b))
        print(
            f"\n{name} against ours, {len(clips)} sounds, {len(a)} examples: cosine at least "
            f"{cosine.min():.6f}; {(apart > 0).mean():.2%} of the quantised values differ, "
            f"{(apart > 1).mean():.2%} by more than one level"
        )
        for model, tagger in taggers.items():
            apart = np.abs(scores(tagger, exact) - scores(tagger, other))
            print(
                f"{model:18} scores: largest difference {apart.max():.4f}, "
                f"mean {apart.mean():.6f}, {(apart > 0.002).mean():.3%} above 0.002"
            )


@torch.inference_mode()
def cold_start(weights: Path) -> tuple[float, float]:
    """Seconds to read the file, and those from then on to the first embedding."""
    started = time.perf_counter()
    weights.read_bytes()
    read = time.perf_counter()
    load_network(weights)(torch.zeros(1, 96, 64))
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
        networks = all_networks(weights)
        compare_speed(networks)
        compare_precision(networks, sounds)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            read_s, first_s = pool.submit(cold_start, weights).result()
        print(
            f"\nfresh process: {first_s:.2f} s to the first embedding, after {read_s:.2f} s to read"
        )


if __name__ == "__main__":
    main()
