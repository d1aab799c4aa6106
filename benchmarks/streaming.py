"""Memory and step time of `fit` on a file that is larger than memory should be.

    python benchmarks/streaming.py FOLDER

writes synthetic features to FOLDER (3.6 GB for two million clips, deleted at the end), trains on
them and on their first 20,000 clips, which fit into memory, in turns, and prints for each the peak
resident memory of the process and the median time of a step; then what making a batch takes.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from train.data.pack import CHUNK_CLIPS, N_DIMS, N_FRAMES, VIDEO_ID_BYTES
from train.tagger.config import FitConfig

N_CLASSES = 527
N_IN_MEMORY = 20_000
# Small blocks: a child's peak memory counts from what its parent held when it was started.
BLOCK_CLIPS = 16 * CHUNK_CLIPS
# One clip in fifty has fewer than ten frames.
SHORT_SHARE = 0.02
# Speech and Music label half of AudioSet each; the rarest classes some 120 clips of two million.
CLASS_SHARES = np.array([0.5, 0.5, *np.geomspace(0.02, 6e-5, N_CLASSES - 2)], np.float32)


def write_features(path: Path, n_clips: int) -> None:
    """Random clips with labels about as frequent as AudioSet's, laid out as `pack` does."""
    rng = np.random.default_rng(0)
    layout = {
        "x": ((N_FRAMES, N_DIMS), np.uint8),
        "y": ((N_CLASSES,), bool),
        "n_frames": ((), np.int32),
        "video_id_list": ((), f"S{VIDEO_ID_BYTES}"),
    }
    with h5py.File(path, "w") as file:
        for name, (shape, dtype) in layout.items():
            file.create_dataset(name, (n_clips, *shape), dtype, chunks=(CHUNK_CLIPS, *shape))
        for start in range(0, n_clips, BLOCK_CLIPS):
            stop = min(start + BLOCK_CLIPS, n_clips)
            shape = (stop - start, N_CLASSES)
            file["x"][start:stop] = rng.integers(0, 256, (shape[0], N_FRAMES, N_DIMS), np.uint8)
            file["y"][start:stop] = rng.random(shape, np.float32) < CLASS_SHARES
            n_frames = rng.integers(1, N_FRAMES + 1, shape[0])
            is_short = rng.random(shape[0]) < SHORT_SHARE
            file["n_frames"][start:stop] = np.where(is_short, n_frames, N_FRAMES)
            ids = np.char.zfill(np.arange(start, stop).astype("S"), VIDEO_ID_BYTES)
            file["video_id_list"][start:stop] = ids


def fit(data: Path, run: Path, iterations: int, batch_size: int) -> tuple[float, list[float]]:
    """Train in a process of its own: its peak resident memory in MB, seconds of a step."""
    command = [sys.executable, "-m", "train", "fit", "--data", data, "--output", run]
    command += ["--model", "feature_attention", "--batch-size", batch_size]
    command += ["--iterations", iterations, "--evaluate-every", iterations]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"Training on {data} failed: run {' '.join(map(str, command))}")
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    seconds = [line["seconds_a_batch"] for line in lines if "seconds_a_batch" in line]
    shutil.rmtree(run)
    # The first line holds the first steps, which are slower.
    return usage.ru_maxrss * 1024 / 1e6, seconds[1:]


def time_batches(data: Path, batch_size: int, n: int = 100) -> dict[str, float]:
    """Seconds of what comes before training, and of making one batch."""
    from train.data.features import load_features, split
    from train.tagger.batches import Batches

    seconds, started = {}, time.perf_counter()

    def lap(name: str, count: int = 1) -> None:
        nonlocal started
        seconds[name] = (time.perf_counter() - started) / count
        started = time.perf_counter()

    features = load_features(data)
    lap("opening the file")
    fit_part, _ = split(features)
    lap("splitting it")
    batches = Batches(FitConfig(batch_size=batch_size, sampling="balanced"), fit_part)
    lap("listing the clips of each class")
    batches.sampler.batch(10_000)
    lap("first batch of a resumed run, drawn")
    for iteration in range(10_001, 10_001 + n):
        batches.sampler.batch(iteration)
    lap("a batch, drawn", n)
    for iteration in range(10_001 + n, 10_001 + 2 * n):
        batches.batch(iteration)
    lap("a batch, drawn, read and mixed", n)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", type=Path, help="where the features are written, and deleted at the end"
    )
    parser.add_argument("--clips", type=int, default=2_000_000)
    parser.add_argument("--iterations", type=int, default=300, help="of each run")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=2, help="runs on each file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        files = {n: Path(folder) / f"clips_{n}.h5" for n in (arguments.clips, N_IN_MEMORY)}
        for n_clips, path in files.items():
            write_features(path, n_clips)
        megabytes, seconds = {n: [] for n in files}, {n: [] for n in files}
        for _ in range(arguments.repeats):
            for n_clips, path in files.items():
                peak, steps = fit(
                    path, Path(folder) / "run", arguments.iterations, arguments.batch_size
                )
                megabytes[n_clips].append(peak)
                seconds[n_clips] += steps
        medians = {n: statistics.median(steps) for n, steps in seconds.items()}
        for n_clips in files:
            print(
                f"{n_clips:>9,} clips: peak resident memory {max(megabytes[n_clips]):,.0f} MB, "
                f"{medians[n_clips] * 1000:.1f} ms a step"
            )
        print(f"step time, ratio: {medians[arguments.clips] / medians[N_IN_MEMORY]:.3f}")
        for name, value in time_batches(files[arguments.clips], arguments.batch_size).items():
            print(f"{name}: {value * 1000:,.1f} ms")


if __name__ == "__main__":
    main()
