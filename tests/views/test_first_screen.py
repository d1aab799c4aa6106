"""Pages of one screen: at 1280 x 900 their figures stand in it, and the details are folded."""

import pytest

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("title", "n_charts"), [("Models", 2), ("Compact encoder", 1)])
def test_the_table_and_the_charts_are_in_the_first_screen(tools, page, title, n_charts):
    tools.open_page(page, title)
    main = page.get_by_test_id("stMain")
    main.locator(".js-plotly-plot").nth(n_charts - 1).wait_for()
    seen = [part for part in main.locator(".js-plotly-plot").all() if part.is_visible()]
    assert len(seen) == n_charts
    for part in (main.get_by_test_id("stTable").first, *seen):
        box = part.bounding_box()
        assert box["y"] + box["height"] <= 900
    assert main.locator("details").count() > 4 and main.locator("details[open]").count() == 0


def test_on_a_phone_nothing_is_wider_than_the_page(tools, page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(page.url.split("?")[0] + "models")
    page.get_by_role("heading", name="Models", exact=True).wait_for()
    page.locator(".js-plotly-plot").nth(1).wait_for()
    tools.wait_until_drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for part in page.locator(".js-plotly-plot").all():
        if part.is_visible():
            box = part.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 390
