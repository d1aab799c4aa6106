"""The Live page: what the microphone hears is tagged as the same sound in a file would be."""

import base64
import gc
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import chirp, correlate

from audioset_demo.audio.samples import synthesise
from audioset_demo.audio.waveform import Waveform, read_waveform, resample, wav_bytes
from audioset_demo.tagging import load_tagger
from audioset_demo.views import live, uploads
from tests.views.apptest import ROOT, go, new_app, text

RATE = 16_000
VIEWS = ROOT / "audioset_demo" / "views"

# --- the server's part ------------------------------------------------------------------------


def block(seconds: float = 3.0, key: str = "one", first: int = 0) -> dict:
    """What the browser sends, of a tone."""
    samples = 8_000 * np.sin(np.arange(round(seconds * RATE)) / 5)
    data = samples.astype("<i2").tobytes()
    return {"key": key, "first": first, "samples": base64.b64encode(data).decode()}


@pytest.fixture
def listener(app, monkeypatch):
    """The page of a visitor whose browser sends what is put into the list."""
    sent: list[object] = [None]
    monkeypatch.setattr(live, "_sent", lambda: sent[0])

    def send(value, app=app):
        sent[0] = value
        return go(app, "live")

    return send


def heard(app) -> live.Listening | None:
    if "listening" in app.session_state:
        return app.session_state["listening"]
    return None


def opener(app):
    return next(button for button in app.button if button.label.startswith("Open the last minute"))


def test_each_visitor_hears_their_own_sound_which_is_gone_with_the_page(listener, app):
    assert "Encoder: compact encoder (not VGGish) · Model:" in text(listener(None))
    assert opener(app).disabled
    listener(block())
    assert heard(app).sound.position == 3 * RATE and len(heard(app).minute.times_s) == 3
    other = new_app()
    listener(None, other)
    assert heard(other) is None and opener(other).disabled
    listener(block(1.0, first=3 * RATE))
    assert heard(app).sound.position == 4 * RATE and not opener(app).disabled
    go(app, "classes")
    assert heard(app) is None


def test_the_last_minute_becomes_a_clip(listener, app):
    listener(block())
    opener(app).click().run()
    assert app.session_state["clip"].name == "live 1.wav"
    samples = read_waveform(app.session_state["clip"].data).samples
    assert len(samples) == 3 * RATE and np.abs(samples).max() > 0.2


def test_a_full_server_opens_no_clip_and_says_so(listener, app, monkeypatch):
    listener(block())
    monkeypatch.setattr(uploads, "MAX_HELD_BYTES", 0)
    opener(app).click().run()
    assert "Not opened: live 1.wav. This server holds at most" in text(app)


def test_another_hop_encodes_the_minute_again_and_another_model_tags_it_again(listener, app):
    listener(block())
    former = heard(app).minute
    app.session_state["hop"], app.session_state["model"] = 0.48, "average"
    listener(block())
    assert len(heard(app).minute.times_s) == 5
    assert heard(app).minute.model.name != former.model.name


@pytest.mark.parametrize(
    "wrong",
    [
        7,
        {},
        {"key": "one", "first": 0},
        block(first=-1),
        block() | {"first": 0.5},
        block() | {"samples": "no base64!"},
        block() | {"samples": base64.b64encode(b"odd").decode()},
        block(13.0),
    ],
)
def test_what_is_no_block_is_refused_in_words(wrong):
    with pytest.raises(live.AudioSetDemoError, match="is not sound. Reload the page"):
        live._block(wrong)


def test_no_more_listen_than_the_server_can_take(listener, app, monkeypatch):
    gc.collect()
    monkeypatch.setattr(live, "MAX_LISTENERS", 1)
    monkeypatch.setattr(live, "_listeners", live.WeakSet())
    listener(block())
    late = new_app()
    listener(block(key="two"), late)
    assert heard(late) is None
    monkeypatch.setattr(live, "AWAY_S", 0.0)
    listener(block(key="two"), late)
    assert heard(late).sound.position == 3 * RATE


# --- the browser's part -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """The sound that the microphone hears, over and over."""
    path = tmp_path_factory.mktemp("microphone") / "sequence.wav"
    path.write_bytes(wav_bytes(resample(synthesise("sequence"), RATE)))
    return path


@pytest.fixture(scope="module")
def browser(tools, source):
    """In the place of the fixture of all other tests: one with a microphone."""
    arguments = [
        *tools.CHROMIUM_ARGUMENTS,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={source}",
        # An answer whose headers are changed counts as one from afar, which may not ask localhost.
        "--disable-features=LocalNetworkAccessChecks",
    ]
    with tools.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=tools.CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


