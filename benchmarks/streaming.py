"""Training on all of AudioSet from disk: memory, time of a step, and hours of the whole table.

    python benchmarks/streaming.py FOLDER [--device cuda]

writes a pair of synthetic files to FOLDER (3.8 GB, deleted at the end): `bal_train.h5` and
`unbal_train.h5` with as many clips as AudioSet, random embeddings, and as many clips of each class
as the released lists state. It prints what comes before training; then, for each model with the
reference's settings, the median seconds of a step on both files from disk and on `bal_train.h5` in
memory, in turns, with the files put out of the system's cache before each turn; then the peak
memory of `python -m train fit` on both. From that follow the hours of the reference's table.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from audioset_demo.device import DEVICES
from audioset_demo.labels import audioset_labels
from audioset_demo.models.settings import POOLINGS
from train.data.features import load_features, training_files
from train.data.sources import OFFICIAL_CLIPS
from train.data.tfrecords import N_FRAMES, VIDEO_ID_BYTES
from train.data.writing import append
from train.tagger.batches import Batches
from train.tagger.config import FitConfig
from train.tagger.fit import make_learner

N_DIMS, CLIP_BYTES = 128, N_FRAMES * 128
BLOCK_CLIPS = 16_384  # small, as peak memory counts from what is held when it is measured
SHORT_SHARE = 0.02  # one clip in fifty has fewer than ten frames
ITERATIONS = 50_000  # of each row of the table


def settings_of(model: str) -> FitConfig:
    """The reference's."""
    return FitConfig(
        model=model,
        batch_size=500,
        sampling="balanced",
        frames=0,
        mixup=0.0,
        dropout=0.5,
        precision="fp32",
        shared_head=model == "multi_attention",
        whole=True,
    )


def write_features(path: Path, counts: np.ndarray, n_clips: int) -> None:
    """Random clips, `counts[k]` of them of class k, laid out as `pack` does.

    Every clip has a label where the counts allow it. The clips of a class are a stretch of a random
    order, which begins where the stretch of the class before it ends.
    """
    rng = np.random.default_rng(0)
    clips = rng.permutation(n_clips)[np.arange(counts.sum()) % n_clips]
    classes = np.repeat(np.arange(len(counts)), counts)
    order = np.argsort(clips, kind="stable")
    clips, classes = clips[order], classes[order]
    with h5py.File(path, "w") as file:
        for start in range(0, n_clips, BLOCK_CLIPS):
            n = min(BLOCK_CLIPS, n_clips - start)
            x = np.frombuffer(rng.bytes(n * CLIP_BYTES), np.uint8).reshape(n, N_FRAMES, N_DIMS)
            y = np.zeros((n, len(counts)), bool)
            first, last = np.searchsorted(clips, (start, start + n))
            y[clips[first:last] - start, classes[first:last]] = True
            is_short = rng.random(n) < SHORT_SHARE
            ids = [f"{path.stem[:1]}{clip}".encode() for clip in range(start, start + n)]
            columns = {
                "x": x,
                "y": y,
                "n_frames": np.where(is_short, rng.integers(1, N_FRAMES, n), N_FRAMES),
                "video_id_list": np.array(ids, f"S{VIDEO_ID_BYTES}"),
            }
            append(file, columns, start, n_clips)


def write_pair(folder: Path, share: float) -> None:
    for name in ("bal_train", "unbal_train"):
        counts = np.array([getattr(label, f"n_{name}") for label in audioset_labels()])
        n_clips = round(OFFICIAL_CLIPS[name] * share)
        counts = np.maximum(np.round(counts * share).astype(int), 1)
        write_features(folder / f"{name}.h5", counts, n_clips)
        print(f"{name}.h5: {n_clips:,} clips, {counts.sum():,} labels", flush=True)


