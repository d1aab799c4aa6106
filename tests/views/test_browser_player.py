"""The player in a real browser: what a drag across the sound marks, and a closer look."""

import io
import json
import re

import numpy as np
import pytest
import soundfile
from PIL import Image

from audioset_demo.audio.waveform import read_waveform
from tests.sounds import by_libsndfile, noise
from tests.views.browsing import (
    LABELS_PX,
    MARGIN_PX,
    chosen,
    drag,
    drawn,
    head,
    heard,
    place,
    saved,
    until,
    upload,
)

pytestmark = pytest.mark.browser

TRACKS_Y = 186  # the first track of events, from the top of the pictures
RATE, SECONDS = 22_050, 8
NOISE = by_libsndfile(noise(RATE * SECONDS), RATE, "WAV", "PCM_24")


@pytest.fixture
def player(tools, page):
    """The page with a sound of eight seconds, loaded."""
    page.set_viewport_size({"width": 1280, "height": 1700})
    upload(page, "noise.wav", NOISE)
    chosen(page, "noise.wav")
    tools.wait_until_drawn(page)
    until(page, "audio.readyState > 0")
    return page


def end_of_part(page, end: str) -> float:
    return float(
        page.get_by_role("slider", name=f"{end} of the part").get_attribute("aria-valuenow")
    )


def test_a_part_is_marked_changed_saved_to_the_sample_and_tagged_as_a_clip(tools, player):
    drag(player, place(player, 0.6, 120), place(player, 0.25, 120))
    assert end_of_part(player, "Start") == pytest.approx(2, abs=0.02)
    grip = player.get_by_role("slider", name="End of the part")
    drag(player, place(player, 0.6, 60), place(player, 0.75, 60))  # the grip
    assert end_of_part(player, "End") == pytest.approx(6, abs=0.02)
    grip.press("ArrowLeft")
    assert end_of_part(player, "End") == pytest.approx(5.95, abs=0.02)

    part, rate = soundfile.read(io.BytesIO(saved(player, "Save WAV")), dtype="float32")
    whole = read_waveform(NOISE).samples
    start = round(end_of_part(player, "Start") * RATE)
    near = range(start - 250, start + 250)  # the page shows hundredths of a second
    assert rate == RATE and len(part) == pytest.approx(3.95 * RATE, abs=0.03 * RATE)
    assert any(np.array_equal(whole[first : first + len(part)], part) for first in near)

    player.get_by_role("button", name="Tag this part").click()
    chosen(player, "noise 0:02-0:05")
    tools.wait_until_drawn(player)
    assert float(head(player).get_attribute("aria-valuemax")) == pytest.approx(3.95, abs=0.03)
    player.get_by_role("button", name="Previous").click()  # nothing is lost
    chosen(player, "noise.wav")


def test_a_marked_part_is_played_alone_and_cleared(player):
    drag(player, place(player, 0.25, 40), place(player, 0.5, 40))
    player.get_by_role("button", name="Play", exact=True).click()
    until(player, "!audio.paused && audio.currentTime < 4")
    until(player, "audio.paused")
    assert heard(player, "currentTime") == pytest.approx(4, abs=0.03)
    player.get_by_role("button", name="Clear", exact=True).click()
    assert player.get_by_role("slider", name="End of the part").count() == 0
    player.keyboard.press("i")  # from the playhead to the end
    assert end_of_part(player, "Start") == pytest.approx(4, abs=0.03)
    assert end_of_part(player, "End") == SECONDS


def view(page) -> tuple[float, float]:
    """The part of the sound in view, in seconds."""
    strip = page.get_by_role("scrollbar", name="Part of the sound in view")
    start = float(strip.get_attribute("aria-valuenow"))
    return start, start + SECONDS - float(strip.get_attribute("aria-valuemax"))


def strip_at(page, share: float) -> tuple[float, float]:
    """A point of the strip of the whole sound."""
    strip = page.get_by_role("scrollbar", name="Part of the sound in view").bounding_box()
    return place(page, share, 0)[0], strip["y"] + strip["height"] / 2


def test_the_strip_of_the_whole_sound_zooms_moves_and_is_driven_by_keys(player):
    assert view(player) == (0, SECONDS)
    drag(player, strip_at(player, 0.5), strip_at(player, 0.25))
    assert view(player) == pytest.approx((2, 4), abs=0.02)
    drag(player, strip_at(player, 0.4), strip_at(player, 0.65))  # the window
    assert view(player) == pytest.approx((4, 6), abs=0.03)
    drag(player, strip_at(player, 0.75), strip_at(player, 1))  # its edge
    assert view(player) == pytest.approx((4, 8), abs=0.03)
    player.get_by_role("scrollbar").press("Home")
    assert view(player) == pytest.approx((0, 4), abs=0.02)
    player.keyboard.press("PageDown")
    player.keyboard.press("+")
    assert view(player)[1] - view(player)[0] == pytest.approx(2, abs=0.02)
    at = place(player, 0.5, 300)  # a drag below the sound moves the view as well
    before = view(player)[0]
    drag(player, at, (at[0] - 60, at[1]))
    assert view(player)[0] > before
    player.mouse.click(*strip_at(player, 0.1))  # a click seeks, and shows what is there
    until(player, "Math.abs(audio.currentTime - 0.8) < 0.05")
    assert view(player)[0] <= 0.8 <= view(player)[1]


