"""What every test of the app needs."""

import sys

import pytest
from streamlit.testing.v1 import AppTest

from tests.views.apptest import ROOT, new_app


@pytest.fixture(autouse=True)
def main_stays_pytest(monkeypatch):
    """AppTest makes the app's script `__main__`, which a process spawned later would run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def app(tmp_path, monkeypatch) -> AppTest:
    """The app as a first visitor sees it, VGGish not installed."""
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(ROOT)
    return new_app()
