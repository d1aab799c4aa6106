"""What a visitor opens: read once for all pages, kept with a hop that fits, or refused in words."""

import io
import re

import numpy as np
import pytest

from audioset_demo.views import cache
from audioset_demo.views.cache import limits, sounds
from tests.embeddings.test_isolation import CASES
from tests.sounds import wav
from tests.views.apptest import PAGES, features, go, labelled, new_app, text, upload


def test_an_uploaded_sound_stays_chosen_across_pages(app):
    upload(app, "kettle.wav", wav())
    assert "kettle.wav" in text(app) and "2.00 s · 3 frames" in text(app)
    for page in PAGES:
        assert "kettle.wav" in text(go(app, page)) and not app.exception


def test_a_sound_can_be_changed_on_any_page(app):
    go(app, "attention")
    upload(app, "kettle.wav", wav())
    assert "kettle.wav" in app.subheader[0].value.replace("\\", "")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("notes.wav", b"this is a text file\n" * 50, "holds text, not sound"),
        ("empty.wav", b"", "is empty"),
        ("fast.wav", wav(0.2, 655_350), "655350 Hz, outside 1,000 to 192,000 Hz"),
        ("wrong.npz", b"PK\x03\x04 not really", "wrong.npz"),
        ("wrong.h5", b"\x89HDF\r\n\x1a\n not really", "wrong.h5"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_the_former_clip(app, name, data, reason):
    upload(app, name, data)
    assert not app.exception
    assert any(reason in re.sub(r"\\(.)", r"\1", error.value) for error in app.error)
    assert "Chosen now: Speech, then music, then rain" in text(app)
    assert not go(app, "embeddings").exception
    upload(go(app, "tag"), "kettle.wav", wav())
    assert not app.error and "kettle.wav" in text(app)


@pytest.mark.parametrize("seconds", [1 / 22_050, 0.5, 20.0])
def test_short_and_long_sounds_are_drawn(app, seconds):
    upload(app, "sound.wav", wav(seconds))
    for page in PAGES:
        assert not go(app, page).exception and not app.error


def test_what_does_not_fill_a_frame_is_kept_in_short_clips_and_by_choice_in_others(app):
    left_out, padded = (
        "0.39 s do not fill a frame and were left out",
        "frame and were padded with silence",
    )
    assert "10.00 s · 10 frames" in text(app) and left_out in text(app)
    tail = labelled(app.selectbox, "Tail")
    tail.set_value("pad").run()
    assert "10.00 s · 11 frames" in text(app) and padded in text(app)
    go(app, "attention")
    labelled(app.select_slider, "Frame that starts at").set_value(10).run()
    assert "Frame 10: 9.60 to 10.00 s" in text(app)
    labelled(app.selectbox, "Tail").set_value("auto").run()
    upload(go(app, "tag"), "kettle.wav", wav(1.91))
    assert "1.91 s · 2 frames" in text(app) and padded in text(app)
    labelled(app.selectbox, "Tail").set_value("drop").run()
    assert "1.91 s · 1 frame of" in text(app) and "0.94 s do not fill" in text(app)
    assert not app.exception


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Names of the sounds that were opened, in order."""
    names = []
    real = sounds.open_sound

    def open_sound(data, name, limits):
        names.append(name)
        return real(data, name, limits)

    monkeypatch.setattr(sounds, "open_sound", open_sound)
    return names


def test_an_upload_is_read_once_for_everything_on_every_page(app, opened):
    upload(app, "read once.wav", wav(3.3))
    for page in PAGES:
        assert not go(app, page).exception
    assert opened == ["read once.wav"]
    labelled(app.selectbox, "Hop").set_value(0.12).run()
    go(app, "tag")  # another hop needs other embeddings, and nothing else
    assert opened == ["read once.wav"] * 2 and app.get("audio")


def test_more_frames_than_a_page_can_show_are_refused_with_a_hop_that_fits(
    app, opened, monkeypatch
):
    monkeypatch.setattr(limits, "MAX_FRAMES", 5)
    labelled(app.selectbox, "Hop").set_value(0.48).run()
    upload(app, "too fine.wav", wav(4.5))
    assert any("Choose a hop of 0\\.96 s" in error.value for error in app.error)
    assert len(opened) <= 2 and not app.exception
    labelled(app.selectbox, "Hop").set_value(0.96).run()
    assert not app.error and "too fine.wav" in text(app)


def test_a_file_name_is_shown_as_it_is(app):
    name = "*a* [b](http:c) `d` $e$ <i>.wav"
    upload(app, name, wav())
    assert name in text(app)
    unescaped = re.sub(r"\\.", "", app.subheader[0].value)
    assert not set("*_[]()`$<>:") & set(unescaped)


def test_two_visitors_with_the_same_sound_each_read_their_own_name(app):
    upload(app, "mine.wav", wav())
    other = new_app()
    assert "mine.wav" not in text(other)
    upload(other, "yours.wav", wav())
    assert "yours.wav" in text(other) and "mine.wav" not in text(other)


def test_an_embeddings_file_stands_in_for_a_sound(app):
    upload(app, "clips.h5", features("first", "second", n_frames=(10, 4)))
    assert "there is nothing to play" in text(app) and not app.get("audio")
    assert "Encoder: released AudioSet features (VGGish)" in text(app)
    which = labelled(app.selectbox, "Clip of 2")
    which.set_value(1).run()
    assert "second" in app.subheader[0].value and "4 frames" in text(app)
    for page in PAGES:
        assert not go(app, page).exception and not app.error
    assert which.label in [box.label for box in app.selectbox]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hang2.h5", "takes more than 2 s"),
        ("npz_lzma_bomb.npz", "above the limit of 8 MB for one clip of 7,500 frames"),
        ("npz_encoder_surrogate.npz", "unknown encoder"),
    ],
)
def test_a_hostile_upload_is_refused_once_and_the_visit_goes_on(app, monkeypatch, name, says):
    upload(app, "mine.wav", wav())
    asked = []
    monkeypatch.setattr(cache, "read", lambda clip, choice, read=cache.read: (
        asked.append(clip.name), read(clip, choice)
    ))  # fmt: skip
    upload(app, name, (CASES / name).read_bytes())
    assert says in text(app) and "Chosen now: mine.wav" in text(app) and not app.exception
    assert says not in text(go(app, "visit")) and "mine.wav" in text(app) and not app.exception
    assert asked == [name]


def test_an_upload_with_which_nobody_reckoned_is_dropped_too(app, monkeypatch):
    def read(clip, choice):
        raise ZeroDivisionError

    monkeypatch.setattr(cache, "read", read)
    upload(app, "odd \u202e " + "n" * 10_000 + ".wav", wav())
    assert "cannot be read (ZeroDivisionError)" in text(app) and not app.exception
    monkeypatch.undo()
    assert app.run().get("audio") and not app.exception


def test_a_clip_of_a_file_that_cannot_be_read_leaves_the_former_one(app):
    clip = {"quantised": np.ones((3, 128), np.uint8), "encoder": "released"}
    buffer = io.BytesIO()
    np.savez(buffer, **{f"good/{key}": value for key, value in clip.items()}, **{"bad/pca": 1})
    upload(app, "two.npz", buffer.getvalue())
    labelled(app.selectbox, "Clip of 2").set_value(1).run()
    assert "Clip 'bad' of two.npz holds 'pca'" in text(app) and not app.exception
    assert labelled(app.selectbox, "Clip of 2").value == 0 and "good" in app.subheader[0].value
