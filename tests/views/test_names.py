"""Things with equal names are kept apart, and every name is shown literally."""

import json
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.audio.waveform import read_waveform
from audioset_demo.embeddings.class_space import class_space
from audioset_demo.models import published
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import save_checkpoint
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from audioset_demo.tagging import load_tagger
from audioset_demo.views.names import escape, unique_names
from tests.sounds import wav
from tests.views.apptest import PAGES, features, go, labelled, new_app, text, unfold, upload

ODD = "<b>x</b> & $y$ [a](b) %{x} `c`"
names = st.lists(st.sampled_from(["rec.wav", "rec.wav (2)", "rec.wav (3)", "a", "a (x)", ""]))


@given(names)
def test_unique_names_differ_and_keep_what_differed(given_names):
    unique = unique_names(given_names)
    assert len(set(unique)) == len(given_names)
    for name, shown in zip(given_names, unique, strict=True):
        assert shown.startswith(name)
        if given_names.count(name) == 1:
            assert shown == name


@given(names, st.data())
def test_equal_names_are_distinguished_by_their_details(given_names, data):
    details = data.draw(
        st.lists(
            st.sampled_from(["", "x", "y"]), min_size=len(given_names), max_size=len(given_names)
        )
    )
    unique = unique_names(given_names, details)
    assert len(set(unique)) == len(given_names)
    for name, detail, shown in zip(given_names, details, unique, strict=True):
        others = {d for n, d in zip(given_names, details, strict=True) if n == name}
        assert shown.startswith(f"{name} ({detail})" if detail and len(others) > 1 else name)


@given(st.text())
def test_an_escaped_name_reads_as_it_is_written(name):
    shown = re.sub(r"\\(.)", r"\1", escape(name)).replace("\N{WORD JOINER}", "")
    assert shown == re.sub(r"\s", " ", name.replace("\N{WORD JOINER}", "")).strip()
    assert not set("*_[]()`$<>:&|~") & set(re.sub(r"\\.", "", escape(name)))


@pytest.mark.parametrize("name", [":material/home:", "a -> b", "-- a", "a >= b", "a ~= b"])
def test_what_streamlit_would_draw_as_a_sign_is_broken_up(name):
    assert "\N{WORD JOINER}" in escape(name)


def test_of_two_clips_of_one_name_the_chosen_one_is_compared(app):
    sounds = [wav(2.0), wav(3.0, hertz=2_000)]
    for sound in (*sounds, wav(2.5)):
        upload(app, "rec.wav" if sound in sounds else "now.wav", sound)
    encode = load_tagger(encoder="compact").encode
    space = class_space()
    now, *others = (
        encode(read_waveform(sound, "x.wav"), tail="auto").quantised.mean(axis=0, keepdims=True)
        for sound in (wav(2.5), *sounds)
    )
    go(app, "embeddings")
    assert labelled(app.selectbox, "Compare with").options[1:] == ["rec.wav", "rec.wav (2)"]
    for label, other in zip(("rec.wav", "rec.wav (2)"), others, strict=True):
        labelled(app.selectbox, "Compare with").select(label).run()
        assert f"Cosine of the clips as wholes: {space.cosine(now, other)[0, 0]:.3f}" in text(app)
    # The comparison is with the clip, whatever it is called once the other one has gone.
    go(app, "visit")
    [button for button in app.button if button.label == "Remove"][1].click().run()
    go(app, "embeddings")
    assert f"{space.cosine(now, others[1])[0, 0]:.3f}. Most similar" in text(app)


def test_clips_of_one_name_are_listed_and_chosen_apart(app):
    for seconds in (2.0, 3.0):
        upload(app, "rec.wav", wav(seconds))
    go(app, "visit")
    assert "**rec.wav** · 2.00 s" in text(app) and "**rec.wav (2)** · 3.00 s" in text(app)
    [button for button in app.button if button.label == "Choose"][1].click().run()
    assert "**rec.wav** · 2.00 s · :primary[chosen]" in text(app)
    assert "2.00 s · 3 frames" in text(go(app, "tag"))


def test_every_clip_of_a_packed_file_can_be_opened_though_ids_are_equal(app):
    upload(app, "clips.h5", features("id", "id", "id", n_frames=(10, 4, 7)))
    assert labelled(app.selectbox, "Clip of 3").options == ["id", "id (2)", "id (3)"]
    for label, n in (("id (2)", 4), ("id (3)", 7), ("id", 10)):
        labelled(app.selectbox, "Clip of 3").select(label).run()
        assert f"{n} frames of 0.96 s" in text(app)
    go(app, "visit")
    assert all(f"**{name}** · " in text(app) for name in ("id", "id (2)", "id (3)"))


@pytest.fixture
def publish(app, tmp_path, monkeypatch):
    """Publish models with classes of one's own, in place of those of this copy."""
    folder = tmp_path / "models"
    monkeypatch.setattr(published, "MODELS_DIR", folder)

    def do(name: str, labels: tuple[str, ...], seed: int = 0, set_name: str = "mine") -> None:
        torch.manual_seed(seed)
        settings = ModelSettings("single_attention", n_classes=len(labels), hidden_units=8)
        card = ModelCard(name, settings, 1, labels=labels, training={"set": set_name})
        save_checkpoint(
            folder / name / published.CHECKPOINT_FILE, TaggingModel(settings).eval(), card
        )
        rows = "".join(f"{k},,x,0.{k + 1},0.9\n" for k in range(len(labels)))
        (folder / name / published.PER_CLASS_FILE).write_text("index,mid,name,ap,auc\n" + rows)
        (folder / name / published.LEARNING_CURVE_FILE).write_text(
            f"iteration,loss,validation_mAP\n50,0.{seed + 1},0.{seed + 1}\n60,0.1,0.1\n"
        )
        published.published_models.cache_clear()

    yield do
    monkeypatch.undo()
    published.published_models.cache_clear()