def test_an_event_is_a_bar_under_the_sound_that_plays_on_a_click(tools, page):
    page.set_viewport_size({"width": 1280, "height": 2200})
    until(page, "audio.readyState > 0")
    events = json.loads(saved(page, "JSON", 1))
    drawn(tools, page)
    first = events[0]
    middle = (first["start_s"] + first["end_s"]) / 2
    page.mouse.move(*place(page, middle / 10, TRACKS_Y))
    note = page.get_by_text(re.compile(r"highest score 0\.\d\d")).text_content()
    (event,) = [
        event for event in events if f"· {event['label']}, {event['start_s']:.2f} s" in note
    ]
    page.mouse.click(*place(page, middle / 10, TRACKS_Y))
    until(page, f"!audio.paused && Math.abs(audio.currentTime - {event['start_s']}) < 1")
    until(page, "audio.paused")
    assert heard(page, "currentTime") == pytest.approx(event["end_s"], abs=0.05)


def test_the_drawing_saved_as_svg_looks_like_the_image(player):
    player.get_by_role("button", name="Zoom in").click()
    svg = saved(player, "SVG").decode()
    image = Image.open(io.BytesIO(saved(player, "PNG"))).convert("RGB")
    other = player.context.browser.new_page(viewport={"width": image.width, "height": image.height})
    other.set_content(f"<body style='margin: 0'>{svg}</body>")
    drawn = Image.open(io.BytesIO(other.screenshot())).convert("RGB")
    names = other.locator("text").all_text_contents()
    other.close()
    assert "Wave" in names and "Frame score" in names  # text stays text
    assert drawn.size == image.size
    difference = np.abs(np.asarray(drawn, float) - np.asarray(image, float))
    assert difference.mean() < 4 and np.asarray(drawn).std() > 20


def test_a_long_sound_is_drawn_finely_where_it_is_looked_at(tools, page):
    page.set_viewport_size({"width": 1280, "height": 1700})
    clicks = np.zeros(300 * 8_000, np.float32)
    clicks[150 * 8_000 :: 400] = 0.9  # from the middle on, every 50 ms
    upload(page, "clicks.wav", by_libsndfile(clicks, 8_000))
    chosen(page, "clicks.wav")
    tools.wait_until_drawn(page)
    for _ in range(8):
        page.get_by_role("button", name="Zoom in").click()  # to 1.2 s from the beginning
    drag_to = strip_at(page, 0.75)
    page.mouse.click(*drag_to)

    def n_clicks() -> int:
        picture = np.asarray(Image.open(io.BytesIO(saved(page, "PNG"))).convert("L"), float)
        wave = picture[6:18, LABELS_PX + 4 : -MARGIN_PX - 4].min(axis=0) < 235
        return int((np.diff(wave.astype(int)) == 1).sum())

    for _ in range(60):
        if n_clicks() >= 20:
            break
        page.wait_for_timeout(1_000)
    assert 20 <= n_clicks() <= 26  # 1.2 s of them, each by itself


def test_times_of_a_long_sound_are_minutes_and_seconds_everywhere(tools, page):
    upload(page, "long.wav", by_libsndfile(noise(70 * 8_000), 8_000))
    chosen(page, "long.wav")
    tools.wait_until_drawn(page)
    svg = saved(page, "SVG").decode()
    ticks = re.findall(r">(\d[\d:]*)</text>", svg)
    assert "0:20" in ticks and "1:00" in ticks and "20" not in ticks


# On a phone, the page's own header stays above them.
@pytest.mark.parametrize(("width", "header_px"), [(1280, 0), (390, 60)])
def test_the_sound_stays_in_sight_above_lanes_that_are_scrolled(
    tools, page, address, width, header_px
):
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(f"{address}/attention?model=multi_attention")
    until(page, "audio.readyState > 0")
    tools.wait_until_drawn(page)
    top = head(page).bounding_box()["y"]
    page.get_by_test_id("stMain").evaluate("(main, by) => main.scrollBy(0, by)", top + 200)
    page.wait_for_timeout(500)
    assert head(page).bounding_box()["y"] == pytest.approx(-200, abs=5)
    kept = page.locator(".pinned").bounding_box()
    assert kept["y"] == pytest.approx(header_px, abs=1) and kept["height"] > 150
    page.mouse.click(place(page, 0.5, 0)[0], header_px + 40)  # and is used there as well
    until(page, "Math.abs(audio.currentTime - 5) < 1")
