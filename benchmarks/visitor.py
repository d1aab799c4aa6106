"""A visitor of the running app: speaks Streamlit's protocol like a browser, and draws nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import requests
from requests.adapters import HTTPAdapter
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from urllib3.util import Retry
from websockets.sync.client import connect
from websockets.typing import Subprotocol

TIMEOUT_S = 300.0
CONNECTIONS = 6  # to one server at a time, as in browsers


@dataclass
class Page:
    """What one run of the app sent: downloads by label, media, and alerts."""

    seconds: float = 0.0
    downloads: list[tuple[str, str]] = field(default_factory=list)
    media: set[str] = field(default_factory=set)
    alerts: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


class Visitor:
    """A session of the app at `address` (host:port).

    Attributes
    ----------
    pages : hashes of the pages by the last part of their addresses; "" is the first.
    """

    def __init__(self, address: str):
        self._http = requests.Session()
        # As browsers do where the server has closed a connection that was kept.
        self._http.mount("http://", HTTPAdapter(max_retries=Retry(3)))
        self._base = f"http://{address}"
        self._http.get(f"{self._base}/_stcore/health", timeout=TIMEOUT_S)
        token = self._http.cookies.get("_streamlit_xsrf") or "none"
        self._http.headers["X-Xsrftoken"] = token
        cookies = "; ".join(f"{key}={value}" for key, value in self._http.cookies.items())
        self._open = ExitStack()
        self._socket = self._open.enter_context(
            connect(
                f"ws://{address}/_stcore/stream",
                subprotocols=[Subprotocol("streamlit"), Subprotocol(token)],
                additional_headers={"Cookie": cookies},
                max_size=None,
                open_timeout=TIMEOUT_S,
            )
        )
        self.session = ""
        self.pages: dict[str, str] = {}
        self._hash = ""
        self._uploader = ""
        self._buttons: dict[str, str] = {}

    def close(self) -> None:
        self._open.close()

    def go(self, page: str = "") -> Page:
        """Open a page, by the last part of its address."""
        message = BackMsg()
        message.rerun_script.page_script_hash = self.pages.get(page, "")
        return self._run(message)

    def upload(self, name: str, data: bytes) -> Page:
        """Put a file into the first uploader of the page, from the request to the last element."""
        return self.upload_all({name: data})

    def upload_all(self, files: dict[str, bytes]) -> Page:
        """Put files into the first uploader of the page together, as a browser sends them."""
        started = time.monotonic()
        message = BackMsg()
        message.file_urls_request.request_id = self.session
        message.file_urls_request.file_names.extend(files)
        message.file_urls_request.session_id = self.session
        self._socket.send(message.SerializeToString())
        while True:
            answer = self._receive()
            if answer.WhichOneof("type") == "file_urls_response":
                break
        places = answer.file_urls_response.file_urls
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for sent in pool.map(self._put, files.items(), places):
                sent.raise_for_status()
        message = BackMsg()
        message.rerun_script.page_script_hash = self._hash
        widget = message.rerun_script.widget_states.widgets.add()
        widget.id = self._uploader
        for (name, data), urls in zip(files.items(), places, strict=True):
            file = widget.file_uploader_state_value.uploaded_file_info.add()
            file.name, file.size, file.file_id = name, len(data), urls.file_id
            file.file_urls.CopyFrom(urls)
        page = self._run(message)
        page.seconds = time.monotonic() - started
        return page

    def _put(self, file: tuple[str, bytes], urls: FileURLs) -> requests.Response:
        return self._http.put(self._base + urls.upload_url, files={"file": file}, timeout=TIMEOUT_S)

    def press(self, label: str) -> Page:
        """Press the button with this label on the page that was sent last."""
        message = BackMsg()
        message.rerun_script.page_script_hash = self._hash
        widget = message.rerun_script.widget_states.widgets.add()
        widget.id, widget.trigger_value = self._buttons[label], True
        return self._run(message)

    def get(self, url: str) -> requests.Response:
        """Fetch a download, or what is played."""
        return self._http.get(self._base + url, timeout=TIMEOUT_S)

    def _run(self, message: BackMsg) -> Page:
        """Send a message, and take what comes until the app has nothing more to say."""
        started = time.monotonic()
        self._socket.send(message.SerializeToString())
        page = Page()
        while True:
            answer = self._receive()
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                self.session = answer.new_session.initialize.session_id
                self._hash = answer.new_session.page_script_hash
                page = Page()  # a new run sends the whole page again
            elif kind == "navigation":
                for known in answer.navigation.app_pages:
                    name = "" if known.is_default else known.url_pathname
                    self.pages[name] = known.page_script_hash
                self._hash = answer.navigation.page_script_hash
            elif kind == "delta" and answer.delta.HasField("new_element"):
                self._take(answer, page)
            elif (
                kind == "script_finished"
                and answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
            ):
                page.seconds = time.monotonic() - started
                return page

    def _take(self, answer: ForwardMsg, page: Page) -> None:
        element = answer.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "download_button":
            page.downloads.append((element.download_button.label, element.download_button.url))
        elif kind == "button":
            self._buttons[element.button.label] = element.button.id
        elif kind == "file_uploader":
            self._uploader = element.file_uploader.id
        elif kind == "alert":
            page.alerts.append(element.alert.body)
        elif kind == "heading":
            page.texts.append(element.heading.body)
        elif kind == "audio":
            page.media.add(element.audio.url)

    def _receive(self) -> ForwardMsg:
        data = self._socket.recv(TIMEOUT_S)
        assert isinstance(data, bytes)
        return ForwardMsg.FromString(data)
