"""One file over HTTP: resumed where the connection broke, and checked before anyone reads it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from audioset_demo.errors import WeightsError

Progress = Callable[[int, int | None, str], object]  # bytes done, bytes in all, stage in words

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 30
TRIES = 5  # in a row without a new byte
CHUNK_BYTES = 1 << 16  # at most this much is lost when a connection drops
FROM_A_COPY = "or give a copy: audioset-demo weights get --from PATH"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(path: Path, source: str, sha256: str | None, progress: Progress) -> str:
    """The SHA-256 of a file, which must be `sha256` unless that is None.

    Parameters
    ----------
    source : where the file came from, for the message.

    Raises
    ------
    WeightsError : if it is another.
    """
    size = path.stat().st_size
    stage = f"checking {Path(source).name}"
    progress(0, size, stage)
    found = sha256_of(path)
    progress(size, size, stage)
    if sha256 not in (None, found):
        raise WeightsError(
            f"'{source}' is not the expected file: its SHA-256 is {found}, not {sha256} "
            f"({size:,} bytes). Fetch it again, or state another hash with --sha256 HEX."
        )
    return found


class _Dropped(Exception):
    """The connection ended before the file did."""


def download(
    address: str,
    target: Path,
    sha256: str | None = None,
    size: int | None = None,
    progress: Progress = lambda done, total, stage: None,
) -> str:
    """Fetch a file, resuming where an earlier try left off, and return its SHA-256.

    What has arrived is kept in `target` + ".part" when the connection is lost or the user stops,
    and is continued next time; a file of the wrong size or hash is deleted. Without a hash there
    is nothing to tell whether two halves belong together, so each call then starts afresh.

    Parameters
    ----------
    size : bytes expected, where known.
    progress : see `install`.

    Raises
    ------
    WeightsError : if the address does not answer, or gives another file than the expected one.
    """
    part = target.with_name(target.name + ".part")
    if sha256 is None:
        part.unlink(missing_ok=True)
    best, failures = _size(part), 0
    while True:
        try:
            _transfer(address, part, size, progress)
            break
        except _Dropped as error:
            failures = 0 if _size(part) > best else failures + 1
            best = max(best, _size(part))
            if failures == TRIES:
                kept = "" if sha256 is None else f" {_size(part):,} bytes are kept."
                raise WeightsError(
                    f"'{address}' broke off {TRIES} times in a row.{kept} Try again later, "
                    f"{FROM_A_COPY}"
                ) from error
            time.sleep(min(0.25 * 2**failures, 4.0))
    try:
        found = check_file(part, address, sha256, progress)
    except WeightsError:
        part.unlink(missing_ok=True)
        raise
    os.replace(part, target)
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _transfer(address: str, part: Path, size: int | None, progress: Progress) -> None:
    """Add to `part` what is missing of the file at `address`.

    Raises `_Dropped` where another try may help and WeightsError where it cannot.
    """
    import requests  # here, for parsing a command line should not wait for it

    done = _size(part)
    if size is not None and done == size:
        return
    headers = {"Accept-Encoding": "identity"}  # bytes as they are, or ranges would not fit
    if done:
        headers["Range"] = f"bytes={done}-"
    stage = f"downloading {Path(urlsplit(address).path).name}"
    try:
        response = requests.get(
            address,
            headers=headers,
            stream=True,
            timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
        )
    except requests.RequestException as error:
        if done:
            raise _Dropped from error
        raise WeightsError(
            f"'{address}' cannot be reached. Check the address and the connection, {FROM_A_COPY}"
        ) from error
    with response:
        content_range = response.headers.get("Content-Range", "")
        if response.status_code == 416 and content_range == f"bytes */{done}":
            return  # it was complete already
        starts_here = content_range.startswith(f"bytes {done}-")
        if response.status_code == 416 or (response.status_code == 206 and not starts_here):
            part.unlink(missing_ok=True)
            raise _Dropped
        if response.status_code not in (200, 206):
            raise WeightsError(
                f"'{address}' answered {response.status_code} {response.reason}. Check the "
                f"address, {FROM_A_COPY}"
            )
        if response.status_code == 200:  # the whole file, asked for or not
            done = 0
        length = response.headers.get("Content-Length", "")
        total = done + int(length) if length.isdigit() else None
        if None not in (size, total) and total != size:
            part.unlink(missing_ok=True)
            raise WeightsError(
                f"'{address}' holds {total:,} bytes where {size:,} are expected, so it is another "
                f"file. Check the address, {FROM_A_COPY}"
            )
        with part.open("ab" if done else "wb") as out:
            try:
                for chunk in response.iter_content(CHUNK_BYTES):
                    out.write(chunk)
                    done += len(chunk)
                    progress(done, total, stage)
            except requests.RequestException as error:
                raise _Dropped from error
