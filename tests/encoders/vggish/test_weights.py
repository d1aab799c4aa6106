"""Fetching, checking and installing VGGish's weights, against a server on this machine."""

import hashlib
import importlib.util
import io
import json
import multiprocessing
import os
import resource
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audioset_demo.encoders.vggish import download as downloading
from audioset_demo.encoders.vggish import tf1_checkpoint, weights
from audioset_demo.encoders.vggish.download import download
from audioset_demo.encoders.vggish.tf1_checkpoint import read_tensors
from audioset_demo.errors import StorageError, WeightsError

PAYLOAD = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)
SHA256 = hashlib.sha256(PAYLOAD).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `files`, and does with each request the next of `faults`: ("drop", n) or ("stall", n)
    after n bytes, or ("answer", status).
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"/payload": PAYLOAD}
        self.redirects = {}  # path -> (status, path)
        self.faults = []
        self.ranges = True
        self.tells_length = True
        self.type = "application/octet-stream"
        self.asked = []  # the Range header of each request
        self.paths = []
        self.replacement = None  # of /payload after the first request
        self.ended = Event()

    def address(self, path="/payload"):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def shutdown(self):
        self.ended.set()
        super().shutdown()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.asked.append(asked)
        server.paths.append(self.path)
        fault, value = server.faults.pop(0) if server.faults else (None, None)
        content = server.files.get(self.path)
        if server.replacement is not None:
            server.files["/payload"] = server.replacement
        if self.path in server.redirects:
            status, path = server.redirects[self.path]
            self.send_response(status)
            self.send_header("Location", path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault == "answer" or content is None:
            self.send_error(value or 404)
            return
        start = 0
        if asked and server.ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            last = len(content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", server.type)
        if server.tells_length:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = start + value if fault in ("drop", "stall") else None
        with suppress(ConnectionError):  # the other end has had enough
            self.wfile.write(content[start:end])
        if fault == "stall":
            server.ended.wait()

    def end_headers(self):
        self.send_header("Connection", "close")
        super().end_headers()

    def log_message(self, *args):
        pass


@contextmanager
def running():
    server = Server()
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(downloading, "PAUSE_S", 0)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as server:
        yield server


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, cut off from the official addresses."""
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "cache"))
    for name in ("NETWORK", "PCA"):
        file = getattr(weights, name)
        monkeypatch.setattr(weights, name, file._replace(address=f"http://127.0.0.1:9/{file.name}"))
    return tmp_path / "cache"


def pca_file(seed=0):
    numbers = np.random.default_rng(seed)
    file = io.BytesIO()
    np.savez(
        file, pca_eigen_vectors=numbers.normal(size=(128, 128)), pca_means=numbers.normal(size=128)
    )
    return file.getvalue()


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drops=st.lists(st.integers(0, 299_999), max_size=4), ranges=st.booleans())
def test_a_download_survives_drops_wherever_they_come(server, tmp_path, drops, ranges):
    server.faults, server.ranges = [("drop", after) for after in drops], ranges
    assert download(server.address(), tmp_path / "file", SHA256) == SHA256
    assert (tmp_path / "file").read_bytes() == PAYLOAD
    (tmp_path / "file").unlink()


def test_a_drop_is_continued_by_range(server, tmp_path):
    server.faults = [("drop", 200_000)]
    seen = []

    def progress(*args):
        seen.append(args)

    download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD), progress)
    assert server.asked[0] is None
    start = int(server.asked[1].removeprefix("bytes=").removesuffix("-"))
    assert 200_000 - downloading.CHUNK_BYTES <= start <= 200_000
    done = [bytes_done for bytes_done, _, stage in seen if stage == "downloading payload"]
    assert done == sorted(done)
    assert done[-1] == len(PAYLOAD)
    assert {total for _, total, _ in seen} == {len(PAYLOAD)}
    assert (start, len(PAYLOAD), "trying again: the server broke off") in seen


def test_a_stalled_connection_is_given_up_and_continued(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloading, "READ_TIMEOUT_S", 0.2)
    server.faults = [("stall", 100_000), ("stall", 0), ("stall", 100_000)]
    assert download(server.address(), tmp_path / "file", SHA256) == SHA256
    assert len(server.asked) == 4


def test_the_next_call_continues_where_the_last_gave_up(server, tmp_path):
    server.faults = [("drop", 100_000)] + [("drop", 0)] * 5
    with pytest.raises(WeightsError, match="broke off 5 times in a row.*are kept"):
        download(server.address(), tmp_path / "file", SHA256)
    kept = (tmp_path / "file").stat().st_size
    server.asked.clear()
    download(server.address(), tmp_path / "file", SHA256)
    assert server.asked == [f"bytes={kept}-"]
    assert (tmp_path / "file").read_bytes() == PAYLOAD


def test_a_whole_file_needs_no_second_transfer(server, tmp_path):
    (tmp_path / "file").write_bytes(PAYLOAD)
    download(server.address(), tmp_path / "file", SHA256)  # the server answers 416
    server.asked.clear()
    download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD))
    assert server.asked == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_failing_server_is_tried_again_after_growing_pauses(
    server, tmp_path, monkeypatch, status
):
    pauses = []
    monkeypatch.setattr(downloading, "PAUSE_S", 0.25)
    monkeypatch.setattr(downloading.time, "sleep", pauses.append)
    server.faults = [("answer", status)] * 4
    assert download(server.address(), tmp_path / "file", SHA256) == SHA256
    assert pauses == [0.5, 1, 2, 4]
    server.faults = [("answer", status)] * 5
    with pytest.raises(WeightsError, match=f"/payload' answered {status} .* 5 times in a row"):
        download(server.address(), tmp_path / "other", SHA256)
    assert names(tmp_path) == ["file"]


def test_a_connection_refused_is_tried_again_then_named(tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(downloading.time, "sleep", pauses.append)
    with pytest.raises(WeightsError, match="127.0.0.1:9/x' could not be reached.*--from PATH"):
        download("http://127.0.0.1:9/x", tmp_path / "file", SHA256)
    assert len(pauses) == 4
    assert names(tmp_path) == []


def test_a_missing_file_is_not_requested_again(server, tmp_path):
    with pytest.raises(WeightsError, match="/nothing' answered 404"):
        download(server.address("/nothing"), tmp_path / "file", SHA256)
    assert len(server.asked) == 1
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirected_download_is_resumed_too(server, tmp_path, status):
    server.redirects["/old"] = status, "/payload"
    server.faults = [(None, None), ("drop", 200_000)]
    assert download(server.address("/old"), tmp_path / "file", SHA256) == SHA256
    assert server.paths == ["/old", "/payload"] * 2
    assert server.asked[-1].startswith("bytes=")


def test_redirects_in_a_circle_are_not_tried_again(server, tmp_path):
    server.redirects = {"/here": (302, "/there"), "/there": (302, "/here")}
    with pytest.raises(WeightsError, match="/here' cannot be followed.*circle"):
        download(server.address("/here"), tmp_path / "file", SHA256)
    assert len(server.paths) < 40, "one round of what requests follows"


def test_without_a_hash_halves_are_never_joined(server, tmp_path):
    (tmp_path / "file").write_bytes(b"of another file")
    server.files["/payload"], server.replacement = OTHER, PAYLOAD
    server.faults = [("drop", 100_000)]
    download(server.address(), tmp_path / "file", sha256=None)
    assert server.asked == [None, None]
    assert (tmp_path / "file").read_bytes() == PAYLOAD


@pytest.mark.parametrize("size", [None, len(PAYLOAD)])
def test_a_file_that_changes_between_two_tries_is_fetched_as_a_whole(server, tmp_path, size):
    server.files["/payload"], server.replacement = OTHER, PAYLOAD
    server.faults = [("drop", 100_000)]
    assert download(server.address(), tmp_path / "file", SHA256, size) == SHA256
    assert [asked and "range" for asked in server.asked] == [None, "range", None]


@pytest.mark.parametrize("part", [b"of another file", OTHER, PAYLOAD + b"and more"])
def test_a_part_of_another_file_is_given_up(server, tmp_path, part):
    (tmp_path / "file").write_bytes(part)
    assert download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD)) == SHA256


def test_wrong_bytes_are_refused_by_hash_and_leave_nothing(server, tmp_path):
    server.files["/payload"] = wrong = PAYLOAD[:-1] + b"?"
    server.faults = [("drop", 100_000), (None, None), ("drop", 100_000)]
    with pytest.raises(WeightsError) as refusal:
        download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD))
    assert server.address() in str(refusal.value)
    assert SHA256 in str(refusal.value)
    assert hashlib.sha256(wrong).hexdigest() in str(refusal.value)
    assert names(tmp_path) == []
    assert [asked and "range" for asked in server.asked] == [None, "range"] * 2, "afresh, but once"


@pytest.mark.parametrize("content", [PAYLOAD[:-1], PAYLOAD + b"?", b"busy", 9 * PAYLOAD])
def test_a_file_of_another_size_is_refused_before_it_is_read(server, tmp_path, content):
    server.files["/payload"] = content
    with pytest.raises(WeightsError, match=f"{len(content):,} bytes where 300,000 are expected"):
        download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD))
    assert names(tmp_path) == []

    server.tells_length = False
    done = []
    with pytest.raises(WeightsError, match=f"not the expected file.*not {SHA256}"):
        download(
            server.address(), tmp_path / "file", SHA256, len(PAYLOAD), lambda *a: done.append(a[0])
        )
    assert names(tmp_path) == []
    assert max(done) <= len(PAYLOAD) + downloading.CHUNK_BYTES, "no more than needed is read"


def test_a_web_page_instead_of_the_file_keeps_the_part_that_has_arrived(server, tmp_path):
    (tmp_path / "file").write_bytes(PAYLOAD[:200_000])
    server.files["/payload"], server.type = b"<html>Log in</html>", "text/html; charset=utf-8"
    server.ranges = server.tells_length = False
    with pytest.raises(WeightsError, match="/payload' answered with a web page"):
        download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD))
    assert (tmp_path / "file").read_bytes() == PAYLOAD[:200_000]


def test_a_full_disk_is_reported_and_the_download_continued(server, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    try:
        with pytest.raises(StorageError, match="file could not be written.*MB free.*Make room"):
            download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD)) == SHA256
    assert server.asked == [None, "bytes=150000-"]


INSTALLER = """
import json, sys, time
from audioset_demo.encoders.vggish import tf1_checkpoint, weights

for name, change in json.loads(sys.argv[1]).items():
    setattr(weights, name, getattr(weights, name)._replace(**change))

def convert(checkpoint, out, source):  # TensorFlow has tests of its own
    out.write_bytes(checkpoint.read_bytes())
    time.sleep(float(sys.argv[2]))

tf1_checkpoint.convert = convert
weights.install(progress=lambda done, total, stage: print(stage, flush=True))
assert weights.is_installed()
"""


@pytest.fixture
def start(server, cache):
    """Start a process that installs from `server`; `converting_s` is how long it converts."""
    released = {"NETWORK": PAYLOAD, "PCA": pca_file()}
    changes = {}
    for name, content in released.items():
        server.files[f"/{name}"] = content
        sha256 = hashlib.sha256(content).hexdigest()
        changes[name] = {
            "address": server.address(f"/{name}"), "sha256": sha256, "size": len(content)
        }  # fmt: skip
    started = []

    def start(converting_s=0.0):
        command = [sys.executable, "-c", INSTALLER, json.dumps(changes), str(converting_s)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(process, stage):
    return next(line for line in process.stdout if line.startswith(stage))


INSTALLED = [
    "vggish.json", "vggish.safetensors", "vggish_pca_params.json", "vggish_pca_params.npz",
]  # fmt: skip


def test_of_two_processes_one_installs_and_the_other_waits_and_finds_it(server, cache, start):
    first = start(converting_s=2)
    wait_for(first, "converting")
    second = start()
    wait_for(second, "waiting for another process")
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
    assert server.asked == [None, None, f"bytes={kept}-"]
    assert names(cache) == INSTALLED


def test_a_process_killed_in_the_conversion_costs_no_second_download(server, cache, start):
    first = start(converting_s=60)
    wait_for(first, "converting")
    while not list(cache.glob(".part-*")):
        assert first.poll() is None
    first.kill()
    first.wait()
    assert not weights.is_installed()
    assert start().wait() == 0
    assert sorted(server.paths) == ["/NETWORK", "/PCA"]
    assert names(cache) == INSTALLED, "what the first left is gone"


def test_a_conversion_that_fails_costs_no_second_download(server, cache, monkeypatch):
    server.files["/NETWORK"] = PAYLOAD
    changed = {"address": server.address("/NETWORK"), "sha256": SHA256, "size": len(PAYLOAD)}
    monkeypatch.setattr(weights, "NETWORK", weights.NETWORK._replace(**changed))
    with pytest.raises(WeightsError, match="/NETWORK' is not a TensorFlow checkpoint"):
        weights.install(server.address("/NETWORK"))
    assert weights.status()[0].part_bytes == len(PAYLOAD)
    monkeypatch.setattr(tf1_checkpoint, "convert", lambda path, out, source: out.write_bytes(b"n"))
    weights.install(server.address("/NETWORK"))
    assert server.paths.count("/NETWORK") == 1
    assert names(cache) == ["vggish.json", "vggish.safetensors"]


def test_without_tensorflow_nothing_is_downloaded(server, cache, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="TensorFlow is needed once .*`pip install"):
        weights.install(server.address(), sha256=SHA256)
    assert server.asked == []


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
    with pytest.raises(WeightsError, match="vggish_pca_params.npz' is not the expected file"):
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


@pytest.mark.slow
def test_a_file_that_is_not_a_checkpoint_is_named_and_leaves_nothing(server, cache):
    # The path of the temporary copy would tell the user nothing: the address must be named.
    with pytest.raises(WeightsError, match="/payload' is not a TensorFlow checkpoint"):
        weights.install(server.address(), sha256=SHA256)
    assert names(cache) == []


def complaints(folder):
    """The converter's errors for a checkpoint without our variables, and with one misshapen."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    import tensorflow as tf

    v1 = tf.compat.v1
    said = []
    for name, shape in (("other", (2,)), ("vggish/conv1/weights", (3, 3, 1, 32))):
        with tf.Graph().as_default(), v1.Session() as session:
            session.run(v1.get_variable(name, shape).initializer)
            saver = v1.train.Saver(write_version=v1.train.SaverDef.V1)
            saver.save(session, str(folder / "odd.ckpt"), write_meta_graph=False)
        try:
            read_tensors(folder / "odd.ckpt")
        except WeightsError as error:
            said.append(str(error))
    return said


@pytest.mark.slow
def test_a_missing_or_misshapen_variable_is_named(tmp_path):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        missing, misshapen = pool.submit(complaints, tmp_path).result()
    assert "no variable 'vggish/conv1/weights'" in missing
    assert "'vggish/conv1/weights' with shape (3, 3, 1, 32); VGGish has (3, 3, 1, 64)" in misshapen
