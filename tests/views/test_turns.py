"""Works of all visitors: one at a time, short ones first, and none waits for ever."""

import threading

import pytest

from audioset_demo.errors import AudioSetDemoError
from audioset_demo.views import background, turns
from audioset_demo.views.background import Work, _standing
from audioset_demo.views.turns import Place, Stopped, Turns


@pytest.fixture(autouse=True)
def own_turns(monkeypatch) -> Turns:
    monkeypatch.setattr(background, "TURNS", Turns())
    return background.TURNS


class Watched:
    """Works that write down in which order they ran; each reports once, half way."""

    def __init__(self):
        self.order: list[str] = []
        self.running = 0

    def start(self, name: str, sound_s: float, begun=None, go_on=None) -> Work:
        def do(progress):
            self.enter(name)
            if begun:
                begun.set()
                assert go_on.wait(30)
            self.running -= 1
            progress(sound_s / 2, sound_s)
            self.enter(f"{name} again")
            self.running -= 1
            return name

        return Work(do, sound_s)

    def enter(self, name: str) -> None:
        self.running += 1
        assert self.running == 1
        self.order.append(name)


def waiting(work: Work, n_before: int) -> None:
    """Return once this many are before the work."""
    for _ in range(3_000):
        if work.before() == n_before:
            return
        work.wait(0.01)
    raise AssertionError(f"{work.before()} before it, not {n_before}")


def test_short_ones_pass_a_long_one_that_runs_and_each_other_in_order_of_length():
    watched, begun, go_on = Watched(), threading.Event(), threading.Event()
    long = watched.start("long", 7_200.0, begun, go_on)
    assert begun.wait(30)
    hour = watched.start("hour", 3_600.0)
    waiting(hour, 1)
    short = watched.start("short", 10.0)
    waiting(short, 1)
    waiting(hour, 2)
    assert _standing(hour) == "waiting, 2 before you" and long.before() == 0
    go_on.set()
    assert [work.wait(30) for work in (long, hour, short)] == [True] * 3
    assert watched.order == ["long", "short", "short again", "hour", "hour again", "long again"]


def test_a_long_one_lets_only_those_pass_that_come_soon_after_it():
    ten_minutes = Place(600.0, came_s=0.0)
    assert Place(10.0, came_s=50.0).due_s < ten_minutes.due_s < Place(10.0, came_s=70.0).due_s


def test_what_is_stopped_while_it_waits_leaves_at_once():
    watched, begun, go_on = Watched(), threading.Event(), threading.Event()
    running = watched.start("running", 10.0, begun, go_on)
    assert begun.wait(30)
    one, two = watched.start("one", 20.0), watched.start("two", 30.0)
    waiting(two, 2)
    one.stop()
    assert one.wait(30) and two.before() == 1
    with pytest.raises(Stopped):
        one.result()
    go_on.set()
    assert running.wait(30) and two.wait(30) and "one" not in watched.order


def test_a_failure_ends_the_turn():
    with pytest.raises(ZeroDivisionError):
        Work(lambda progress: 1 / 0, 10.0).result()
    assert Watched().start("next", 10.0).result() == "next"


def test_too_many_are_told_to_come_back(monkeypatch):
    monkeypatch.setattr(turns, "MAX_WORKS", 1)
    watched, begun, go_on = Watched(), threading.Event(), threading.Event()
    running = watched.start("running", 10.0, begun, go_on)
    assert begun.wait(30)
    with pytest.raises(AudioSetDemoError, match="Try again in a few minutes"):
        watched.start("more", 10.0).result()
    go_on.set()
    assert running.result() == "running"