def put_out_of_cache(folder: Path) -> None:
    """Have the system forget what it has read of the files."""
    for path in folder.glob("*.h5"):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def time_preparation(folder: Path) -> Batches:
    """The batches of both files; prints what they took."""
    started = time.perf_counter()
    both = load_features(training_files(folder))
    opened = time.perf_counter()
    batches = Batches(settings_of("average"), both)
    batches.batch(0)
    done = time.perf_counter()
    groups = batches.sampler.groups
    labels = sum(map(len, groups))
    print(f"opening the files: {opened - started:.1f} s")
    print(f"queue of {len(groups)} classes and {labels:,} labels: {done - opened:.1f} s")
    return batches


def time_steps(learner, batches: Batches, iterations: range) -> np.ndarray:
    """Of each step but the first: seconds, and seconds of the processor, batches included."""
    ends = []
    for iteration, batch in zip(iterations, batches.ahead(iterations), strict=True):
        learner.step(batch, 1e-3, seed=iteration)
        ends.append((time.perf_counter(), time.process_time()))
    return np.diff(ends, axis=0)


def compare(
    model: str, folder: Path, batches: dict[str, Batches], n_steps: int, turns: int, device: str
) -> np.ndarray:
    """Medians of a step from disk, (2,): seconds, and of the processor; prints each set's."""
    config = settings_of(model)
    learner = make_learner(config.model_settings(len(audioset_labels())), config, device)
    steps: dict[str, list[np.ndarray]] = {name: [] for name in batches}
    time_steps(learner, batches["memory"], range(3))  # the first steps allocate
    for turn in range(turns):
        for name in batches:
            put_out_of_cache(folder)
            iterations = range(turn * n_steps, (turn + 1) * n_steps)
            steps[name].append(time_steps(learner, batches[name], iterations))
    disk, memory = (np.median(np.concatenate(steps[name]), axis=0) for name in ("disk", "memory"))
    cells = (*memory, *disk, *(disk / memory))
    print(f"{model:18}", *(f"{cell:9.3f}" for cell in cells), flush=True)
    return disk


def peak_megabytes(folder: Path, iterations: int, device: str) -> float:
    """Of training on both files, validation included, in a process of its own."""
    command = [sys.executable, "-m", "train", "fit", "--data", folder, "--output", folder / "run"]
    command += ["--model", "feature_attention", "--batch-size", 500, "--sampling", "balanced"]
    command += ["--frames", 0, "--mixup", 0, "--iterations", iterations, "--device", device]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(list(map(str, command)), stdout=quiet, stderr=quiet)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"Training failed: run {' '.join(map(str, command))}")
    shutil.rmtree(folder / "run")
    return usage.ru_maxrss * 1024 / 1e6


def tell_hours(seconds: dict[str, float], whose: str) -> None:
    hours = {model: ITERATIONS * step / 3600 for model, step in seconds.items()}
    print(f"{ITERATIONS:,} iterations of each from disk, without scoring, hours of {whose}:")
    for model, value in (hours | {"all": sum(hours.values())}).items():
        print(f"  {model:18} {value:6.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the files are written")
    parser.add_argument("--share", type=float, default=1.0, help="of AudioSet's clips, to try it")
    parser.add_argument("--steps", type=int, default=50, help="of a turn (%(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="of each set (%(default)s)")
    parser.add_argument("--device", default="cpu", choices=DEVICES)
    arguments = parser.parse_args()
    device = arguments.device
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder = Path(temporary)
        write_pair(folder, arguments.share)
        peak = peak_megabytes(folder, arguments.steps, device)
        print(f"peak resident memory of fit on both files: {peak:,.0f} MB", flush=True)
        some = load_features(folder / "bal_train.h5")
        # They do not depend on the model.
        batches = {
            "disk": time_preparation(folder),
            "memory": Batches(settings_of("average"), some),
        }
        print("seconds of a step, and of the processor in it, on some clips in memory and on all")
        print(" " * 18, *(f"{name:>9}{'':10}" for name in ("memory", "disk", "ratio")))
        steps = {
            model: compare(model, folder, batches, arguments.steps, arguments.turns, device)
            for model in POOLINGS
        }
        # On the CPU its own seconds, which other work on the machine hardly changes.
        column, whose = (1, "one core") if device == "cpu" else (0, "the clock")
        tell_hours({model: float(medians[column]) for model, medians in steps.items()}, whose)


if __name__ == "__main__":
    main()
