"""Downloads, and names that hold anything, in a real browser."""

import csv
import io
import json
import zipfile

import numpy as np
import pytest

from tests.sounds import plucked_chord
from tests.views.browsing import chosen, pick_sample, saved, tags, upload

pytestmark = pytest.mark.browser


def test_what_is_saved_is_what_is_shown(tools, page, address):
    page.goto(f"{address}/?threshold=0.05")
    page.get_by_role("heading", name="Tag a sound", exact=True).wait_for()
    tools.wait_until_drawn(page)
    upload(page, "chord.wav", plucked_chord())
    chosen(page, "chord.wav")
    tools.wait_until_drawn(page)
    names = [name for name, _ in tags(page)]
    record = json.loads(saved(page, "JSON"))
    assert [tag["label"] for tag in record["tags"]] == names and record["file"] == "chord.wav"
    rows = list(csv.DictReader(io.StringIO(saved(page, "CSV").decode())))
    assert [row["label"] for row in rows] == names
    events = json.loads(saved(page, "JSON", 1))
    assert len(saved(page, "Audacity").decode().splitlines()) == len(events) > 0
    assert len(saved(page, "RTTM").decode().splitlines()) == len(events)

    tools.open_page(page, "Embeddings")
    with np.load(io.BytesIO(saved(page, "NPZ"))) as arrays:
        assert arrays["quantised"].shape == (4, 128) and str(arrays["encoder"]) == "compact"
    tools.open_page(page, "This visit")
    page.get_by_role("button", name="Make the ZIP").click()
    with zipfile.ZipFile(io.BytesIO(saved(page, "Save the ZIP"))) as archive:
        assert json.loads(archive.read("01_chord/tags.json")) == record


FAILING = """
from audioset_demo.errors import AudioError
from audioset_demo.views.downloads import File, download_made_on_click, downloads

def fail(*_):
    raise AudioError("kettle.wav is damaged. Record it again.")

downloads(
    "row",
    1,
    File("Bad", "bad.txt", "text/plain", fail),
    File("Good", "good.txt", "text/plain", lambda: "1"),
)
download_made_on_click("worse", "worse.txt", "text/plain", 1, fail)
download_made_on_click("better", "better.txt", "text/plain", 1, lambda progress: "1")
"""


def test_a_file_that_cannot_be_made_says_why(tools, browser, tmp_path):
    script = tmp_path / "failing.py"
    script.write_text(FAILING)
    with tools.served_app(script) as address:
        page = browser.new_page()
        page.goto(address)
        reason = page.get_by_text("kettle.wav is damaged. Record it again.")
        reason.wait_for()
        assert saved(page, "Good") == b"1"
        page.get_by_role("button", name="Make the worse").click()
        reason.nth(1).wait_for()
        page.get_by_role("button", name="Make the better").click()
        assert saved(page, "Save the better") == b"1"
        page.close()


def test_a_name_is_shown_literally(tools, page):
    name = "<b>x<b> & $y$ [a](b) **c** %{x}.wav"
    upload(page, name, plucked_chord())
    chosen(page, name)
    tools.open_page(page, "Embeddings")
    page.get_by_role("button", name="Change").click()
    pick_sample(page, "Heartbeat")
    chosen(page, "Heartbeat")
    tools.wait_until_drawn(page)
    page.get_by_role("combobox", name="Compare with").click()
    page.get_by_role("option", name=name, exact=True).click()
    page.get_by_text("Cosine of the clips as wholes").wait_for()
    axis = page.get_by_test_id("stPlotlyChart").locator(".ytitle").filter(has_text="Seconds of")
    assert axis.text_content() == f"Seconds of {name}"
    tools.open_page(page, "This visit")
    assert name in page.get_by_test_id("stMain").inner_text()
