"""Long work of the app: it reports progress, can be stopped, and passes on its error."""

import threading
import time

import pytest

from audioset_demo.errors import AudioError
from audioset_demo.views.background import Work
from audioset_demo.views.clips import from_sample
from audioset_demo.views.line import LONGEST_S
from audioset_demo.views.shelf import Shelf
from audioset_demo.views.turns import Stopped


def test_work_reports_its_progress_and_ends_with_its_result():
    half_way, go_on = threading.Event(), threading.Event()

    def do(progress):
        progress(30.0, 60.0)
        half_way.set()
        go_on.wait(10)
        progress(60.0, 60.0)
        return "heard"

    work = Work(do)
    assert half_way.wait(10) and not work.wait(0)
    assert (work.done_s, work.total_s) == (30.0, 60.0)
    go_on.set()
    assert work.wait(10) and work.result() == "heard"


def test_stopped_work_ends_at_its_next_report():
    reports, looked_at = [], threading.Event()

    def do(progress):
        for second in range(10_000):
            reports.append(second)
            progress(float(second), None)
            looked_at.wait(10)

    work = Work(do)
    work.stop()
    looked_at.set()
    assert work.wait(10) and len(reports) <= 2
    with pytest.raises(Stopped, match="Stopped after"):
        work.result()


def test_an_error_is_raised_with_the_result():
    def do(progress):
        raise AudioError("kettle.wav is damaged.")

    work = Work(do)
    assert work.wait(10)
    with pytest.raises(AudioError, match="kettle"):
        work.result()


def stopped() -> Work:
    work = Work(lambda progress: [progress(1.0, 2.0) for _ in iter(int, 1)])
    work.stop()
    return work


def test_work_that_another_visitor_has_stopped_is_started_again():
    shelf, works = Shelf(1_000), [stopped(), Work(lambda progress: "heard")]
    rain = from_sample("rain")
    assert shelf.result("Reading", rain, (), lambda: works.pop(0)) == "heard"
    assert not works


def test_work_that_failed_is_forgotten():
    def fail(progress):
        raise AudioError("kettle.wav is damaged.")

    shelf, rain = Shelf(1_000), from_sample("rain")
    with pytest.raises(AudioError, match="kettle"):
        shelf.result("Reading", rain, (), lambda: Work(fail))
    heard = Work(lambda progress: "heard")
    assert shelf.result("Reading", rain, (), lambda: heard) == "heard"


def test_a_work_that_lets_a_shorter_one_pass_does_not_keep_it_from_its_turn():
    started, came = threading.Event(), threading.Event()
    done = []

    def long(progress):
        started.set()
        assert came.wait(10)
        progress(1.0, 50.0)
        done.append("longer")

    longer = Work(long, sound_s=50.0)
    assert started.wait(10)
    shorter = Work(lambda progress: done.append("shorter"), sound_s=1.0)
    while not shorter.before():
        time.sleep(0.001)
    came.set()
    assert shorter.wait(LONGEST_S / 2) and longer.wait(LONGEST_S / 2)
    assert done == ["shorter", "longer"]
