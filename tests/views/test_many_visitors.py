"""Several visitors at once, on the real server: each gets its own results, and all of its files."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.views.apptest import ROOT


@pytest.fixture
def load(monkeypatch):
    """The benchmark of many visitors."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return pytest.importorskip("load")


def test_four_visitors_at_once_get_their_own(load):
    sounds = load.sounds(4)
    together = Barrier(len(sounds))
    with load.server() as (_, address), ThreadPoolExecutor(len(sounds)) as pool:
        reports = list(pool.map(lambda sound: load.visit(address, sound, together), sounds))
    assert [report.wrong + report.lost for report in reports] == [[]] * len(sounds)
    # The tags at once, what is played, and every download.
    assert {report.fetched for report in reports} == {2 + load.DOWNLOADS}
