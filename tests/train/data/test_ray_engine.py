"""Extraction by Ray on two machines: as by the processes of one, also where a machine is lost."""

import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from audioset_demo.errors import DataError
from tests.sounds import file_of, white_noise
from tests.train.data.fake_encoding import NoEncoding, SlowEncoding
from train.__main__ import main
from train.data import shards
from train.data.extract import extract

ROOT = Path(__file__).parents[3]
SMALL = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


@pytest.fixture
def sounds(tmp_path, monkeypatch):
    """Sounds in shards of three; one is deadly, one damaged, one missing."""
    folder = tmp_path / "sounds"
    (folder / "deep").mkdir(parents=True)
    names = [f"{number:02}.wav" for number in range(12)] + ["deep/b.wav"]
    for number, name in enumerate(names):
        (folder / name).write_bytes(file_of(white_noise(1 + number % 3)))
    (folder / "damaged.wav").write_bytes(b"not a sound")
    lines = [f"{name},hiss" for name in [*names, "damaged.wav", "gone.wav"]]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *lines]))
    monkeypatch.setattr(shards, "SHARD_FILES", 3)
    monkeypatch.setattr(shards, "Encoding", SlowEncoding)
    monkeypatch.setenv("JOURNAL", str(tmp_path / "journal"))
    return folder


@pytest.fixture
def machines(sounds, monkeypatch):
    """A cluster of two machines with a core each, and the one that may be lost."""
    ray = pytest.importorskip("ray", reason="needs Ray: pip install '.[ray]'")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    cluster = Cluster(initialize_head=True, head_node_args=SMALL)
    try:
        other = cluster.add_node(**SMALL, env_vars={"MACHINE": "other"})
        ray.init(address=cluster.address, log_to_driver=False)
        yield cluster, other
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_machine_that_is_lost_costs_nothing_and_doubles_nothing(
    sounds, machines, tmp_path, monkeypatch
):
    cluster, other = machines
    labels, journal = tmp_path / "labels.csv", tmp_path / "journal"

    def lose_the_other() -> None:
        while not (journal.exists() and "other" in journal.read_text()):
            time.sleep(0.05)
        cluster.remove_node(other, allow_graceful=False)

    thread = threading.Thread(target=lose_the_other, daemon=True)
    thread.start()
    failures = extract(sounds, labels, tmp_path / "ray.h5", "compact", engine="ray")
    thread.join(timeout=60)
    assert not thread.is_alive()
    begun = Counter(line.split()[1] for line in journal.read_text().splitlines())
    assert max(begun[f"{number:02}.wav"] for number in range(12)) > 1  # a shard was repeated
    assert failures == extract(sounds, labels, tmp_path / "local.h5", "compact", jobs=1)
    assert len(failures) == 3
    assert (tmp_path / "ray.h5").read_bytes() == (tmp_path / "local.h5").read_bytes()
    assert not (tmp_path / "ray.h5.parts").exists()

    monkeypatch.setattr(shards, "Encoding", NoEncoding)
    with pytest.raises(DataError, match="5 of 5 shards failed.* The weights are not on this"):
        extract(sounds, labels, tmp_path / "none.h5", "compact", engine="ray")


def test_without_ray_the_extra_is_named(sounds, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    command = ["extract", str(sounds), "--labels", str(tmp_path / "labels.csv")]
    assert main([*command, "--output", str(tmp_path / "own.h5"), "--engine", "ray"]) == 1
    assert "pip install 'audioset-demo[ray]'" in capsys.readouterr().err
    assert not os.path.exists(tmp_path / "own.h5.parts")
