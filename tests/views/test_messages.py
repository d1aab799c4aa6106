"""What became of opened clips is said once, where it happened, and can be dismissed."""

from tests.sounds import wav
from tests.views.apptest import go, labelled, text, upload

CAME = "1.wav is shown, and 4 more clips came with it: 2.wav and 3 more."


def drop(app, *names: str) -> None:
    files = app.get("file_uploader")[0]
    for number, name in enumerate(names):
        files.upload(name, wav(1 + number / 10) if name.endswith(".wav") else b"text")
    app.run()


def test_of_five_files_four_are_said_to_be_elsewhere(app):
    drop(app, *(f"{number}.wav" for number in range(1, 6)))
    assert CAME in text(app) and "page This visit" in text(app) and not app.error
    assert "**5.wav**" in text(go(app, "visit")) and CAME not in text(app)


def test_a_message_goes_where_it_is_dismissed_and_on_other_pages(app):
    for go_away in (
        lambda: labelled(app.button, "Dismiss").click().run(),
        lambda: go(app, "visit"),
    ):
        go(app, "tag")
        drop(app, "notes.wav.txt.ogg", "one.wav")
        assert len(app.error) == 1
        go_away()
        assert not app.error and not app.exception
        assert not any(button.label == "Dismiss" for button in app.button)


def test_what_is_opened_in_the_sidebar_closes_it(app):
    go(app, "models")
    app.session_state["change"] = True
    upload(app, "kettle.wav", wav())
    assert not app.session_state["change"] and "kettle.wav" in text(app)
