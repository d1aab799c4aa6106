"""Installing VGGish's weights: each file is fetched once, checked, and never half there."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from audioset_demo.encoders.vggish import conversion, weights
from audioset_demo.errors import WeightsError
from tests.encoders.vggish.downloading import PAYLOAD, SHA256, names, pca_file

INSTALLER = """
import json, sys
from audioset_demo.encoders.vggish import conversion, weights

for name, change in json.loads(sys.argv[1]).items():
    setattr(weights, name, getattr(weights, name)._replace(**change))

def convert(checkpoint, out, source):  # it has tests of its own
    out.write_bytes(checkpoint.read_bytes())
    sys.stdin.read()  # until the test closes it

conversion.convert = convert
weights.install(progress=lambda done, total, stage: print(stage, flush=True))
assert weights.is_installed()
"""


@pytest.fixture
def start(server, cache):
    """Start a process that installs from `server`; it converts at once, or when stdin is closed."""
    released = {"NETWORK": PAYLOAD, "PCA": pca_file()}
    changes = {}
    for name, content in released.items():
        server.files[f"/{name}"] = content
        sha256 = hashlib.sha256(content).hexdigest()
        changes[name] = {
            "address": server.address(f"/{name}"), "sha256": sha256, "size": len(content)
        }  # fmt: skip
    started = []

    def start(converts_at_once=True):
        command = [sys.executable, "-c", INSTALLER, json.dumps(changes)]
        stdin = subprocess.DEVNULL if converts_at_once else subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_for(process, stage):
    return next(line for line in process.stdout if line.startswith(stage))


INSTALLED = [
    "vggish.json", "vggish.safetensors", "vggish_pca_params.json", "vggish_pca_params.npz",
]  # fmt: skip


def test_of_two_processes_one_installs_and_the_other_waits_and_finds_it(server, cache, start):
    first = start(converts_at_once=False)
    wait_for(first, "converting")
    second = start()
    wait_for(second, "waiting for another process")
    first.stdin.close()
    assert first.wait() == 0 and second.wait() == 0
    assert sorted(server.paths) == ["/NETWORK", "/PCA"]
    assert names(cache) == INSTALLED


def test_a_process_killed_in_the_download_is_continued_by_the_next(server, cache, start):
    server.faults = [(None, None), ("stall", 200_000)]
    first = start()
    part = cache / "download-vggish_model.ckpt.part"
    while not part.exists() or part.stat().st_size < 100_000:
        assert first.poll() is None
    first.kill()
    first.wait()
    assert not weights.is_installed()
    kept = weights.status()[0].part_bytes
    assert kept == part.stat().st_size
    assert start().wait() == 0
    assert server.requested == [None, None, f"bytes={kept}-"]
    assert names(cache) == INSTALLED


def test_a_process_killed_in_the_conversion_costs_no_second_download(server, cache, start):
    first = start(converts_at_once=False)
    wait_for(first, "converting")
    while not list(cache.glob(".part-*")):
        assert first.poll() is None
    first.kill()
    first.wait()
    assert not weights.is_installed()
    assert start().wait() == 0
    assert sorted(server.paths) == ["/NETWORK", "/PCA"]
    assert names(cache) == INSTALLED, "what the first left is gone"


@pytest.mark.parametrize("dies_before", ["vggish.safetensors", "vggish.json"])
def test_a_process_killed_between_a_file_and_its_card_leaves_no_wrong_card(
    server, cache, monkeypatch, dies_before
):
    """Replaces weights of one's own, which no check has seen, by the official ones."""
    server.files["/NETWORK"] = PAYLOAD
    released = {"address": server.address("/NETWORK"), "sha256": SHA256, "size": len(PAYLOAD)}
    monkeypatch.setattr(weights, "NETWORK", weights.NETWORK._replace(**released))
    pca = {"sha256": hashlib.sha256(pca_file()).hexdigest(), "size": len(pca_file())}
    monkeypatch.setattr(weights, "PCA", weights.PCA._replace(**pca))
    cache.mkdir()
    (cache / "vggish_pca_params.npz").write_bytes(pca_file())
    own = cache / "own.ckpt"
    own.write_bytes(b"weights of one's own")
    convert = lambda path, out, source: out.write_bytes(path.read_bytes())  # noqa: E731
    monkeypatch.setattr(conversion, "convert", convert)
    weights.install(own, sha256="any")
    replace = os.replace

    def killed(source, target):
        if os.path.basename(target) == dies_before:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "replace", killed)
        weights.install()
    there = dies_before == "vggish.json"
    expected = (weights.OFFICIAL, released["address"]) if there else (weights.UNCHECKED, str(own))
    assert (weights.status()[0].verified, weights.status()[0].source) == expected
    weights.install()
    assert weights.status()[0].verified == weights.OFFICIAL
    assert server.paths.count("/NETWORK") == 1
    assert names(cache) == ["own.ckpt", *INSTALLED]


