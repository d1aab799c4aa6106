"""A reload keeps the clips of a visit: for their visitor alone, and for an hour."""

import time

import pytest

from audioset_demo.views import returning
from tests.sounds import plucked_chord, wav
from tests.views.apptest import go, new_app, text, upload
from tests.views.browsing import chosen
from tests.views.browsing import upload as upload_in_browser


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.setattr(returning, "_visits", {})


def test_only_clips_that_were_opened_are_held_and_removed_ones_are_not(app):
    assert not returning._visits
    upload(app, "kettle.wav", wav())
    (held,) = returning._visits.values()
    assert held.chosen.name == "kettle.wav"
    go(app, "visit")
    [button for button in app.button if button.label == "Remove"][1].click().run()
    assert not returning._visits


def test_clips_are_held_for_an_hour(app, monkeypatch):
    upload(app, "kettle.wav", wav())
    later = time.monotonic() + returning.HELD_S + 1
    monkeypatch.setattr(returning.time, "monotonic", lambda: later)
    new_app()
    assert not returning._visits


def test_the_public_leaves_nothing(app, monkeypatch):
    monkeypatch.setattr(returning.serving, "is_public", lambda: True)
    upload(app, "kettle.wav", wav())
    assert not returning._visits and "kettle.wav" in text(app)


@pytest.mark.browser
def test_a_reloaded_page_has_its_clips_and_no_other_page_has_them(tools, page, address, browser):
    upload_in_browser(page, "secret.wav", plucked_chord())
    chosen(page, "secret.wav")
    tools.wait_until_drawn(page)
    page.reload()
    chosen(page, "secret.wav")
    key = page.evaluate("sessionStorage.getItem('audioset-demo-visit')")
    assert len(key) >= 40 and key not in page.url
    other = browser.new_page()
    other.goto(page.url)
    chosen(other, "Speech, then music, then rain")
    assert "secret" not in other.content()
    other.close()
