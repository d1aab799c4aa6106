"""The app in a real browser: a visitor's first minute."""

import io
import json
import re
from urllib.parse import quote_plus

import numpy as np
import pytest
from PIL import Image

from audioset_demo.charts.overview import COLUMNS
from audioset_demo.models.published import published_models
from tests.sounds import by_libsndfile, plucked_chord, sine
from tests.views.browsing import (
    LABELS_PX,
    VALUES_PX,
    chosen,
    drag,
    head,
    heard,
    pick_sample,
    place,
    saved,
    tags,
    until,
    upload,
)

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["chord.wav", "chord.mp3", "chord.m4a"])
def test_an_upload_shows_tags_and_the_heat_map(tools, page, name):
    upload(page, name, plucked_chord(name[-3:].upper()))
    chosen(page, name)
    tools.wait_until_drawn(page)
    scores = [score for _, score in tags(page)]
    assert len(scores) == 10 and scores == sorted(scores, reverse=True)
    # The player holds this sound, as its length shows.
    player = page.get_by_test_id("stAudio")
    page.wait_for_function("document.querySelector('audio').readyState > 0")
    assert player.evaluate("audio => audio.duration") == pytest.approx(3, abs=0.06)


def test_the_clip_stays_chosen_on_every_page(tools, page):
    upload(page, "chord.wav", plucked_chord())
    chosen(page, "chord.wav")
    for title in tools.PAGES.values():
        tools.open_page(page, title)
        assert page.get_by_test_id("stSidebar").get_by_text("chord.wav").is_visible()
        assert page.get_by_text("Encoder: compact encoder (not VGGish) · Model:").is_visible()
        pictures = page.locator(".main-svg").or_(head(page)).count()
        assert pictures > 0 or title == "This visit"
        assert page.get_by_test_id("stException").count() == 0


def test_the_answer_is_in_the_first_screen(tools, page):
    assert page.viewport_size == {"width": 1280, "height": 900}
    upload(page, "chord.wav", plucked_chord())  # also with the strip of the visit's clips
    chosen(page, "chord.wav")
    tools.wait_until_drawn(page)
    box = head(page).bounding_box()
    assert box["y"] + box["height"] < 900
    rows = [box for row in page.get_by_test_id("stHtml").all() if (box := row.bounding_box())]
    assert sum(row["y"] + row["height"] < 900 for row in rows) >= 9


DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SHIFTLESS = [("", DESK), ("", PHONE), ("attention", DESK), ("embeddings", DESK), ("visit", DESK),
             ("classes", DESK), ("models", DESK), ("models", PHONE), ("encoder", DESK),
             ("encoder", PHONE)]  # fmt: skip


@pytest.mark.parametrize(("path", "window"), SHIFTLESS)
def test_nothing_moves_while_a_page_is_loading(path, window, tools, address, browser):
    page = browser.new_page(viewport=window)
    page.set_default_timeout(tools.TIMEOUT_S * 1000)
    page.add_init_script(tools.WATCH_SHIFTS)
    page.goto(f"{address}/{path}")
    page.get_by_role("heading", level=1).wait_for()
    tools.wait_until_drawn(page)
    shifted = page.evaluate("window.shifted")
    page.close()
    assert shifted < 0.1  # what web.dev calls good


def test_text_named_wav_is_refused_in_plain_words(tools, page):
    upload(page, "notes.wav", b"these are notes, not a sound\n" * 20)
    page.get_by_text("notes.wav holds text, not sound").wait_for()
    tools.wait_until_drawn(page)
    assert page.get_by_text("Chosen now: Speech, then music, then rain").is_visible()
    assert head(page).is_visible()


# --- the player: one time axis for the sound and its pictures ---------------------------------


@pytest.fixture
def player(page):
    """The page with its first sample of 10 s, the sound loaded."""
    page.set_viewport_size({"width": 1280, "height": 1700})
    until(page, "audio.readyState > 0")
    return page


def test_the_playhead_runs_while_the_sound_plays_and_space_stops_it(player):
    player.mouse.click(*place(player, 0.5, 40))
    until(player, "Math.abs(audio.currentTime - 5) < 0.05")
    player.keyboard.press("Space")
    until(player, "audio.currentTime > 5.2")
    assert float(head(player).get_attribute("aria-valuenow")) > 5.1
    player.keyboard.press("Space")
    until(player, "audio.paused")


def test_a_frame_of_a_class_is_played_alone(player):
    player.mouse.click(*place(player, 0.32, 260))  # 3.2 s: in the frame from 2.88 to 3.84 s
    until(player, "!audio.paused && audio.currentTime < 3.84")
    until(player, "audio.paused")
    assert heard(player, "currentTime") == pytest.approx(3.84, abs=0.01)