def test_a_conversion_that_fails_costs_no_second_download(server, cache, monkeypatch):
    server.files["/NETWORK"] = PAYLOAD
    changed = {"address": server.address("/NETWORK"), "sha256": SHA256, "size": len(PAYLOAD)}
    monkeypatch.setattr(weights, "NETWORK", weights.NETWORK._replace(**changed))
    with pytest.raises(WeightsError, match="/NETWORK' is not a TensorFlow checkpoint"):
        weights.install(server.address("/NETWORK"))
    assert weights.status()[0].part_bytes == len(PAYLOAD)
    monkeypatch.setattr(conversion, "convert", lambda path, out, source: out.write_bytes(b"n"))
    weights.install(server.address("/NETWORK"))
    assert server.paths.count("/NETWORK") == 1
    assert names(cache) == ["vggish.json", "vggish.safetensors"]


def test_installing_from_an_address_records_where_it_came_from(server, cache):
    content = pca_file()
    server.files["/mirror/vggish_pca_params.npz"] = content
    address = server.address("/mirror/vggish_pca_params.npz")
    sha256 = hashlib.sha256(content).hexdigest()
    result = weights.install(address, sha256=sha256.upper())
    pca = result.files[1]
    assert (pca.present, pca.source, pca.sha256) == (True, address, sha256)
    assert pca.verified == "given SHA-256"
    assert pca.path.read_bytes() == content
    assert names(cache) == ["vggish_pca_params.json", "vggish_pca_params.npz"]

    pca.path.write_bytes(pca_file(seed=1))
    assert weights.status()[1].verified == "not checked", "the card speaks of another file"


def test_a_refused_file_leaves_the_installed_one_alone(server, cache):
    server.files["/vggish_pca_params.npz"] = pca_file()
    weights.install(server.address("/vggish_pca_params.npz"), sha256="any")
    before = names(cache), weights.status()
    server.files["/vggish_pca_params.npz"] = pca_file(seed=1)
    with pytest.raises(WeightsError, match="where 73,020 are expected"):
        weights.install(server.address("/vggish_pca_params.npz"))
    assert (names(cache), weights.status()) == before


def test_a_checkpoint_that_is_not_the_official_one_is_refused(cache, tmp_path):
    (tmp_path / "vggish_model.ckpt").write_bytes(PAYLOAD)
    for source in (tmp_path, tmp_path / "vggish_model.ckpt"):
        with pytest.raises(WeightsError, match=f"{SHA256}, not {weights.NETWORK.sha256}"):
            weights.install(source)
    assert names(cache) == []


def test_a_wrong_pca_file_in_the_folder_is_refused_before_the_checkpoint_is_read(cache, tmp_path):
    (tmp_path / "vggish_model.ckpt").write_bytes(PAYLOAD)
    (tmp_path / "vggish_pca_params.npz").write_bytes(pca_file())
    with pytest.raises(WeightsError, match=r"vggish_pca_params.npz' .* has the SHA-256"):
        weights.install(tmp_path, sha256=SHA256)
    assert names(cache) == []


@pytest.mark.data
def test_the_released_pca_file_is_recognised_by_its_hash(cache, shared_data):
    source = shared_data / "vggish/vggish_pca_params.npz"
    pca = weights.install(source).files[1]
    assert (pca.bytes, pca.verified, pca.source) == (73_020, "official SHA-256", str(source))
    assert not weights.is_installed(), "the network is still missing"


def test_invalid_sources_and_hashes_are_named(cache, tmp_path):
    with pytest.raises(WeightsError, match="no file '.*nowhere.ckpt'"):
        weights.install(tmp_path / "nowhere.ckpt")
    with pytest.raises(WeightsError, match="holds vggish_model.ckpt"):
        weights.install(tmp_path)
    with pytest.raises(WeightsError, match="'12ab' is not a SHA-256"):
        weights.install(tmp_path, sha256="12ab")
    with pytest.raises(WeightsError, match="could not be reached"):
        weights.install()


def test_the_status_of_an_empty_cache_needs_no_connection(cache):
    assert not weights.is_installed()
    assert [file.present for file in weights.status()] == [False, False]
    assert not cache.exists()


@pytest.mark.parametrize("address", ["https://[::1", "https://a..b/", "http://\u2488com/x.npz"])
def test_what_is_no_address_is_refused(cache, address):
    with pytest.raises(WeightsError, match="is not an address"):
        weights.install(address)
