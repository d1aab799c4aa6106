"""The app's pages, run without a browser: their text, and their reaction to bad input."""

import io
import json
import re
import subprocess
import sys

import numpy as np
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
from audioset_demo.views import cache
from audioset_demo.views.cache import limits, sounds
from tests.embeddings.test_isolation import CASES
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


def test_a_file_name_is_shown_as_it_is(app):
    name = "*a* [b](http:c) `d` $e$ <i>.wav"
    upload(app, name, wav())
    assert name in text(app)
    unescaped = re.sub(r"\\.", "", app.subheader[0].value)
    assert not set("*_[]()`$<>:") & set(unescaped)


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
    table = go(app, "models").table[0].value
    names = {model.card.title for model in published.published_models()}
    assert {name.removesuffix(" (default)") for name in table["Model"]} == names
    trained_on = table["Trained on"].str.replace("\\", "")  # Markdown's escapes
    assert set(trained_on) == {"bal_train (22,160 clips), balanced-only"}
    assert list(table)[2:] == ["mAP", "AUC", "d'", "mAP, full data"]
    assert all(code.value.startswith("python -m train") for code in app.main.code)


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
    go(app, "models")
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
    app = go(app, "models")
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
