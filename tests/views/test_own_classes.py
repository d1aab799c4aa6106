"""Your classes: from dropped sounds to a model that every page tags with, of one visitor alone."""

import time

import numpy as np
import pytest

from audioset_demo.audio.waveform import Waveform, wav_bytes
from audioset_demo.models.checkpoint import checkpoint_from_bytes
from audioset_demo.views import own_training
from audioset_demo.views.own_judgement import judge
from tests.views.apptest import PAGES, go, labelled, new_app, text
from tests.views.browsing import saved

RATE = 16_000
SECONDS = 2.0


def sound(hertz: float) -> bytes:
    """A tone, or for 0 Hz noise."""
    n = round(SECONDS * RATE)
    samples = np.sin(2 * np.pi * hertz * np.arange(n) / RATE)
    if not hertz:
        samples = np.random.default_rng(0).normal(size=n)
    return wav_bytes(Waveform((0.3 * samples).astype(np.float32), RATE, "tone"))


SOUNDS = {
    "low": {f"low{n}.wav": sound(200 + 10 * n) for n in range(3)},
    "high": {f"high{n}.wav": sound(3000 + 100 * n) for n in range(3)},
}


def add_class(app, name: str):
    labelled(app.text_input, "Name a class").set_value(name)
    return labelled(app.button, "Add the class").click().run()


def drop(app, name: str, files: dict[str, bytes]):
    uploader = labelled(app.get("file_uploader"), f"Drop sounds of {name}")
    for file, data in files.items():
        uploader.upload(file, data)
    return app.run()


@pytest.fixture
def page(app):
    return go(app, "own_classes")


def taught(page):
    for name, files in SOUNDS.items():
        add_class(page, name)
        drop(page, name, files)
    return labelled(page.button, "Train").click().run()


def test_classes_are_learned_tried_used_everywhere_and_saved(page):
    taught(page)
    assert not page.exception and not page.error
    assert page.session_state["model"].startswith("own-")
    assert [metric.value for metric in page.metric] == ["6 of 6"]
    made = page.session_state["own model"]
    _, card = checkpoint_from_bytes(made.data, "saved")
    assert card.labels == ("low", "high") and card.encoder == "compact encoder (not VGGish)"
    for name in PAGES:
        go(page, name)
        assert not page.exception, name
    other = new_app()
    assert made.model.name not in str(labelled(other.selectbox, "Model").options)
    assert "own model" not in other.session_state


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["low"], "All clips are of the class 'low'"),
        (["low", "high", "none"], "The class 'none' has no clip"),
    ],
)
def test_too_little_to_learn_from_is_said_in_words(page, classes, message):
    for name in classes:
        add_class(page, name)
        if name in SOUNDS:
            drop(page, name, SOUNDS[name])
    labelled(page.button, "Train").click().run()
    assert message in text(page)
    assert "own model" not in page.session_state


def test_what_is_no_sound_is_refused_and_a_name_is_taken_once(page):
    add_class(page, "low")
    drop(page, "low", {"text.wav": b"no sound", **SOUNDS["low"]})
    assert "text.wav" in text(page) and "3 sounds" in text(page)
    assert "There is a class 'low' already" in text(add_class(page, " low "))


def test_to_stop_is_to_kill(monkeypatch):
    """The process is gone as soon as progress raises."""
    started = []
    popen = own_training.subprocess.Popen

    def start(*args, **options):
        started.append(popen(*args, **options))
        return started[0]

    monkeypatch.setattr(own_training.subprocess, "Popen", start)

    def progress(done_s, total_s):
        raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        own_training._answer(b"", progress)
    assert started[0].poll() is not None and time.monotonic() - begun < 30


def test_a_sound_is_right_if_its_highest_class_is_its_own_or_if_background_is_quiet():
    labels = np.array([[1, 0], [1, 1], [0, 1], [0, 0], [0, 0], [1, 0]], bool)
    scores = np.array([[0.4, 0.3], [0.1, 0.9], [0.6, 0.5], [0.4, 0.4], [0.6, 0.1],
                       [np.nan, np.nan]])  # fmt: skip
    judged = judge(labels, scores)
    assert judged.right.tolist() == [True, True, False, True, False, False]
    assert judged.known.tolist() == [True] * 5 + [False]


@pytest.mark.browser
def test_in_a_browser_a_model_is_trained_and_saved(tools, browser, address):
    page = browser.new_page()
    page.set_default_timeout(tools.TIMEOUT_S * 1000)
    page.goto(f"{address}/own_classes")
    for name, files in SOUNDS.items():
        page.get_by_label("Name a class").fill(name)
        page.get_by_role("button", name="Add the class").click()
        page.get_by_test_id("stFileUploader").filter(has_text=f"Drop sounds of {name}").locator(
            "input[type=file]"
        ).set_input_files(
            [
                {"name": file, "mimeType": "audio/wav", "buffer": data}
                for file, data in files.items()
            ]
        )
        page.get_by_text(f"{name} · 3 sounds").wait_for()
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("6 of 6", exact=True).wait_for()
    network, card = checkpoint_from_bytes(saved(page, "Save the model"), "saved")
    page.close()
    assert card.labels == ("low", "high") and network.settings.hidden_layers == 0
