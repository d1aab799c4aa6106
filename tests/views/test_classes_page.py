"""The page Classes: its choices are identities, and its numbers are those that were stored."""

import re
from urllib.parse import quote

import pytest
from streamlit.testing.v1 import AppTest

from audioset_demo.evidence.of_model import evidence
from audioset_demo.labels import audioset_labels
from audioset_demo.models.published import default_model
from tests.views.apptest import ROOT, TIMEOUT_S, go, labelled, text

LABELS = {label.name: label for label in audioset_labels()}


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT_S)
    for key, value in query.items():
        app.query_params[key] = value
    return go(app.run(), "classes")


def headings(app: AppTest) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", each.value) for each in app.subheader]


def table(app: AppTest):
    return next(frame.value for frame in app.dataframe if "AP, low" in frame.value)


@pytest.mark.parametrize("address", ["Rattle", LABELS["Rattle"].mid])
def test_the_class_of_the_address_stays_chosen_whatever_is_searched_and_sorted(app, address):
    app = opened(**{"class": address})
    labelled(app.selectbox, "Sort by").set_value("Lowest average precision").run()
    app.text_input[0].set_value("guitar").run()
    assert "Rattle" not in list(table(app)["Class"]) and headings(app)[0] == "Rattle"
    labelled(app.selectbox, "Class").select("Steel guitar, slide guitar").run()
    assert headings(app)[0] == "Steel guitar, slide guitar"
    assert app.query_params["class"] == "Steel guitar, slide guitar"
    assert not app.exception and not app.error


def test_what_is_shown_of_a_threshold_is_what_was_counted(app):
    app = opened(**{"class": "Siren"})
    k, found = LABELS["Siren"].index, evidence(default_model())
    thresholds, hits, false = found.curve(k)
    slider = labelled(app.select_slider, "Score from which")
    slider.set_value(5).run()
    assert f"({hits[5]:,} of {hits[5] + false[5]:,} clips have the label)" in text(app)
    assert f"({hits[5]:,} of {found.n_positive[k]:,})" in text(app)
    assert f"({false[5]:,} of {found.n_negative[k]:,})" in text(app)
    links = next(frame.value for frame in app.dataframe if "Video" in frame.value)
    assert links["Video"].str.match(r"https://www\.youtube\.com/watch\?v=.{11}&t=\d+s$").all()
    row = table(app).set_index("Class").loc["Siren"]
    assert (row["AP, low"], row["AP, high"]) == pytest.approx((found.low[k], found.high[k]))


@pytest.mark.parametrize("view", ["AP by rank", "Label quality", "Ontology", "Two models"])
def test_every_picture_is_drawn_of_a_part_of_the_ontology(app, view):
    app = opened(view=view, part="Musical instrument", **{"class": "Banjo"})
    assert not app.exception and not app.error
    shown = table(app)
    assert 20 < len(shown) < 150 and "Banjo" in list(shown["Class"])
    assert shown["Place"].str.contains("Musical instrument").mean() > 0.9  # two parents: the first
    charts = [chart.proto.id or chart.proto.alt for chart in app.get("plotly_chart")]
    assert len(charts) == 6


@pytest.mark.browser
def test_a_tick_in_the_table_is_a_class_not_a_place(tools, page, address):
    page.goto(f"{address}/classes?sort={quote('Lowest average precision')}")
    grid = page.get_by_test_id("stDataFrame").first
    grid.locator("canvas").first.wait_for()
    ticked = grid.locator("[role=row][aria-selected=true]")
    grid.scroll_into_view_if_needed()
    grid.click(position={"x": 20, "y": 52})
    page.wait_for_url("**class=**")
    tools.wait_until_drawn(page)
    name = page.locator("h3").first.inner_text()
    search = page.get_by_label("Search by name or place in the ontology")
    search.fill("guitar")
    search.press("Enter")
    page.get_by_text(re.compile(r"^1?\d of 527 classes")).wait_for()
    assert page.locator("h3").first.inner_text() == name
    assert ticked.count() == 0
    search.fill("")
    search.press("Enter")
    page.get_by_text(re.compile(r"^527 of 527 classes")).wait_for()
    ticked.first.wait_for(state="attached")
    assert name in ticked.first.inner_text()
