"""A long sound, from file to tags: peak memory, time, and the share of the front end.

    python benchmarks/long_sound.py FOLDER [--format WAV|MP3|FLAC] [--encoder compact|vggish]

writes an hour of stereo noise and tones to FOLDER (635 MB as WAV; deleted at the end), runs
`audioset-demo tag` on it in a process of its own and prints that process's peak resident memory,
its wall time, and how many times faster than the sound that is. Then it decodes, resamples and
frames the file alone, in this process, and prints what of the wall time that would be. VGGish
needs its weights, or --random-weights, which installs random ones temporarily.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

SAMPLE_RATE = 44_100
BLOCK_S = 10


def write_sound(path: Path, form: str, duration_s: int) -> None:
    """Noise that swells and tones that change, another one on each side."""
    rng = np.random.default_rng(0)
    t = np.arange(BLOCK_S * SAMPLE_RATE) / SAMPLE_RATE
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 2, format=form) as file:
        for _ in range(0, duration_s, BLOCK_S):
            tones = np.sin(2 * np.pi * rng.uniform(100, 6000, 2) * t[:, None])
            noise = rng.standard_normal((len(t), 2), np.float32) * rng.uniform(0, 0.2)
            block = 0.3 * tones + noise
            # libsndfile's MP3 and OGG encoders want no more at a time.
            for start in range(0, len(block), SAMPLE_RATE):
                file.write(block[start : start + SAMPLE_RATE].clip(-1, 1))


def install_random_weights(cache: Path) -> None:
    """A VGGish of random weights, with its PCA parameters, as if installed."""
    import torch
    from safetensors.torch import save_file

    from audioset_demo.encoders.vggish import weights
    from audioset_demo.encoders.vggish.network import VggishNetwork

    os.environ["AUDIOSET_DEMO_CACHE"] = str(cache)
    torch.manual_seed(0)
    state = {name: tensor.contiguous() for name, tensor in VggishNetwork().state_dict().items()}
    save_file(state, weights.vggish_path())
    arrays = {"pca_eigen_vectors": np.eye(128), "pca_means": np.zeros(128)}
    np.savez(weights.pca_path(), **arrays)


def tag(path: Path, encoder: str, hop_s: float) -> tuple[float, float]:
    """Peak resident memory in GB and wall seconds of `audioset-demo tag`."""
    words = [sys.executable, "-c", "from audioset_demo.cli import main; raise SystemExit(main())"]
    words += ["tag", str(path), "--encoder", encoder, "--hop", str(hop_s)]
    started = time.perf_counter()
    process = subprocess.Popen(words)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} failed")
    return usage.ru_maxrss * 1024 / 1e9, time.perf_counter() - started


def front_end_seconds(path: Path, hop_s: float) -> dict[str, float]:
    """Seconds of decoding, of that and resampling, and of both and log-mel."""
    from audioset_demo.audio.decoding import open_sound
    from audioset_demo.audio.resampling import resampled
    from audioset_demo.encoders.logmel import SAMPLE_RATE as MEL_RATE
    from audioset_demo.encoders.streaming import BATCH_EXAMPLES, ExampleStream

    stages = {
        "decoding": lambda sound: sound.blocks(),
        "and resampling": lambda sound: resampled(sound.blocks(), sound.sample_rate, MEL_RATE),
        "and log-mel": lambda sound: ExampleStream(sound, hop_s).batches(BATCH_EXAMPLES),
    }
    seconds = {}
    for name, stage in stages.items():
        with open_sound(path) as sound:
            started = time.perf_counter()
            deque(stage(sound), maxlen=0)
            seconds[name] = time.perf_counter() - started
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", type=Path, help="where the sound is written, and deleted at the end"
    )
    parser.add_argument("--format", choices=("WAV", "MP3", "FLAC"), default="WAV")
    parser.add_argument("--encoder", choices=("compact", "vggish"), default="compact")
    parser.add_argument("--random-weights", action="store_true", help="a VGGish of random weights")
    parser.add_argument("--seconds", type=int, default=3600, help="length of the sound")
    parser.add_argument("--hop", type=float, default=0.96)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / f"sound.{arguments.format.lower()}"
        write_sound(path, arguments.format, arguments.seconds)
        # In a process of its own: a child's peak memory counts from its parent's.
        seconds = in_child(front_end_seconds, path, arguments.hop)
        if arguments.random_weights:
            in_child(install_random_weights, Path(folder))
            os.environ["AUDIOSET_DEMO_CACHE"] = folder
        peak_gb, wall_s = tag(path, arguments.encoder, arguments.hop)
    print(f"{arguments.seconds} s of {arguments.format}, {arguments.encoder} encoder")
    print(f"peak memory: {peak_gb:.2f} GB")
    print(f"file to tags: {wall_s:.1f} s, {arguments.seconds / wall_s:.0f} times real time")
    for name, value in seconds.items():
        print(f"{name} alone: {value:.1f} s, {value / wall_s:.0%} of that")


def in_child(work: Callable, *arguments):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


if __name__ == "__main__":
    main()
