"""The app's pages, run without a browser: their text, and their reaction to bad input."""

import json
import re
import subprocess
import sys

import pytest
import torch
from streamlit.testing.v1 import AppTest

from audioset_demo import load_tagger
from audioset_demo.audio.samples import synthesise
from audioset_demo.encoders import silent_frame
from audioset_demo.encoders.compact import compact_card
from audioset_demo.models import experiments, published
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import save_checkpoint
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from tests.sounds import wav
from tests.views.apptest import PAGES, ROOT, features, go, labelled, new_app, text, unfold, upload


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_full_on_the_first_visit_and_names_encoder_and_model(app, page):
    go(app, page)
    assert not app.exception and not app.error
    assert re.search(r"Encoder: compact encoder \(not VGGish\) · Model: .+, trained on ", text(app))
    assert "Speech, then music, then rain" in text(app)


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_has_words_for_those_who_do_not_see_it(app, page):
    go(app, page)
    words = [chart.proto.alt for chart in app.get("plotly_chart")]
    words += [json.loads(player.proto.json)["alt"] for player in app.main.get("bidi_component")]
    assert (words or page in ("visit", "own_classes")) and all(len(alt) > 20 for alt in words)


def listed(app: AppTest) -> list[str]:
    """Names of the clips on the page of the visit, from the top."""
    shown = (re.match(r"\*\*(.+)\*\* · [\d.]+ s", line) for line in text(app).splitlines())
    return [match[1] for match in shown if match]


def test_clips_of_a_visit_are_listed_chosen_removed_and_put_back(app):
    files = app.get("file_uploader")[0]
    files.upload("one.wav", wav(2.0)).upload("bad.wav", b"text")
    app.run()
    assert any("bad" in error.value for error in app.error)
    upload(app, "two.wav", wav(3.0))
    go(app, "visit")
    assert listed(app) == ["Speech, then music, then rain", "one.wav", "two.wav"]
    assert "3.00 s · :primary[chosen]" in text(app)

    def press(label: str, which: int = 0) -> None:
        [button for button in app.button if button.label.replace("\\", "") == label][which].click()
        app.run()

    press("Choose", 1)
    assert "2.00 s · :primary[chosen]" in text(app)
    press("Remove", 1)  # the chosen one: the last of the others takes its place
    assert listed(app) == ["Speech, then music, then rain", "two.wav"]
    assert "3.00 s · :primary[chosen]" in text(app)
    press("Put one.wav back")
    assert listed(app)[-1] == "one.wav" and "2.00 s · :primary[chosen]" in text(app)
    for _ in range(3):
        press("Remove")
    assert listed(app) == ["Speech, then music, then rain"] and not app.exception


def test_two_clips_are_compared(app):
    upload(app, "kettle.wav", wav())
    go(app, "embeddings")
    compared = labelled(app.selectbox, "Compare with")
    assert compared.options == ["Speech, then music, then rain"]
    compared.select_index(0).run()
    assert not app.exception and "Cosine of the clips as wholes" in text(app)
    upload(app, "other.wav", wav(3.0))  # the comparison stays
    assert not app.exception and "Cosine of the clips as wholes" in text(app)


def test_a_pinned_class_stays_in_view_and_an_event_needs_its_threshold(app):
    pins = labelled(app.multiselect, "Pin classes")
    pins.set_value(["Whistling"]).run()
    upload(app, "kettle.wav", wav())
    pins = labelled(app.multiselect, "Pin classes")
    assert pins.value == ["Whistling"] and not app.exception
    threshold = labelled(app.slider, "Events begin")
    threshold.set_value(0.98).run()
    assert "No class reaches 0.98 in any frame" in text(app)
    threshold.set_value(0.02).run()
    events = next(frame.value for frame in app.dataframe if "Highest score" in frame.value)
    assert (events["Highest score"] >= 0.02).all() and (events["From"] < events["To"]).all()


def test_contributions_add_up_in_the_numbers_shown(app):
    go(app, "attention")
    number = r"(-?\d+\.\d+)"
    shown = re.findall(rf"contributions {number} \+ constant {number} = \w+ {number}", text(app))
    assert shown
    for parts, constant, total in shown:
        assert float(parts) + float(constant) == pytest.approx(float(total), abs=2e-4)