def test_an_event_is_played_where_its_row_is_selected(player):
    second = json.loads(saved(player, "JSON", 1))[1]
    table = player.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    player.mouse.click(box["x"] + 15, box["y"] + 36 + 1.5 * 35)  # the second row
    until(player, f"!audio.paused && audio.currentTime >= {second['start_s']}")
    until(player, "audio.paused")
    assert heard(player, "currentTime") == pytest.approx(second["end_s"], abs=0.05)


def test_dragging_seeks_and_keys_move_by_a_frame(player):
    drag(player, place(player, 0.1, 300), place(player, 0.7, 300))
    until(player, "Math.abs(audio.currentTime - 7) < 0.05")
    player.keyboard.press("ArrowRight")
    until(player, "Math.abs(audio.currentTime - 7.96) < 0.05")
    player.keyboard.press("Home")
    until(player, "audio.currentTime === 0")


def test_zooming_in_brings_the_same_place_closer(player):
    player.keyboard.press("Home")
    player.get_by_role("button", name="Zoom in").click()  # around the playhead, at 0 s
    player.mouse.click(*place(player, 0.5, 40))
    until(player, "Math.abs(audio.currentTime - 2.5) < 0.05")
    player.get_by_role("button", name="Whole").click()
    player.mouse.click(*place(player, 0.5, 40))
    until(player, "Math.abs(audio.currentTime - 5) < 0.05")


def test_the_pictures_are_saved_as_they_are_in_view(player):
    saved_picture = Image.open(io.BytesIO(saved(player, "PNG"))).convert("RGB")
    box = head(player).bounding_box()
    assert saved_picture.size == (round(box["width"]), round(box["height"]))
    shown = Image.open(io.BytesIO(head(player).screenshot())).convert("RGB")
    part = (300, 20, saved_picture.width - 20, 220)  # wave and spectrogram, without the playhead
    difference = np.abs(
        np.asarray(saved_picture.crop(part), float) - np.asarray(shown.crop(part), float)
    )
    assert difference.mean() < 2 and np.asarray(shown.crop(part)).std() > 20


def test_a_frame_of_the_attention_is_played_and_its_numbers_are_shown(tools, player):
    tools.open_page(player, "Attention")
    until(player, "audio.readyState > 0")
    player.get_by_text(re.compile(r"Frame \d+: \d+\.\d\d to ")).first.wait_for()
    x, y = place(player, 0.0, 300)
    width = head(player).bounding_box()["width"] - LABELS_PX - VALUES_PX
    player.mouse.click(x + 0.22 * width, y)  # 2.2 s, in the map
    until(player, "!audio.paused && audio.currentTime < 2.88")
    player.get_by_text("Frame 2: 1.92 to 2.88 s").wait_for()
    until(player, "audio.paused")
    assert heard(player, "currentTime") == pytest.approx(2.88, abs=0.01)
    frame = player.get_by_role("slider", name="Frame that starts at")
    frame.press("ArrowRight")
    player.get_by_text("Frame 3: 2.88 to 3.84 s").wait_for()


def test_a_click_on_a_class_s_name_shows_why_that_one_scores(tools, player):
    tools.open_page(player, "Attention")
    until(player, "audio.readyState > 0")
    reason = player.get_by_role("heading", name=re.compile("From frames to the score of"))
    first = reason.text_content()
    box = head(player).bounding_box()
    player.mouse.click(box["x"] + 120, box["y"] + 270)  # the second row of the map
    player.wait_for_function(
        "first => ![...document.querySelectorAll('h3')].some(h => h.textContent === first)",
        arg=first,
    )
    assert reason.text_content() != first and "class=" in player.url


def tone(seconds: float, form: str = "WAV") -> bytes:
    return by_libsndfile(sine(440, 8_000, seconds), 8_000, form)


@pytest.mark.slow
def test_a_long_sound_of_a_kind_that_no_browser_plays_is_played_in_step(tools, page):
    upload(page, "long.aiff", tone(660, "AIFF"))
    chosen(page, "long.aiff")
    until(page, "audio.readyState > 0 && Math.abs(audio.duration - 660) < 0.05")
    page.evaluate("document.querySelector('.st-key-player-sound audio').currentTime = 650")
    until(page, "audio.readyState > 1 && !audio.seeking && audio.currentTime === 650")
    assert head(page).get_attribute("aria-valuemax") == "660.00"


COUNT_SHAPES = """button => {
    let n = 0;
    const context = CanvasRenderingContext2D.prototype;
    const real = {};
    for (const name of ["rect", "fillRect", "strokeRect", "lineTo", "drawImage", "fillText"]) {
        real[name] = context[name];
        context[name] = function (...words) { n += 1; return real[name].apply(this, words); };
    }
    button.click();
    Object.assign(context, real);
    return n;
}"""


@pytest.mark.slow
def test_however_long_a_sound_is_few_shapes_are_drawn(tools, page):
    upload(page, "long.wav", tone(600))
    chosen(page, "long.wav")
    tools.wait_until_drawn(page)
    assert head(page).get_attribute("aria-valuemax") == "600.00"
    whole = page.get_by_role("button", name="Whole").evaluate(COUNT_SHAPES)
    assert 1_000 < whole < 2 * COLUMNS + 2_000  # the wave, and the attention of 625 frames
    assert page.get_by_role("button", name="Zoom in").evaluate(COUNT_SHAPES) < 0.7 * whole


