"""What each process of `torchrun` runs in test_processes.py: several trainings, one after another.

torchrun --nproc-per-node 2 -m tests.train.tagger.several_processes DATA.h5 OUT [deadly step]
"""

import sys
from dataclasses import replace
from pathlib import Path

from tests.train.children import die
from train.data.features import load_features
from train.tagger import processes
from train.tagger.config import FitConfig
from train.tagger.fit import fit
from train.tagger.torch_learner import TorchLearner

# 20 steps in fp32 with dropout and mixup; the shares of two processes differ by a clip.
COMMON = {
    "iterations": 20, "batch_size": 33, "hidden_units": 16, "evaluate_every": 10,
    "precision": "fp32", "dropout": 0.3, "mixup": 0.3,
}  # fmt: skip
CONFIGS = {
    "average": FitConfig(model="average", sampling="balanced", **COMMON),
    "max": FitConfig(model="max", loss="focal", frames=0, mask_missing=True, **COMMON),
    "single_attention": FitConfig(model="single_attention", weight_decay=0.1, noise=0.1, **COMMON),
    "multi_attention": FitConfig(model="multi_attention", shared_head=True, **COMMON),
    "feature_attention": FitConfig(model="feature_attention", ema=0.9, **COMMON),
    "frame_baseline": FitConfig(model="frame_baseline", frames=0, **COMMON),
}


def train_all(data: Path, out: Path, teacher: Path) -> None:
    """Train all; `max` learns from `teacher` as well, and `feature_attention` from its frames."""
    features = load_features(data)
    settings = {"max": "teacher", "feature_attention": "frame_teacher"}
    for name, config in CONFIGS.items():
        taught = {settings[name]: (str(teacher),)} if name in settings else {}
        fit(replace(config, **taught), features, out / name, device="cpu")


def command(name: str, data: object, run: object) -> list[str]:
    """What to give to `python -m train` for one of them."""
    places = {"DATA": str(data), "RUN": str(run)}
    words = CONFIGS[name].command().removeprefix("python -m train ").split()
    return [*(places.get(word, word) for word in words), "--device", "cpu"]


def kill_one(step: int) -> None:
    """The last process is killed in the given step of all that it trains."""
    original, steps = TorchLearner.step, iter(range(1, 1000))

    def deadly(self, *given) -> float:
        is_last = processes.share_of(processes.count()).stop == processes.count()
        return (die if next(steps) == step and is_last else original)(self, *given)

    TorchLearner.step = deadly


if __name__ == "__main__":
    data, out, last = sys.argv[1:]
    if last.isdigit():
        from train.__main__ import main

        kill_one(int(last))
        sys.exit(main(command("single_attention", data, out)))
    with processes.joined("cpu"):
        train_all(Path(data), Path(out), Path(last))
