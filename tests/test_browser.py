"""The app in a real browser: a stranger's first minute."""

import importlib.util
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).parents[1] / "docs" / "screenshots.py"


@pytest.fixture(scope="module")
def tools():
    """How the screenshots start the app and the browser: the tests do the same."""
    pytest.importorskip("playwright", reason="needs playwright: pip install 'audioset-demo[test]'")
    spec = importlib.util.spec_from_file_location("screenshots", SCREENSHOTS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if shutil.which(module.CHROMIUM) is None:
        pytest.skip(f"needs Chromium at {module.CHROMIUM}: apt install chromium")
    return module


@pytest.fixture(scope="module")
def address(tools):
    with tools.served_app() as address:
        yield address


@pytest.fixture(scope="module")
def browser(tools):
    with tools.sync_playwright() as playwright, tools.browser(playwright) as browser:
        yield browser


@pytest.fixture
def page(tools, address, browser):
    """The first page, drawn; fails if anything went wrong in the browser meanwhile."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(tools.TIMEOUT_S * 1000)
    wrong: list[str] = []
    page.on("console", lambda line: line.type == "error" and wrong.append(line.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda request: (
            request.url.startswith(("http:", "https:", "ws:", "wss:"))
            and f"//{address.split('//')[1]}" not in request.url
            and wrong.append(request.url)
        ),
    )
    page.goto(address)
    page.get_by_role("heading", name="Tag a sound", exact=True).wait_for()
    tools.wait_until_drawn(page)
    yield page
    page.close()
    assert not wrong


def sound(format: str) -> bytes:
    """Three seconds of a plucked chord, stereo at 44.1 kHz."""
    t = np.arange(3 * 44_100) / 44_100
    chord = sum(np.sin(2 * np.pi * f * t) for f in (220, 277.18, 329.63)) * np.exp(-2 * (t % 1))
    buffer = io.BytesIO()
    soundfile.write(buffer, np.stack([chord, chord], axis=1) / 4, 44_100, format=format)
    return buffer.getvalue()


def upload(page, name: str, data: bytes) -> None:
    page.locator("input[type=file]").first.set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    )


def chosen(page, name: str) -> None:
    page.get_by_role("heading", name=name, exact=True).wait_for()


@pytest.mark.parametrize(("name", "format"), [("chord.wav", "WAV"), ("chord.mp3", "MP3")])
def test_an_upload_shows_tags_and_the_heat_map(tools, page, name, format):
    upload(page, name, sound(format))
    chosen(page, name)
    tools.wait_until_drawn(page)
    bars, timeline = page.get_by_test_id("stPlotlyChart").all()
    scores = [float(text) for text in bars.locator(".annotation-text").all_text_contents()[10:]]
    assert len(scores) == 10 and scores == sorted(scores, reverse=True)
    tags = bars.locator(".annotation-text").all_text_contents()[:10]
    rows = timeline.text_content().replace(" ", "")  # long names are broken into two lines
    assert all(tag.replace(" ", "") in rows for tag in tags)
    assert timeline.locator(".heatmaplayer image").count() == 2  # log-mel, and classes by time
    # The player holds the very sound: its length tells.
    player = page.get_by_test_id("stAudio")
    page.wait_for_function("document.querySelector('audio').readyState > 0")
    assert player.evaluate("audio => audio.duration") == pytest.approx(3, abs=0.06)


def test_the_clip_stays_chosen_on_every_page(tools, page):
    upload(page, "chord.wav", sound("WAV"))
    chosen(page, "chord.wav")
    for title in tools.PAGES.values():
        tools.open_page(page, title)
        assert page.get_by_test_id("stSidebar").get_by_text("chord.wav").is_visible()
        assert page.get_by_text("Encoder: compact encoder (not VGGish) · Model:").is_visible()
        assert page.locator(".main-svg").count() > 0
        assert page.get_by_test_id("stException").count() == 0


def test_text_named_wav_is_refused_in_plain_words(tools, page):
    upload(page, "notes.wav", b"these are notes, not a sound\n" * 20)
    page.get_by_text("notes.wav: holds text, not sound").wait_for()
    tools.wait_until_drawn(page)
    assert page.get_by_text("Still chosen: Bell, then noise, then siren").is_visible()
    assert page.locator(".heatmaplayer image").count() == 2


def test_a_sample_is_one_click_away(tools, page):
    page.get_by_role("radio", name="Heartbeat").click()
    chosen(page, "Heartbeat")


def test_on_a_phone_nothing_is_wider_than_the_screen(tools, page):
    page.set_viewport_size({"width": 390, "height": 844})
    tools.wait_until_drawn(page)
    main = page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth <= main.clientWidth")