@pytest.mark.slow
def test_long_work_shows_progress_and_can_be_stopped(tools, page, address):
    page.goto(f"{address}/?hop=0.12+s")
    chosen(page, "Speech, then music, then rain")
    tools.wait_until_drawn(page)
    page.locator("input[type=file]").first.set_input_files(
        [
            {"name": name, "mimeType": "audio/wav", "buffer": tone(seconds)}
            for name, seconds in (("long.wav", 840), ("short.wav", 2))
        ]
    )
    page.get_by_text(
        re.compile(r"(Reading|Encoding) long.wav: \d+:\d\d min of 14:00 min")
    ).wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("The reading of long.wav was stopped").first.wait_for()
    chosen(page, "short.wav")  # what was given with it is not lost
    tools.wait_until_drawn(page)
    assert page.get_by_role("button", name="Stop").count() == 0


def test_a_sample_is_picked_from_a_list(tools, page):
    pick_sample(page, "Heartbeat")
    chosen(page, "Heartbeat")


def test_on_a_phone_nothing_is_wider_than_the_screen(tools, page, address):
    page.set_viewport_size({"width": 390, "height": 844})
    for name, title in tools.PAGES.items():
        page.goto(address if name == "tag" else f"{address}/{name}")
        page.get_by_role("heading", name=title, exact=True).wait_for()
        tools.wait_until_drawn(page)
        main = page.get_by_test_id("stMain")
        assert main.evaluate("main => main.scrollWidth <= main.clientWidth"), title


def test_a_second_visitor_sees_nothing_of_the_first(tools, page, address, browser):
    upload(page, "secret.wav", plucked_chord())
    chosen(page, "secret.wav")
    tools.wait_until_drawn(page)
    other = browser.new_page()
    for path in ("", "/visit", "/embeddings"):
        other.goto(f"{address}{path}")
        other.get_by_text("Speech, then music, then rain").first.wait_for()
        tools.wait_until_drawn(other)
        assert "secret" not in other.content()
    other.close()
    tools.open_page(page, "This visit")
    assert page.get_by_text("secret.wav").first.is_visible()


def test_dark_pages_are_dark_and_their_pictures_too(tools, address, browser):
    page = browser.new_page(color_scheme="dark")
    page.set_default_timeout(tools.TIMEOUT_S * 1000)
    page.goto(address)
    page.get_by_role("heading", name="Tag a sound", exact=True).wait_for()
    tools.wait_until_drawn(page)
    picture = Image.open(io.BytesIO(head(page).screenshot())).convert("L")
    # Beside the pictures, where names stand, paper is dark and ink is bright.
    names = np.asarray(picture.crop((0, 0, LABELS_PX - 10, picture.height)))
    assert np.median(names) < 40 and names.max() > 180
    page.close()


def test_an_address_leads_back_to_what_was_seen(tools, page, address):
    one, *_, other = (model.title for model in published_models() if not model.is_default)
    page.set_viewport_size({"width": 1280, "height": 1300})  # scrolling would close an open list
    pick_sample(page, "Siren, wailing")
    chosen(page, "Siren, wailing")
    tools.wait_until_drawn(page)
    page.get_by_test_id("stSidebar").get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name=one, exact=True).click()
    page.get_by_text(f"Model: {one}, trained on").wait_for()
    page.get_by_role("slider", name="Events begin at a score of").press("ArrowLeft")
    tools.wait_until_drawn(page)
    page.wait_for_url("**/?*threshold=0.28*")
    assert "sample=siren" in page.url and f"model={quote_plus(one)}" in page.url

    page.reload()  # a new session: all it knows is the address
    chosen(page, "Siren, wailing")
    page.get_by_text(f"Model: {one}, trained on").wait_for()
    assert page.url.count("threshold=0.28") == 1

    page.goto(f"{address}/?n_tags=4")
    chosen(page, "Speech, then music, then rain")
    tools.wait_until_drawn(page)
    assert len(tags(page)) == 4

    model = quote_plus(other)
    page.goto(f"{address}/attention?class=Whistling&sample=nothing&model={model}")
    page.get_by_role("heading", name="Attention", exact=True).wait_for()
    tools.wait_until_drawn(page)
    assert page.get_by_text(f"Model: {other}, trained on").is_visible()
    classes = page.get_by_role("combobox", name="Class, highest score first")
    assert classes.input_value() == "Whistling"
    assert page.get_by_text("Speech, then music, then rain").first.is_visible()

    page.get_by_role("button", name="Change").click()  # another clip has its own top tag
    pick_sample(page, "White noise")
    page.wait_for_function("!location.search.includes('Whistling')")
    tools.wait_until_drawn(page)
    assert classes.input_value() != "Whistling"
