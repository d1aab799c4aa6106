"""Choices in a real browser: what is chosen stays chosen, by what it is and not by its place."""

import json
import re

import pytest

from tests.views.browsing import drawn, saved
from tests.views.test_browser import head, place

pytestmark = pytest.mark.browser

ROW_PX, ABOVE_ROWS_PX = 25, 232  # of the player's classes


def ticked(page) -> list[str]:
    """Classes of the selected rows of the events, as the browser reads them out."""
    rows = page.get_by_test_id("stDataFrame").first.locator("tbody tr[aria-selected=true]")
    return [row.locator("td").nth(2).text_content() for row in rows.all()]


def test_an_event_stays_selected_while_other_rows_come_and_go(tools, page):
    page.set_viewport_size({"width": 1280, "height": 1900})
    events = json.loads(saved(page, "JSON", 1))
    second = events[1]["label"]
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 15, box["y"] + 36 + 1.5 * 35)
    drawn(tools, page)
    assert ticked(page) == [second]
    threshold = page.get_by_role("slider", name="Events begin at a score of")
    for _ in range(20):
        threshold.press("ArrowLeft")
    drawn(tools, page)
    assert len(json.loads(saved(page, "JSON", 1))) > len(events) and ticked(page) == [second]


def test_a_typed_pin_is_that_class_alone_and_the_attention_keeps_its_own(tools, page):
    page.set_viewport_size({"width": 1280, "height": 1900})
    page.mouse.click(*place(page, -0.2, ABOVE_ROWS_PX + round(2.5 * ROW_PX)))
    page.wait_for_url("**class=*")
    chosen = re.search("class=([^&]+)", page.url)[1]
    pins = page.get_by_role("combobox", name="Pin classes")
    pins.click()
    pins.fill("violin")
    page.keyboard.press("Enter")
    page.wait_for_url("**pinned=Violin*")
    drawn(tools, page)
    assert page.url.count("%2C+") == 1  # of its name: "Violin, fiddle"
    assert re.search("class=([^&]+)", page.url)[1] == chosen
    tools.open_page(page, "Attention")
    box = page.get_by_role("combobox", name="Class, highest score first")
    assert box.input_value().split()[0] == chosen.split("+")[0]


def test_one_step_back_is_one_page_back_and_settings_stay(tools, page):
    threshold = page.get_by_role("slider", name="Events begin at a score of")
    threshold.press("ArrowLeft")
    page.wait_for_url("**threshold=0.28*")
    head(page).scroll_into_view_if_needed()
    page.mouse.click(*place(page, -0.2, ABOVE_ROWS_PX + round(1.5 * ROW_PX)))
    page.wait_for_url("**class=*")
    tools.open_page(page, "Models")
    tail = page.get_by_test_id("stSidebar").get_by_role("combobox", name="Tail")
    tail.click()
    page.get_by_role("option", name="leave out").click()
    page.wait_for_url("**tail=*")
    drawn(tools, page)
    page.go_back()
    page.get_by_role("heading", name="Tag a sound", exact=True).wait_for()
    page.wait_for_url("**tail=*")
    drawn(tools, page)
    assert tail.input_value() == "leave out"
    assert "threshold=0.28" in page.url and "class=" in page.url


def test_a_zoomed_view_is_dragged_and_keys_are_those_of_any_keyboard(tools, page):
    page.set_viewport_size({"width": 1280, "height": 1700})
    page.wait_for_function("document.querySelector('audio').readyState > 0")
    head(page).focus()
    # On a German keyboard, + has another place.
    press = (
        "head => head.dispatchEvent(new KeyboardEvent('keydown', {key: '+', code: 'BracketRight'}))"
    )
    head(page).evaluate(press)
    page.mouse.move(*place(page, 0.9, 300))
    page.mouse.down()
    page.mouse.move(*place(page, 0.1, 300), steps=4)  # below the sound, where it marks no part
    page.mouse.up()
    page.mouse.click(*place(page, 0.5, 40))  # 5 s are in view, from 4 s on
    time = "document.querySelector('audio').currentTime"
    assert page.evaluate(time) == pytest.approx(6.5, abs=0.1)
    for _ in range(4):
        head(page).press("ArrowRight")
    assert page.evaluate(time) == pytest.approx(10, abs=0.1)  # beyond the view, which follows
    page.mouse.click(*place(page, 0.5, 40))
    assert page.evaluate(time) == pytest.approx(7.5, abs=0.3)
