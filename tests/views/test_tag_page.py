"""The page that tags: the answer first, the clips of the visit in a strip, a way to the reasons."""

import pytest

from audioset_demo.audio.samples import SAMPLES, synthesise
from audioset_demo.tagging import load_tagger
from tests.sounds import wav
from tests.views.apptest import go, labelled, shown_tags, text, upload

FIRST = SAMPLES["sequence"]


def test_the_tags_are_those_of_the_library_and_each_leads_to_its_reason(app):
    tagging = load_tagger(encoder="compact").tag(synthesise("sequence"))
    expected = [(tagging.labels[k].name, float(tagging.scores[k])) for k in tagging.top(10)]
    shown = shown_tags(app)
    assert [name for name, _ in shown] == [name for name, _ in expected]
    assert [score for _, score in shown] == pytest.approx([s for _, s in expected], abs=0.006)
    app.button(key=f"why {expected[2][0]}").click().run()
    assert f"From frames to the score of {expected[2][0]}" in text(app) and not app.exception


def test_the_chooser_folds_away_once_something_was_opened(app):
    assert not app.expander or "Open another" not in app.expander[0].label
    upload(app, "kettle.wav", wav())
    assert app.expander[0].label == "Open another sound"
    assert "kettle.wav" in app.subheader[0].value.replace("\\", "")


def test_an_error_is_told_where_the_chooser_is_folded(app):
    upload(app, "kettle.wav", wav())
    upload(app, "notes.wav", b"these are notes, not a sound\n" * 20)
    assert "notes.wav holds text, not sound" in text(app)
    assert "kettle.wav" in app.subheader[0].value.replace("\\", "")


def test_clips_of_the_visit_are_chosen_stepped_through_and_removed_in_the_strip(app):
    upload(app, "one.wav", wav(1.0))
    upload(app, "two.wav", wav(2.0))

    def chosen() -> str:
        return app.subheader[0].value.replace("\\", "")

    assert labelled(app.button_group, "Clips of this visit").options[0].startswith(FIRST)
    assert chosen() == "two.wav" and labelled(app.button, "Next").disabled
    labelled(app.button, "Previous").click().run()
    assert chosen() == "one.wav"
    labelled(app.button, "Remove").click().run()
    assert chosen() == "two.wav" and len(labelled(app.button_group, "Clips").options) == 2
    go(app, "visit")
    assert "one.wav" not in text(app) and not app.exception