def table_of_the_frame(app: AppTest):
    return app.main.table[0].value


def test_silencing_frames_shows_whether_attention_is_faithful(app):
    go(app, "attention")
    assert "Score drop if silenced" not in table_of_the_frame(app)
    labelled(app.multiselect, "Models beside it").set_value(["single_attention"]).run()
    labelled(app.button_group, "Map of").set_value("occlusion").run()
    assert not app.exception
    assert re.findall(r"attention: [+-]\d\.\d\d, contribution: [+-]\d\.\d\d", text(app))
    player = json.loads(app.get("bidi_component")[0].proto.json)
    names = [curve["name"] for curve in player["curves"]]
    assert len(names) == 8 and names[3::4] == ["Score drop"] * 2  # the last of each model's four
    assert player["classes"]["of"] == "Score drop"
    tagger = load_tagger(encoder="compact")
    embeddings = tagger.encode(synthesise("sequence"))
    drops = tagger.occlude(
        embeddings, silent_frame(tagger.encoder), tagger.tag(embeddings).top(1)
    )  # fmt: skip
    frame = labelled(app.select_slider, "Frame that starts at")
    for index in (0, 8):
        frame.set_value(index).run()
        shown = float(table_of_the_frame(app)["Score drop if silenced"][0])
        assert shown == pytest.approx(drops[index, 0], abs=6e-4)


def test_overlapping_frames_show_more_finely_when(app):
    every = labelled(app.selectbox, "Hop")
    every.set_value(0.12).run()
    assert "10.00 s · 76 frames of 0.96 s, one every 0.12 s" in text(app)
    go(app, "attention")
    labelled(app.select_slider, "Frame that starts at").set_value(70).run()
    assert "Frame 70: 8.40 to 9.36 s" in text(app)
    every = labelled(app.selectbox, "Hop")
    every.set_value(0.96).run()
    assert not app.exception
    (frame, start) = re.search(r"Frame (\d): (\d\.\d\d) to ", text(app)).groups()
    assert float(start) == pytest.approx(0.96 * int(frame))


def test_frames_of_an_embeddings_file_are_left_out_instead(app):
    upload(app, "clips.h5", features("first", "second", n_frames=(10, 1)))
    labelled(go(app, "attention").button_group, "Map of").set_value("occlusion").run()
    assert not app.exception and "Score drop if left out" in table_of_the_frame(app)
    labelled(app.selectbox, "Clip of 2").set_value(1).run()
    assert not app.exception and not app.error


def test_vggish_not_installed_is_explained_and_nothing_breaks(app):
    labelled(app.selectbox, "Encoder").set_value("vggish").run()
    assert not app.exception and "audioset-demo weights get" in text(app)
    assert "Download VGGish" in [button.label for button in app.button]
    labelled(app.selectbox, "Encoder").set_value("compact").run()
    assert not app.error and app.get("html")


def test_a_search_among_classes_finds_by_place_in_the_ontology(app):
    go(app, "classes").text_input[0].set_value("musical instrument").run()
    table = app.dataframe[0].value
    assert 20 < len(table) < 527
    assert table["Place"].str.contains("Musical instrument").mean() > 0.8
    assert list(table["AP"]) == sorted(table["AP"], reverse=True)
    app.text_input[0].set_value("no such sound").run()
    assert "No class has" in text(app) and not app.exception


def test_models_are_compared_with_published_figures_and_say_which_is_which(app):
    table = unfold(go(app, "models")).table[0].value
    names = {model.card.title for model in published.published_models()}
    assert {name.removesuffix(" (default)") for name in table["Model"]} == names
    trained_on = table["Trained on"].str.replace("\\", "")  # Markdown's escapes
    assert set(trained_on) == {"bal_train (22,160 clips), balanced-only"}
    assert list(table)[2:] == ["mAP", "AUC", "d'", "mAP, full data"]
    commands = [code.value for code in app.main.code]
    assert len(commands) >= len(names)
    assert all(command.startswith("python -m train") for command in commands)


