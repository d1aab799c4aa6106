"""The class chosen on one page is the class chosen on the others, and in the address."""

from streamlit.testing.v1 import AppTest

from audioset_demo.labels import audioset_labels
from tests.sounds import wav
from tests.views.apptest import ROOT, TIMEOUT_S, go, labelled, upload


def box(app):
    return labelled(app.selectbox, "Class, highest score first")


def chosen(app) -> str:
    return audioset_labels()[box(app).value].name


def test_the_class_in_the_address_is_chosen_and_another_one_takes_its_place(app):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT_S)
    app.query_params["class"] = "Whistling"
    go(app.run(), "attention")
    assert chosen(app) == "Whistling"
    other = box(app).options[3]
    box(app).select(other).run()
    assert app.query_params["class"] == other
    go(go(app, "models"), "attention")
    assert chosen(app) == other and app.query_params["class"] == other


def test_another_clip_has_its_own_top_tag(app):
    go(app, "attention")
    box(app).select(box(app).options[5]).run()
    upload(app, "tone.wav", wav())
    assert chosen(app) == box(app).options[0] and "class" not in app.query_params


def test_a_class_that_does_not_exist_leaves_the_address(app):
    app.query_params["class"] = "Unicorn"
    go(app.run(), "attention")
    assert chosen(app) == box(app).options[0] and "class" not in app.query_params
