"""One file over HTTP: resumed where the connection broke, and checked before it is used.

Our own, because no library does all of it: pooch and torch.hub start over after a drop, and the
resuming of huggingface_hub is internal to it and checks no hash.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from audioset_demo.errors import WeightsError
from audioset_demo.names import shortened
from audioset_demo.storage import full_disk_named, sha256_of

if TYPE_CHECKING:
    import requests

Progress = Callable[[int, int | None, str], object]  # bytes done, bytes in all, stage in words

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 30
TRIES = 5  # in a row without a new byte
PAUSE_S = 0.25  # before another try; doubled with each failure in a row
CHUNK_BYTES = 1 << 16  # at most this much is lost when a connection drops
TEMPORARY = (408, 429, 500, 502, 503, 504)  # status codes after which a server may recover
FROM_A_COPY = "or give a copy with `audioset-demo weights get --from PATH`."


def check_file(path: Path, source: str, sha256: str | None, progress: Progress) -> str:
    """The SHA-256 of a file, which must be `sha256` unless that is None.

    Parameters
    ----------
    source : where the file came from, for the message.

    Raises
    ------
    WeightsError : if it differs.
    """
    size = path.stat().st_size
    stage = f"checking {Path(source).name}"
    progress(0, size, stage)
    found = sha256_of(path)
    progress(size, size, stage)
    if sha256 not in (None, found):
        raise WeightsError(
            f"'{shortened(str(source), 60)}' ({size:,} bytes) has the SHA-256 {found}, not "
            f"{sha256}. Fetch it again, or state another hash with --sha256 HEX."
        )
    return found


class _Dropped(Exception):
    """The transfer ended early, for the reason given; another try may help."""


def download(
    address: str,
    target: Path,
    sha256: str | None = None,
    size: int | None = None,
    progress: Progress = lambda done, total, stage: None,
) -> str:
    """Fetch a file, resuming where an earlier try left off, and return its SHA-256.

    What has arrived stays in `target` when the connection is lost, the process ends or the disk
    is full, and is continued next time; a file of the wrong hash is deleted. If it was joined from
    several tries, the file may have changed between them, so it is first fetched once more as a
    whole. Without a hash such a change would pass unnoticed, so each try starts over.

    Parameters
    ----------
    size : bytes expected, where known.
    progress : see `install`.

    Raises
    ------
    WeightsError : if the address does not answer, or its file is not the expected one.
    StorageError : if there is no room for it.
    """
    with full_disk_named(target):
        joined = _fetch(address, target, sha256, size, progress)
        if joined and sha256_of(target) != sha256:
            target.unlink()
            _fetch(address, target, sha256, size, progress)
        try:
            return check_file(target, address, sha256, progress)
        except WeightsError:
            target.unlink()
            raise


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def _fetch(
    address: str, target: Path, sha256: str | None, size: int | None, progress: Progress
) -> bool:
    """Try until the file is complete; whether it was joined from several tries."""
    best, failures = size_of(target), 0
    while True:
        if sha256 is None:
            target.unlink(missing_ok=True)
        try:
            return _transfer(address, target, size, progress)
        except _Dropped as drop:
            done = size_of(target)
            failures = 0 if done > best else failures + 1
            best = max(best, done)
            if failures == TRIES:
                kept = f" {done:,} bytes are kept." if done and sha256 else ""
                raise WeightsError(
                    f"'{address}' {drop} {TRIES} times in a row.{kept} Check the connection and "
                    f"try again later, {FROM_A_COPY}"
                ) from drop
            progress(done, size, f"trying again: the server {drop}")
            time.sleep(PAUSE_S * 2**failures)


def _transfer(address: str, target: Path, size: int | None, progress: Progress) -> bool:
    """Add the missing part of the file at `address` to `target`; whether there was a part before.

    Raises `_Dropped` where another try may help and WeightsError where it cannot.
    """
    import requests  # here, because parsing a command line should not wait for it

    done = size_of(target)
    if size is not None and done == size:
        return True
    headers = {"Accept-Encoding": "identity"}  # uncompressed, or ranges would not fit
    if done:
        headers["Range"] = f"bytes={done}-"
    timeout = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
    try:
        response = requests.get(address, headers=headers, stream=True, timeout=timeout)
    except (requests.ConnectionError, requests.Timeout) as error:
        raise _Dropped("could not be reached") from error
    except (requests.RequestException, ValueError) as error:  # ValueError: a host of no form
        raise no_address(address) from error
    with response:
        content_range = response.headers.get("Content-Range", "")
        if response.status_code == 416 and content_range == f"bytes */{done}":
            return True  # it was complete already
        starts_here = content_range.startswith(f"bytes {done}-")
        if response.status_code == 416 or (response.status_code == 206 and not starts_here):
            target.unlink(missing_ok=True)
            raise _Dropped("sent another range than the one requested")
        _refuse(response, address)
        if response.status_code == 200:  # the whole file, requested or not
            done = 0
        joined = done > 0
        length = response.headers.get("Content-Length", "")
        total = done + int(length) if length.isdigit() else None
        if None not in (size, total) and total != size:
            raise WeightsError(
                f"'{address}' holds {total:,} bytes where {size:,} are expected, so it is not the "
                f"expected file. Check the address, {FROM_A_COPY}"
            )
        stage = f"downloading {Path(urlsplit(address).path).name}"
        with target.open("ab" if joined else "wb") as out:
            try:
                for chunk in response.iter_content(CHUNK_BYTES):
                    out.write(chunk)
                    done += len(chunk)
                    progress(done, total or size, stage)
                    if size is not None and done > size:
                        break  # the check of the hash refuses it
            except requests.RequestException as error:
                raise _Dropped("broke off") from error
    return joined


def no_address(address: str) -> WeightsError:
    """The error for what cannot be fetched from anywhere."""
    return WeightsError(
        f"'{address}' cannot be followed: it is not an address, or it is redirected in a circle. "
        f"Check it, {FROM_A_COPY}"
    )


def _refuse(response: requests.Response, address: str) -> None:
    """Raise unless a response carries a file."""
    words = f"answered {response.status_code} {response.reason}"
    if response.status_code in TEMPORARY:
        raise _Dropped(words)
    if response.status_code not in (200, 206):
        raise WeightsError(f"'{address}' {words}. Check the address, {FROM_A_COPY}")
    if "text/html" in response.headers.get("Content-Type", ""):
        raise WeightsError(
            f"'{address}' answered with a web page, as networks do that require a log-in. "
            f"Check the address and the connection, {FROM_A_COPY}"
        )