def test_the_compact_encoder_says_what_it_is_and_how_well_it_does(app):
    app = unfold(go(app, "encoder"))
    shown = text(app)
    assert "It is not VGGish" in shown
    judged = compact_card()["held_out"]["figures"]
    figures = next(table.value for table in app.table if "Top 1" in table.value)
    assert list(figures["Top 1"]) == [
        f"{100 * scored['all']['top1']:.1f}\N{NO-BREAK SPACE}%" for scored in judged.values()
    ]
    assert any("not VGGish's" in caution.value for caution in go(app, "embeddings").info)


def test_ensembles_and_ablations_are_shown_as_they_were_measured(app):
    unfold(go(app, "models"))
    tables = [table.value for table in app.main.table]
    averaged, compared = experiments.averages(), experiments.ablations()
    assert averaged and compared
    for table, record in zip(tables[1:], averaged.values(), strict=False):
        assert list(table["mAP"]) == [f"{row['mAP']:.3f}" for row in record["rows"]]
    for table, rows in zip(tables[1 + len(averaged) : -1], compared.values(), strict=True):
        assert list(table["Setting"]) == [row["setting"] for row in rows]


def test_a_figure_without_a_finite_value_is_a_dash(app, monkeypatch):
    row = {"name": "perfect", "mAP": 1.0, "AUC": 1.0, "d_prime": None}
    record = {"rows": [row], "set": "eval", "command": "python -m train average"}
    monkeypatch.setattr(experiments, "averages", lambda: {"One model": record})
    app = unfold(go(app, "models"))
    assert not app.exception
    averaged = app.main.table[1].value
    assert [list(averaged[column]) for column in ("mAP", "AUC", "d'")] == [
        ["1.000"],
        ["1.000"],
        ["–"],
    ]


def test_a_model_of_ones_own_classes_runs_on_every_page(app, tmp_path, monkeypatch):
    torch.manual_seed(0)
    settings = ModelSettings("single_attention", n_classes=3, hidden_units=8)
    model = TaggingModel(settings).eval()
    card = ModelCard(
        "own",
        settings,
        1,
        labels=("kettle", "cat", "door"),
        training={"set": "my sounds"},
        metrics={"eval": {"AUC": 0.9}, "validation": {"runs": 1}},
    )
    folder = tmp_path / "models" / "own"
    save_checkpoint(folder / published.CHECKPOINT_FILE, model, card)
    measured = "index,mid,name,ap,auc\n0,,kettle,0.5,0.9\n1,,cat,nan,nan\n"
    (folder / published.PER_CLASS_FILE).write_text(measured)
    (folder / published.LEARNING_CURVE_FILE).write_text("iteration,loss\n50,0.1\n")
    monkeypatch.setattr(published, "MODELS_DIR", tmp_path / "models")
    published.published_models.cache_clear()
    try:
        for page in PAGES:
            app = new_app()
            assert not go(app, page).exception and not app.error, page
        assert "trained on my sounds" in text(app)
        go(app, "classes")
        figures = []
        for name in card.labels:
            labelled(app.selectbox, "Class").select(name).run()
            figures += [app.metric[0].value, *app.main.table[0].value["Average precision"]]
        assert figures == ["0.500", "0.5000", *["not measured"] * 4]
        go(app, "models")
        (row,) = app.main.table[0].value.to_dict("records")
        assert (row["Trained on"], row["mAP"], row["AUC"]) == ("my sounds", "–", "0.900")
    finally:
        monkeypatch.undo()
        published.published_models.cache_clear()


def test_without_any_model_the_app_says_what_to_do(app, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "MODELS_DIR", tmp_path)
    published.published_models.cache_clear()
    try:
        app = new_app()
        assert not app.exception and "python -m train publish" in text(app)
    finally:
        monkeypatch.undo()
        published.published_models.cache_clear()


def test_tensorflow_is_never_imported_by_the_app():
    script = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app.py', default_timeout=180).run()\n"
        f"for page in {PAGES}: app.switch_page(f'audioset_demo/views/pages/{{page}}.py').run()\n"
        "assert not app.exception, app.exception\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