def test_models_of_one_title_are_models_of_their_own(publish):
    for seed, name in enumerate(("one", "two", "three")):
        publish(name, ("cat", "dog"), seed)
    app = new_app()
    boxes = labelled(app.selectbox, "Model").options
    assert len(set(boxes)) == 3
    seen = []
    for label in boxes:
        labelled(app.selectbox, "Model").select(label).run()
        assert f"Model: {label}, trained on" in text(app)
        table = next(f.value for f in app.dataframe if "Place in the ontology" in f.value)
        seen.append(tuple(table.sort_values("Class")["Score"]))
    assert len(set(seen)) == 3
    go(app, "attention")
    beside = labelled(app.multiselect, "Models beside")
    assert len(beside.options) == 2
    for option in beside.options:
        labelled(app.multiselect, "Models beside").set_value([]).select(option).run()
    go(app, "classes")
    assert len(app.main.table[0].value) == 3
    unfold(go(app, "models"))
    assert len(set(app.main.table[0].value["Model"])) == 3
    figures = {f.proto.alt: json.loads(f.proto.spec) for f in app.get("plotly_chart")}
    assert not any(alt.startswith("mAP of each model") for alt in figures)  # of AudioSet's classes
    curves = next(figure for alt, figure in figures.items() if alt.startswith("Training loss"))
    assert len(curves["data"]) == 3


@pytest.mark.parametrize("labels", [("kettle",), ("kettle", "door")])
def test_models_of_few_classes_run_on_every_page(publish, labels):
    publish(f"few {labels}", labels)
    app = new_app()
    for page in PAGES:
        assert not go(app, page).exception and not app.error, page
    labelled(go(app, "attention").button_group, "Map of").set_value("occlusion").run()
    assert not app.exception and not app.error
    assert len(labelled(app.selectbox, "Class").options) == len(labels)


def test_each_class_is_chosen_by_its_name_and_has_its_own_figure(publish):
    publish("three classes", ("cat", "door", "dog"))
    app = go(new_app(), "attention")
    shown = set()
    for label in ("cat", "door", "dog"):
        labelled(app.selectbox, "Class").select(label).run()
        assert not app.exception and labelled(app.selectbox, "Class").value in range(3)
        shown.add(labelled(app.selectbox, "Class").value)
    assert shown == {0, 1, 2}
    go(app, "classes")
    for k, label in enumerate(("cat", "door", "dog")):
        labelled(app.selectbox, "Class").select(label).run()
        assert app.metric[0].value == f"0.{k + 1}00"
    go(app, "tag")
    labelled(app.multiselect, "Pin classes").select("door").run()
    assert labelled(app.multiselect, "Pin classes").value == ["door"]


def test_what_was_set_for_one_model_does_not_break_another(app, tmp_path, publish):
    publish("many", tuple(f"class {k}" for k in range(30)))
    publish("two classes", ("class 20", "other"))
    app = new_app()
    many, two = sorted(labelled(app.selectbox, "Model").options, key=lambda name: "two" in name)
    labelled(app.selectbox, "Model").select(many).run()
    labelled(app.slider, "Number of tags").set_value(25).run()
    labelled(app.multiselect, "Pin classes").set_value(["class 20", "class 29"]).run()
    labelled(go(app, "attention").selectbox, "Class").set_value(20).run()
    labelled(go(app, "classes").selectbox, "Class").set_value(20).run()
    labelled(app.selectbox, "Model").select(two).run()
    for page in PAGES:
        assert not go(app, page).exception and not app.error, page
    assert labelled(go(app, "tag").multiselect, "Pin classes").value in ([], ["class 20"])


def test_odd_names_run_on_every_page_and_are_shown_as_they_are(publish):
    publish("odd *x*", (ODD, "<i>", "%{y}"), set_name=ODD)
    publish("odd _y_", (ODD, "<i>", "%{y}"), seed=1, set_name=ODD)
    app = new_app()
    upload(app, f"{ODD}.wav".replace("/", "⁄"), wav())
    for page in PAGES:
        assert not go(app, page).exception and not app.error, page
        assert f"trained on {ODD}" in text(app)
        for figure in app.get("plotly_chart"):
            assert "<b>x" not in figure.proto.spec and "<i>" not in figure.proto.spec
    assert "&lt;b&gt;x" in go(app, "tag").get("html")[0].proto.body


def test_a_model_with_two_classes_of_one_name_is_left_out_with_the_reason(publish):
    publish("good", ("cat", "dog"))
    publish("equal", ("cat", "cat"))
    app = go(new_app(), "models")
    assert not app.exception and len(labelled(app.selectbox, "Model").options) == 1
    assert len(app.warning) == 1
    assert re.search(r"'equal' is damaged\. .*'cat'.*publish the model again", text(app))
    publish("good", ("cat", "cat"))
    app = new_app()
    assert len(app.error) == 1
    assert re.search(r"no model .*python -m train publish.*'equal'.*'good'", text(app))
