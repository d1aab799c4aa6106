"""Fetching, checking and installing VGGish's weights, against a server on this machine."""

import hashlib
import io
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audioset_demo.encoders import download as downloading
from audioset_demo.encoders import weights
from audioset_demo.encoders.download import download
from audioset_demo.encoders.tf1_checkpoint import read_tensors
from audioset_demo.errors import WeightsError

PAYLOAD = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(PAYLOAD).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `files`; drops the connection after `drops[0]` bytes, next time after `drops[1]`..."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"/payload": PAYLOAD}
        self.drops = []
        self.ranges = True
        self.asked = []  # the Range header of each request

    def address(self, path="/payload"):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        self.close_connection = True
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = 0
        if asked and self.server.ranges:
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
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = start + self.server.drops.pop(0) if self.server.drops else None
        self.wfile.write(content[start:end])

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


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(downloading.time, "sleep", lambda seconds: None)
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
    return sorted(path.name for path in folder.iterdir())


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drops=st.lists(st.integers(0, 299_999), max_size=4), ranges=st.booleans())
def test_a_download_survives_drops_wherever_they_come(server, tmp_path, drops, ranges):
    server.drops, server.ranges = list(drops), ranges
    assert download(server.address(), tmp_path / "file", SHA256) == SHA256
    assert (tmp_path / "file").read_bytes() == PAYLOAD
    assert names(tmp_path) == ["file"]


def test_a_drop_is_continued_by_range(server, tmp_path):
    server.drops = [200_000]
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


def test_the_next_call_continues_where_the_last_gave_up(server, tmp_path):
    server.drops = [100_000] + [0] * 5
    with pytest.raises(WeightsError, match="broke off 5 times in a row.*are kept"):
        download(server.address(), tmp_path / "file", SHA256)
    assert names(tmp_path) == ["file.part"]
    kept = (tmp_path / "file.part").stat().st_size
    server.asked.clear()
    download(server.address(), tmp_path / "file", SHA256)
    assert server.asked == [f"bytes={kept}-"]
    assert (tmp_path / "file").read_bytes() == PAYLOAD


def test_a_whole_part_needs_no_second_transfer(server, tmp_path):
    (tmp_path / "file.part").write_bytes(PAYLOAD)
    download(server.address(), tmp_path / "file", SHA256)  # the server answers 416
    (tmp_path / "file").rename(tmp_path / "file.part")
    server.asked.clear()
    download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD))
    assert server.asked == []


def test_without_a_hash_halves_are_never_joined(server, tmp_path):
    (tmp_path / "file.part").write_bytes(b"of another file")
    download(server.address(), tmp_path / "file", sha256=None)
    assert server.asked == [None]
    assert (tmp_path / "file").read_bytes() == PAYLOAD


def test_a_part_of_another_file_is_refused_once_and_forgotten(server, tmp_path):
    (tmp_path / "file.part").write_bytes(b"of another file")
    with pytest.raises(WeightsError, match="not the expected file"):
        download(server.address(), tmp_path / "file", SHA256)
    assert names(tmp_path) == []
    assert download(server.address(), tmp_path / "file", SHA256) == SHA256


def test_wrong_bytes_are_refused_by_hash_and_leave_nothing(server, tmp_path):
    server.files["/payload"] = wrong = PAYLOAD[:-1] + b"?"
    with pytest.raises(WeightsError) as refusal:
        download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD))
    assert server.address() in str(refusal.value)
    assert SHA256 in str(refusal.value)
    assert hashlib.sha256(wrong).hexdigest() in str(refusal.value)
    assert names(tmp_path) == []


def test_a_file_of_another_size_is_refused_before_it_is_read(server, tmp_path):
    server.files["/payload"] = b"<html>Please log in</html>"
    with pytest.raises(WeightsError, match="26 bytes where 300,000 are expected"):
        download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD))
    assert names(tmp_path) == []


def test_an_address_that_does_not_answer_is_named(server, tmp_path):
    with pytest.raises(WeightsError, match="/nothing' answered 404"):
        download(server.address("/nothing"), tmp_path / "file", SHA256)
    with pytest.raises(WeightsError, match="127.0.0.1:9/x' cannot be reached.*--from PATH"):
        download("http://127.0.0.1:9/x", tmp_path / "file", SHA256)
    assert names(tmp_path) == []


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
def test_the_released_pca_file_is_known_by_its_hash(cache, shared_data):
    source = shared_data / "vggish/vggish_pca_params.npz"
    pca = weights.install(source).files[1]
    assert (pca.bytes, pca.verified, pca.source) == (73_020, "official SHA-256", str(source))
    assert not weights.is_installed(), "the network is still missing"


def test_sources_and_hashes_that_cannot_be_are_named(cache, tmp_path):
    with pytest.raises(WeightsError, match="no file '.*nowhere.ckpt'"):
        weights.install(tmp_path / "nowhere.ckpt")
    with pytest.raises(WeightsError, match="holds vggish_model.ckpt"):
        weights.install(tmp_path)
    with pytest.raises(WeightsError, match="'12ab' is not a SHA-256"):
        weights.install(tmp_path, sha256="12ab")
    with pytest.raises(WeightsError, match="cannot be reached"):
        weights.install()


def test_an_empty_cache_has_nothing_and_asks_for_nothing(cache):
    assert not weights.is_installed()
    assert [file.present for file in weights.status()] == [False, False]
    assert not cache.exists()


@pytest.mark.slow
def test_a_file_that_is_no_checkpoint_is_named_and_leaves_nothing(server, cache):
    # The path of the temporary copy would tell the user nothing: the address must be named.
    with pytest.raises(WeightsError, match="/payload' is not a TensorFlow checkpoint"):
        weights.install(server.address(), sha256=SHA256)
    assert names(cache) == []


def complaints(folder):
    """What the converter says of a checkpoint with no, and with one misshapen, variable of ours."""
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
