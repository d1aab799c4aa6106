"""Pages are drawn one at a time, in the order in which they were asked for."""

import threading
import time
from contextlib import suppress

from audioset_demo.views.line import Line

WAIT_S = 10.0


class Drawer(threading.Thread):
    """Takes its turn, and writes its name when it has come."""

    def __init__(self, name: str, line: Line, drawn: list[str], first: bool = False):
        super().__init__(daemon=True)
        self.drawer, self.line, self.drawn, self.first = name, line, drawn, first
        before = len(line._waiting)
        self.start()
        deadline = time.monotonic() + WAIT_S
        while len(line._waiting) == before and time.monotonic() < deadline:
            time.sleep(0.001)

    def run(self) -> None:
        with self.line.turn(self.first):
            self.drawn.append(self.drawer)


def finish(drawers: list[Drawer]) -> None:
    for drawer in drawers:
        drawer.join(WAIT_S)
        assert not drawer.is_alive()


def test_pages_come_in_the_order_of_asking_and_short_works_before_them():
    line, drawn = Line(), []
    with line.turn():
        waiting = [Drawer(name, line, drawn) for name in ("page 1", "page 2")]
        waiting.append(Drawer("work", line, drawn, first=True))
        assert not drawn
    finish(waiting)
    assert drawn == ["work", "page 1", "page 2"]


def test_who_has_waited_for_long_is_passed_by_no_work():
    line, drawn = Line(passed_s=0.2), []
    with line.turn():
        waiting = [Drawer("page 1", line, drawn)]
        time.sleep(0.25)
        waiting.append(Drawer("page 2", line, drawn))
        waiting.append(Drawer("work", line, drawn, first=True))
    finish(waiting)
    assert drawn == ["page 1", "work", "page 2"]


def test_who_waits_for_a_result_lets_others_draw_and_comes_before_them_then():
    line, drawn = Line(), []
    with line.turn():
        other = Drawer("other", line, drawn)
        with line.aside():
            finish([other])
            late = Drawer("in between", line, drawn)
            finish([late])
        last = Drawer("last", line, drawn)
        drawn.append("the first again")
    finish([last])
    assert drawn == ["other", "in between", "the first again", "last"]


def test_who_has_no_turn_gives_none_up():
    line = Line()
    with line.turn():
        outside = threading.Thread(target=lambda: line.aside().__enter__(), daemon=True)
        outside.start()
        outside.join(WAIT_S)
        assert line._drawing == threading.get_ident()


def test_an_error_ends_the_turn():
    line = Line()
    with suppress(ValueError), line.turn():
        raise ValueError
    finish([Drawer("next", line, [])])


def test_a_page_that_hangs_keeps_no_other_waiting():
    line, drawn = Line(longest_s=0.05), []
    with line.turn():
        finish([Drawer("another", line, drawn), Drawer("a third", line, drawn)])
    assert drawn == ["another", "a third"]
