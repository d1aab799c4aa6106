"""Several processes, started by torchrun, train what a single one trains with the same batches."""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.train.tagger.parity import MOVED_BY_ROUNDING
from tests.train.tagger.several_processes import CONFIGS, command, train_all
from tests.train.toy_features import write_features
from train.runs import read_metrics

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[3]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]


def torchrun(n: int, *words: object) -> subprocess.CompletedProcess:
    """A module and its arguments in `n` processes."""
    given = [*TORCHRUN, "--standalone", "--nproc-per-node", str(n), "-m", *map(str, words)]
    return subprocess.run(given, cwd=ROOT, capture_output=True, text=True)


def torchrun_on_two_machines(*words: object) -> list[subprocess.CompletedProcess]:
    """The same in a process on each of two machines, which both are this one."""
    with socket.create_server(("localhost", 0)) as free:
        meeting = f"localhost:{free.getsockname()[1]}"
    shared = ["--nnodes", "2", "--nproc-per-node", "1", "--local-addr", "localhost"]
    shared += ["--rdzv-backend", "c10d", "--rdzv-endpoint", meeting]

    def machine(rank: str) -> subprocess.CompletedProcess:
        given = [*TORCHRUN, *shared, "--node-rank", rank, "-m", *map(str, words)]
        return subprocess.run(given, cwd=ROOT, capture_output=True, text=True)

    with ThreadPoolExecutor() as both:
        return list(both.map(machine, "01"))


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_features(tmp_path_factory.mktemp("features") / "own.h5", labels=None, max_frames=6)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, data) -> Path:
    """The runs of a single process."""
    folder = tmp_path_factory.mktemp("alone")
    train_all(data, folder, folder / "average")
    return folder


@pytest.fixture(scope="module")
def together(tmp_path_factory, data, alone) -> Path:
    """The runs of two processes, each on a machine of its own."""
    folder = tmp_path_factory.mktemp("together")
    given = ("tests.train.tagger.several_processes", data, folder, alone / "average")
    for done in torchrun_on_two_machines(*given):
        assert done.returncode == 0, done.stderr
    return folder


def assert_same_run(run: Path, twin: Path) -> None:
    """All weights are equal but for those on which nothing depends."""
    here, there = (load_file(folder / "state.safetensors") for folder in (run, twin))
    assert here.keys() == there.keys()
    ignored = {f"{kind}.{name}" for kind in ("model", "average") for name in MOVED_BY_ROUNDING}
    errors = {
        name: (here[name] - there[name]).abs().max().item()
        for name in here.keys() - ignored
        if not name.startswith("adam.")
    }
    assert max(errors.values()) < 1e-4, errors
    for line, other in zip(read_metrics(run), read_metrics(twin), strict=True):
        assert line.keys() == other.keys() and line["iteration"] == other["iteration"]
        assert line.get("loss") == pytest.approx(other.get("loss"), abs=1e-5)
        if "validation" in line:
            assert line["validation"]["clips"] == other["validation"]["clips"]
            assert line["validation"]["mAP"] == pytest.approx(other["validation"]["mAP"], abs=1e-3)


@pytest.mark.parametrize("name", CONFIGS)
def test_two_machines_train_the_weights_of_one(alone, together, name):
    assert_same_run(together / name, alone / name)


def test_a_killed_process_ends_the_training_and_it_resumes(alone, data, tmp_path):
    run = tmp_path / "run"
    done = torchrun(2, "tests.train.tagger.several_processes", data, run, 15)
    assert done.returncode != 0
    assert "--resume" in done.stderr and "iter_00010" in done.stdout
    done = torchrun(3, "train", *command("single_attention", data, run), "--resume")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Clips: ") == 1
    assert_same_run(run, alone / "single_attention")
