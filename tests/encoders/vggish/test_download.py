"""Downloads against a server on this machine: resumed, tried again, checked by hash."""

import hashlib
import resource

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audioset_demo.encoders.vggish import download as downloading
from audioset_demo.encoders.vggish.download import download
from audioset_demo.errors import StorageError, WeightsError
from tests.encoders.vggish.downloading import OTHER, PAYLOAD, SHA256, names


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
    assert server.requested[0] is None
    start = int(server.requested[1].removeprefix("bytes=").removesuffix("-"))
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
    assert len(server.requested) >= 4  # a busy machine may stall on its own
    assert any(server.requested[1:])


def test_the_next_call_continues_where_the_last_gave_up(server, tmp_path):
    server.faults = [("drop", 100_000)] + [("drop", 0)] * 5
    with pytest.raises(WeightsError, match="broke off 5 times in a row.*are kept"):
        download(server.address(), tmp_path / "file", SHA256)
    kept = (tmp_path / "file").stat().st_size
    server.requested.clear()
    download(server.address(), tmp_path / "file", SHA256)
    assert server.requested == [f"bytes={kept}-"]
    assert (tmp_path / "file").read_bytes() == PAYLOAD


def test_a_whole_file_needs_no_second_transfer(server, tmp_path):
    (tmp_path / "file").write_bytes(PAYLOAD)
    download(server.address(), tmp_path / "file", SHA256)  # the server answers 416
    server.requested.clear()
    download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD))
    assert server.requested == []


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
    assert len(server.requested) == 1
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirected_download_is_resumed_too(server, tmp_path, status):
    server.redirects["/old"] = status, "/payload"
    server.faults = [(None, None), ("drop", 200_000)]
    assert download(server.address("/old"), tmp_path / "file", SHA256) == SHA256
    assert server.paths == ["/old", "/payload"] * 2
    assert server.requested[-1].startswith("bytes=")


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
    assert server.requested == [None, None]
    assert (tmp_path / "file").read_bytes() == PAYLOAD


@pytest.mark.parametrize("size", [None, len(PAYLOAD)])
def test_a_file_that_changes_between_two_tries_is_fetched_as_a_whole(server, tmp_path, size):
    server.files["/payload"], server.replacement = OTHER, PAYLOAD
    server.faults = [("drop", 100_000)]
    assert download(server.address(), tmp_path / "file", SHA256, size) == SHA256
    assert [requested and "range" for requested in server.requested] == [None, "range", None]


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
    assert [requested and "range" for requested in server.requested] == [None, "range"] * 2, (
        "from the start, but once"
    )


@pytest.mark.parametrize("content", [PAYLOAD[:-1], PAYLOAD + b"?", b"busy", 9 * PAYLOAD])
def test_a_file_of_another_size_is_refused_before_it_is_read(server, tmp_path, content):
    server.files["/payload"] = content
    with pytest.raises(WeightsError, match=f"{len(content):,} bytes where 300,000 are expected"):
        download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD))
    assert names(tmp_path) == []

    server.states_length = False
    done = []
    with pytest.raises(WeightsError, match=f"has the SHA-256 .*not {SHA256}"):
        download(
            server.address(), tmp_path / "file", SHA256, len(PAYLOAD), lambda *a: done.append(a[0])
        )
    assert names(tmp_path) == []
    assert max(done) <= len(PAYLOAD) + downloading.CHUNK_BYTES, "no more than needed is read"


def test_a_web_page_instead_of_the_file_keeps_the_part_that_has_arrived(server, tmp_path):
    (tmp_path / "file").write_bytes(PAYLOAD[:200_000])
    server.files["/payload"], server.type = b"<html>Log in</html>", "text/html; charset=utf-8"
    server.ranges = server.states_length = False
    with pytest.raises(WeightsError, match="/payload' answered with a web page"):
        download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD))
    assert (tmp_path / "file").read_bytes() == PAYLOAD[:200_000]


def test_a_full_disk_is_reported_and_the_download_continued(server, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    try:
        with pytest.raises(StorageError, match="file could not be written.*MB are free"):
            download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert download(server.address(), tmp_path / "file", SHA256, len(PAYLOAD)) == SHA256
    assert server.requested == [None, "bytes=150000-"]