REMEMBER_STREAMS = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.tracks = [];
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await real(wanted);
  window.tracks.push(...stream.getTracks());
  return stream;
};"""
LIKE_FIREFOX = """
const real = AudioContext.prototype.createMediaStreamSource;
AudioContext.prototype.createMediaStreamSource = function (stream) {
  if (this.sampleRate === 16000) throw new DOMException("", "NotSupportedError");
  window.rate = this.sampleRate;
  return real.call(this, stream);
};"""
REFUSED = """
const refuse = async () => { throw new DOMException("", "NotAllowedError"); };
navigator.mediaDevices.getUserMedia = refuse;
"""


def policy(address: str) -> str:
    """The Content-Security-Policy of the example of a proxy, for this address."""
    configuration = (ROOT / "docs" / "serving" / "nginx.conf").read_text()
    found = re.search(r'Content-Security-Policy "(.+?)"', configuration)
    return found[1].replace("wss://audio.example.com", address.replace("http", "ws"))


def live_page(tools, page, address: str, script: str):
    def with_policy(route):
        response = route.fetch()
        headers = response.headers | {"content-security-policy": policy(address)}
        route.fulfill(response=response, headers=headers)

    page.route(lambda url: url == f"{address}/live", with_policy)
    page.add_init_script(script)
    page.goto(f"{address}/live")
    page.get_by_role("button", name="Start", exact=True).click()


def listen(page, seconds: int) -> None:
    """Until so much was heard, all of it was answered, and tags are shown; then stop."""
    page.get_by_text(re.compile(rf"Listening · 0:0[{seconds}-9]")).wait_for()
    page.get_by_text(re.compile(r"s after it was heard · 0\.00 s lost")).wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    page.wait_for_timeout(3_000)


@pytest.mark.browser
def test_the_tags_are_those_of_the_same_sound_as_a_file(tools, page, address, source):
    live_page(tools, page, address, REMEMBER_STREAMS)
    listen(page, 7)
    rows = page.locator(".tags li")
    shown = {
        row.locator(".name").text_content(): float(row.locator(".score").text_content())
        for row in rows.all()
    }
    page.get_by_role("button", name="Open the last minute as a clip").click()
    page.get_by_role("heading", name="live 1.wav", exact=True).wait_for()
    assert page.evaluate("tracks.map(track => track.readyState)") == ["ended"]
    tools.wait_until_drawn(page)
    played = page.request.get(page.locator("audio").first.evaluate("audio => audio.src")).body()
    recorded = read_waveform(played).samples
    tagger = load_tagger(encoder="compact")

    def agree(samples: np.ndarray, tolerance: float) -> None:
        scores = tagger.tag(Waveform(samples, RATE, "file")).scores
        by_name = {label.name: scores[label.index] for label in tagger.labels}
        assert shown and list(shown.values()) == sorted(shown.values(), reverse=True)
        for name, score in shown.items():
            assert score == pytest.approx(by_name[name], abs=tolerance)

    agree(recorded, 0.0051)  # two decimals are shown
    twice = np.tile(read_waveform(source).samples, 3)
    start = int(np.argmax(correlate(twice[: -len(recorded)], recorded[: 4 * RATE], "valid")))
    agree(twice[start : start + len(recorded)], 0.05)


@pytest.mark.browser
def test_where_the_browser_does_not_resample_the_page_does(tools, page, address):
    live_page(tools, page, address, LIKE_FIREFOX)
    listen(page, 3)
    assert page.evaluate("rate") != RATE
    assert page.locator(".tags li").count()


@pytest.mark.browser
def test_a_refused_microphone_gives_words(tools, page, address):
    live_page(tools, page, address, REFUSED)
    page.get_by_text("Allow it in the settings of this site").wait_for()
    assert page.get_by_role("button", name="Start", exact=True).is_enabled()


RESAMPLED = """([code, from, to, samples]) => {
  const make = new Function("AudioWorkletProcessor", "registerProcessor",
    `${code}; return Resampler`);
  const Resampler = make(class {}, () => {});
  const resampler = new Resampler(from, to), output = [];
  for (let k = 0; k < samples.length; k += 128) {
    output.push(...resampler.take(Float32Array.from(samples.slice(k, k + 128))));
  }
  return output;
}"""


@pytest.mark.browser
def test_the_page_s_own_resampler_keeps_what_the_encoder_hears_and_nothing_else(browser):
    page, code = browser.new_page(), (VIEWS / "live_worklet.js").read_text()

    def resampled(samples, rate: int) -> np.ndarray:
        return np.array(page.evaluate(RESAMPLED, [code, rate, RATE, samples.tolist()]))

    def sweep(rate: int, to_hertz: float) -> np.ndarray:
        return 0.5 * chirp(np.arange(rate) / rate, 60, 1.0, to_hertz)

    for rate, highest in ((48_000, 7_300), (44_100, 7_300), (8_000, 3_600)):
        found = resampled(sweep(rate, highest), rate)
        inner = slice(400, len(found) - 100)
        assert len(found) > 15_800
        assert np.abs(found - sweep(RATE, highest)[: len(found)])[inner].max() < 1e-4
    too_high = 0.5 * np.sin(2 * np.pi * 8_700 * np.arange(48_000) / 48_000)
    assert np.abs(resampled(too_high, 48_000)[400:]).max() < 1e-4
    page.close()
