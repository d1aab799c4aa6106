"""The app for the public, its log, and what a visitor is told whose session is gone."""

import logging
import sys

import pytest
import streamlit as st

from audioset_demo.audio.samples import synthesise
from audioset_demo.audio.waveform import wav_bytes
from audioset_demo.views.lost_visit import WORDS
from tests.views.apptest import features, labelled, new_app, text, upload


@pytest.fixture
def public(monkeypatch, tmp_path):
    """The app as `audioset-demo app --public` has it run, on a machine without VGGish."""
    monkeypatch.setattr(sys, "argv", ["app.py", "--public"])
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path))


def test_the_public_can_install_nothing_and_upload_no_hdf5(public):
    app = new_app()
    assert not [button.label for button in app.button if "Download" in button.label]
    uploader = app.get("file_uploader")[0]
    assert "HDF5" not in uploader.label
    assert {".npz", ".wav"} <= set(uploader.proto.type)
    assert not {".h5", ".hdf5"} & set(uploader.proto.type)


def test_hdf5_by_another_name_is_refused_to_the_public_alone(public, monkeypatch):
    app = upload(new_app(), "a.npz", features("one"))
    assert "a.npz is not NPZ, and this server takes embeddings only as NPZ." in text(app)
    monkeypatch.setattr(sys, "argv", ["app.py"])
    assert not upload(new_app(), "a.h5", features("one")).error


@pytest.fixture
def log():
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("audioset_demo.work")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def test_the_log_has_a_line_for_each_work_and_not_the_name(log):
    app = new_app()
    log.clear()
    data = wav_bytes(synthesise("rain"))
    upload(app, "a secret.wav", data)
    upload(app, "another secret.wav", b"no sound")
    kinds = [line.split(", ")[::2] for line in log]
    assert [f"read a sound: {len(data)} bytes", "done"] in kinds
    assert [f"tag: {len(data)} bytes", "done"] in kinds
    assert ["read a sound: 8 bytes", "AudioError"] in kinds
    assert not any("secret" in line for line in log)


def test_a_visitor_whose_session_is_gone_is_told_until_the_next_upload(monkeypatch):
    connection: dict[str, str] = {}
    monkeypatch.setattr(type(st.context), "headers", property(lambda _: connection))
    assert WORDS not in text(new_app())
    connection["Sec-WebSocket-Protocol"] = "streamlit, token"
    assert WORDS not in text(new_app())
    connection["Sec-WebSocket-Protocol"] = "streamlit, token, 0123-of-the-former-server"
    app = new_app()
    assert WORDS in text(app)
    assert labelled(app.selectbox, "Model")
    upload(app, "a.wav", wav_bytes(synthesise("rain")))
    assert WORDS not in text(app)
