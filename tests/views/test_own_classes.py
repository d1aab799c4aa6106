"""Your classes: from dropped sounds to a model that every page tags with, of one visitor alone."""

import base64
import json
import sys
import time
from urllib.parse import quote_plus

import numpy as np
import pytest

from audioset_demo.audio.waveform import Waveform, wav_bytes
from audioset_demo.cli import main
from audioset_demo.listings import class_rows
from audioset_demo.models.checkpoint import checkpoint_from_bytes
from audioset_demo.models.published import MODELS_VARIABLE, find_published, published_models
from audioset_demo.views import live, own_training
from audioset_demo.views.own_classes import Source, _recordings
from audioset_demo.views.own_judgement import judge
from tests.views.apptest import PAGES, go, labelled, new_app, text

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


def taught(page, sounds=SOUNDS):
    for name, files in sounds.items():
        add_class(page, name)
        drop(page, name, files)
    return labelled(page.button, "Train").click().run()


@pytest.fixture
def models_dir(tmp_path, monkeypatch):
    """Where models are published, for one test."""
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "models"))
    published_models.cache_clear()
    yield tmp_path / "models"
    published_models.cache_clear()


def test_classes_are_learned_tried_and_used_everywhere(page, monkeypatch):
    taught(page)
    assert not page.exception and not page.error
    assert page.session_state["model"].startswith("own-")
    assert [metric.value for metric in page.metric] == ["6 of 6"]
    made = page.session_state["own model"]
    _, card = checkpoint_from_bytes(made.data, "saved")
    assert card.labels == ("low", "high") and card.encoder == "compact encoder (not VGGish)"
    samples = base64.b64encode(sound(3200)[44:]).decode()  # as the microphone's page sends them
    monkeypatch.setattr(live, "_sent", lambda: {"key": "one", "first": 0, "samples": samples})
    for name in PAGES:
        go(page, name)
        assert not page.exception, name
        if name == "live":
            now = page.session_state["listening"].now
            assert now.labels[int(now.scores.argmax())].name == "high"
    other = new_app()
    assert made.model.name not in str(labelled(other.selectbox, "Model").options)
    assert "own model" not in other.session_state


def test_a_saved_model_is_published_with_names_counts_and_figures(page, models_dir, capsys):
    labelled(taught(page).button, "Save the model").click().run()
    assert not page.exception and not page.error
    assert page.session_state["model"] == "my_classes" and "own model" not in page.session_state
    assert "This app has it from now on" in page.success[0].value
    model = find_published("my_classes")
    rows = [(row["label"], row["all_train"], row["eval"], row["ap"]) for row in class_rows(model)]
    assert rows == [("low", 3, 3, 1.0), ("high", 3, 3, 1.0)]
    for name in ("models", "classes"):
        assert not go(page, name).exception, name
    picture = labelled(page.button_group, "Picture")  # nothing is known of raters and ontology
    assert picture.options == ["AP and count", "AP by rank", "Two models"]
    columns = set(page.dataframe[0].value)
    assert {"Class", "AP", "All train"} <= columns and not columns & {"Votes", "Place", "AP, low"}
    assert "mean over classes 1.000" in text(page)
    assert "my_classes" in str(labelled(new_app().selectbox, "Model").options)
    (models_dir / "low.wav").write_bytes(SOUNDS["low"]["low0.wav"])
    words = ["tag", models_dir / "low.wav", "--model", model.path.parent, "--format", "json"]
    assert main([str(word) for word in words]) == 0
    assert json.loads(capsys.readouterr().out)["tags"][0]["label"] == "low"
    labelled(go(page, "own_classes").button, "Train").click().run()
    labelled(page.button, "Save the model").click().run()
    assert page.session_state["model"] == "my_classes_2"  # nothing is overwritten
    assert find_published("my_classes").path.is_file()


def test_in_public_a_model_is_a_download_and_nothing_is_written(page, models_dir, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["app.py", "--public"])
    taught(page)
    assert not [button for button in page.button if button.label == "Save the model"]
    assert [get.label for get in page.get("download_button")] == ["Save the model"]
    assert not models_dir.exists()


def test_pieces_of_a_recording_told_by_their_names_are_not_on_both_sides(page):
    pieces = {
        name: {f"{name}_{n}.wav": data for n, data in enumerate(files.values())}
        for name, files in SOUNDS.items()
    }
    taught(page, pieces)
    assert "All sounds of each class are of one recording" in text(page) and not page.metric
    labelled(page.checkbox, "Each file is a recording").check().run()
    labelled(page.button, "Train").click().run()
    assert [metric.value for metric in page.metric] == ["6 of 6"]
    assert "The sounds are of 6 recordings" in text(page)


def test_the_recordings_of_files_of_parts_and_of_copies():
    sources = [Source("rec_0.wav", "a"), Source("rec_1.wav", "b"), Source("dog.wav", "c"),
               Source("dog 0:03-0:07", "d"), Source("copy.wav", "c")]  # fmt: skip
    assert _recordings(sources, "name") == ("rec", "rec", "dog", "dog", "dog")
    assert _recordings(sources, "file") == ("a", "b", "c", "d", "c")


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
    monkeypatch.setattr(own_training, "LOOK_S", 0.001)  # before it ends by itself

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
def test_in_a_browser_a_model_is_trained_and_saved(tools, browser, models_dir):
    with tools.served_app() as address:
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
        page.get_by_role("button", name="Save the model", exact=True).click()
        page.get_by_text("This app has it from now on").wait_for()
        page.close()
    with tools.served_app() as address:
        page = browser.new_page()
        page.set_default_timeout(tools.TIMEOUT_S * 1000)
        page.goto(f"{address}/classes?model={quote_plus('Single attention: my_classes')}")
        page.get_by_text("mean over classes 1.000").wait_for()
        page.close()
