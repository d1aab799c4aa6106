"""The page *Recordings*: finds are heard, answered by keys, and the answers counted."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audioset_demo.audio.samples import synthesise
from audioset_demo.audio.waveform import Waveform, wav_bytes
from audioset_demo.cli import main
from tests.views.apptest import go, labelled, text


@pytest.fixture(scope="module")
def tagged(tmp_path_factory) -> Path:
    """Two recordings at two hours of the day, and what was found in them."""
    folder = tmp_path_factory.mktemp("site")
    for hour, keys in (("05", ("rain", "siren")), ("21", ("siren", "sequence"))):
        samples = np.concatenate([synthesise(key).samples[:80_000] for key in keys])
        sound = Waveform(samples, 16_000, "site.wav")
        (folder / f"SITE_20240131_{hour}1000.wav").write_bytes(wav_bytes(sound))
    words = ("tag", folder, "--output", folder / "out", "--encoder", "compact", "--rows", "frame")
    # Not in this process: the workers would begin with what is its main module, and Streamlit's
    # tests put the app in its place.
    subprocess.run([sys.executable, "-m", "audioset_demo", *words], check=True)
    return folder / "out"


@pytest.fixture
def out(tagged) -> Path:
    """The same finds, not answered yet."""
    answers(tagged).unlink(missing_ok=True)
    return tagged


def answers(out: Path) -> Path:
    return out.with_name("out.answers.csv")


def given(out: Path) -> list[tuple[str, str]]:
    with open(answers(out), newline="", encoding="utf-8") as file:
        return [(row["label"], row["answer"]) for row in csv.DictReader(file)]


@pytest.fixture
def opened_with(out, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["app.py", f"--recordings={out}"])


@pytest.fixture
def opened(opened_with, app):
    """The page, as `audioset-demo app OUT` opens it."""
    app = go(app, "recordings")
    assert not app.exception
    return app


def press(app, words: str):
    labelled(app.button, words).click()
    app.run()
    assert not app.exception
    return app


def look_at(app, view: str):
    labelled(app.button_group, "Beside it").set_value(view).run()
    assert not app.exception


def test_answers_are_kept_counted_and_taken_back(opened, out):
    first = text(opened)
    label = re.search(r"\*\*(.+)\*\* · 0\.\d", first)[1]
    scores = [re.search(r"\*\* · (0\.\d+)", first)[1]]
    for words in ("Yes", "No", "Skip"):
        press(opened, words)
    assert given(out) == [(label, "yes"), (label, "no"), (label, "skip")]
    assert re.search(r"3 of \d+ finds answered: 1 right, 1 wrong, 1 skipped", text(opened))
    press(opened, "Undo")
    press(opened, "Undo")
    assert given(out) == [(label, "yes")]
    press(opened, "Undo")
    assert given(out) == []
    assert f"** · {scores[0]}" in text(opened)


def test_the_answers_become_precision_and_a_threshold(opened, out):
    press(opened, "Yes")
    look_at(opened, "Answers")
    assert re.search(r"From a score of \*\*0\.\d+\*\* on, precision is \*\*100.%\*\*", text(opened))
    assert "the log odds of a find are" in text(opened)


def test_similar_sounds_are_listed_and_the_plane_is_drawn(opened):
    look_at(opened, "Similar sounds")
    press(opened, "Search for sounds")
    cosines = list(opened.dataframe[0].value["Cosine"])
    assert len(cosines) > 5 and cosines == sorted(cosines, reverse=True)
    look_at(opened, "Plane")
    assert "Finds that sound alike" in text(opened)


def test_a_recording_that_is_gone_is_named_and_can_be_skipped(opened, out):
    recordings = sorted(out.parent.glob("*.wav"))
    for path in recordings:
        path.rename(path.with_suffix(".moved"))
    opened.run()
    assert [error for error in opened.error if "Move it back" in error.value]
    press(opened, "Skip")
    assert [answer for _, answer in given(out)] == ["skip"]
    for path in recordings:
        path.with_suffix(".moved").rename(path)


def test_answers_that_cannot_be_kept_are_said(opened, out):
    answers(out).write_text("file,label\n")
    opened.run()
    assert "has no column 'onset'" in text(opened)


@pytest.fixture(scope="module")
def address(tools, tagged):
    with tools.served_app(tools.SERVED, f"--recordings={tagged}") as address:
        yield address


@pytest.fixture
def page(tools, browser, address, out):
    """The page in a browser, its first class chosen."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(tools.TIMEOUT_S * 1000)
    page.goto(f"{address}/recordings")
    page.get_by_text("0 right, 0 wrong, 0 skipped").wait_for()
    tools.wait_until_drawn(page)
    yield page
    page.close()


def plays_another(page, former: str) -> str:
    """Wait until another sound than the `former` one is heard; its address."""
    page.wait_for_function(
        "former => { const audio = document.querySelector('audio');"
        " return audio && audio.src !== former && audio.currentTime > 0.2; }",
        arg=former,
    )
    return page.locator("audio").evaluate("audio => audio.src")


@pytest.mark.browser
def test_keys_answer_and_the_next_find_is_heard(page, out):
    first = page.locator("audio").evaluate("audio => audio.src")
    heard = [first]
    for key, counted in (
        ("y", "1 right, 0 wrong, 0 skipped"),
        ("n", "1 right, 1 wrong, 0 skipped"),
        ("s", "1 right, 1 wrong, 1 skipped"),
        ("a", "1 right, 1 wrong, 1 skipped"),
        ("u", "1 right, 1 wrong, 0 skipped"),
    ):
        page.keyboard.press(key)
        heard.append(plays_another(page, heard[-1]))
        page.get_by_text(counted).wait_for()
    assert len(set(heard)) == len(heard)
    assert [answer for _, answer in given(out)] == ["yes", "no"]


@pytest.mark.browser
def test_another_class_is_chosen_and_answered(tools, page, out):
    page.get_by_role("combobox", name="Class (type to search)").click()
    name = page.get_by_role("option").nth(2).inner_text()
    page.get_by_role("option").nth(2).click()
    page.get_by_text(f"{name} · 0.").first.wait_for()
    tools.wait_until_drawn(page)
    page.keyboard.press("y")  # which the list would take
    page.get_by_text("1 right, 0 wrong, 0 skipped").wait_for()
    assert given(out) == [(name, "yes")]


@pytest.mark.parametrize("words", [[], ["--public", "--recordings=/tmp"]])
def test_without_recordings_or_in_public_there_is_no_such_page(monkeypatch, words):
    from audioset_demo.views import serving

    monkeypatch.setattr(sys, "argv", ["app.py", *words])
    assert serving.recordings_folder() is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([os.devnull], "There is no folder /dev/null. Make it with"),
        (["--public", "."], "Recordings are not shown to the public."),
        (["."], "does not hold what `tag` found"),
    ],
)
def test_a_wrong_folder_is_refused_in_words(words, message, capsys):
    assert main(["app", *words]) == 1
    assert message in capsys.readouterr().err
