"""A server on this machine that breaks off, stalls and lies, and small files for it to serve."""

import hashlib
import io
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import numpy as np

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
        self.states_length = True
        self.type = "application/octet-stream"
        self.requested = []  # the Range header of each request
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
        server, requested = self.server, self.headers.get("Range")
        server.requested.append(requested)
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
        if requested and server.ranges:
            start = int(requested.removeprefix("bytes=").removesuffix("-"))
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
        if server.states_length:
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


def pca_file(seed=0):
    numbers = np.random.default_rng(seed)
    file = io.BytesIO()
    np.savez(
        file, pca_eigen_vectors=numbers.normal(size=(128, 128)), pca_means=numbers.normal(size=128)
    )
    return file.getvalue()


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")
