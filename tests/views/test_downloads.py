"""What is saved is what is shown, made once; an error in a file reaches the visitor."""

import csv
import hashlib
import io
import json
import re
import threading
import zipfile
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import streamlit as st

from audioset_demo import export
from audioset_demo.embeddings import writing
from audioset_demo.embeddings.frames import ENCODER_TITLES
from audioset_demo.embeddings.reading import read_features
from audioset_demo.encoders import compact
from audioset_demo.encoders.vggish import weights
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.models.published import published_models
from audioset_demo.views import downloads, session
from audioset_demo.views.cache import loaded
from audioset_demo.views.turns import Stopped
from tests.sounds import wav
from tests.views.apptest import features, go, labelled, text, upload


@pytest.fixture
def offered(monkeypatch) -> dict[str, tuple[bytes, str]]:
    """By file name, the bytes and the type that the page that was run last gave Streamlit."""
    found = {}
    real = st.download_button

    def record(label, data, file_name, mime, **options):
        found[file_name] = data, mime
        return real(label, data, file_name, mime, **options)

    monkeypatch.setattr(st, "download_button", record)
    return found


def saved(offered: dict, page: str, app) -> dict[str, str | bytes]:
    """Every file that a page offers."""
    go(app, page)
    offered.clear()
    if page == "visit":
        make_zip(app)
    else:
        app.run()
    assert not app.exception and not app.error
    assert all(button.proto.url for button in app.get("download_button"))
    return {
        name: data.decode() if mime.startswith(("text/", "application/json")) else data
        for name, (data, mime) in offered.items()
    }


def make_zip(app):
    return labelled(app.button, "Make the ZIP").click().run()


def rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table)))


def shown_table(app, column: str):
    return next(frame.value for frame in app.dataframe if column in frame.value)


def sources(app) -> tuple[str, str]:
    """The encoder, and the model's title, that the page names."""
    return re.search(r"Encoder: (.+) · Model: (.+), trained on ", text(app)).groups()


def title_of(model: str) -> str:
    return session.models()[model].card.title


def check_tag(app, files) -> None:
    encoder, model = sources(app)
    shown = shown_table(app, "Place in the ontology")
    tags = json.loads(next(data for name, data in files.items() if name.endswith(".json")))
    table = rows(next(data for name, data in files.items() if name.endswith(".csv")))
    folded = labelled(app.toggle, "Children under").value
    names = [tag["label"] for tag in tags["tags"]]
    assert len(names) == labelled(app.slider, "Number of tags").value
    assert set(shown["Class"]) <= set(names) if folded else list(shown["Class"]) == names
    assert [row["label"] for row in table] == names
    scores = {tag["label"]: tag["score"] for tag in tags["tags"]}
    assert [scores[name] for name in shown["Class"]] == pytest.approx(
        list(shown["Score"]), rel=1e-4
    )
    assert f"{len(tags['frames']['times_s'])} frames of 0.96 s" in text(app)
    assert tags["encoder"] == encoder and title_of(tags["model"]) == model
    assert {(row["encoder"], title_of(row["model"])) for row in table} == {(encoder, model)}
    check_events(app, files)


def check_events(app, files) -> None:
    (name,) = (name for name in files if name.endswith("_events.json"))
    stem = name.removesuffix("_events.json")
    events = json.loads(files[name])
    shown = [frame.value for frame in app.dataframe if "Highest score" in frame.value]
    expected = (
        list(zip(shown[0]["From"], shown[0]["To"], shown[0]["Class"], strict=True)) if shown else []
    )
    assert [(e["start_s"], e["end_s"], e["label"]) for e in events] == [
        (pytest.approx(start), pytest.approx(end), label) for start, end, label in expected
    ]
    assert len(rows(files[f"{stem}_events.csv"])) == len(expected)
    assert files[f"{stem}.txt"].count("\n") == len(expected)
    assert files[f"{stem}.rttm"].count("SPEAKER") == len(expected)


def check_embeddings(app, files) -> None:
    n = int(re.search(r"(\d+) frames? × 128", text(app))[1])
    encoder, _ = sources(app)
    by_end = {name.rsplit(".", 1)[-1]: data for name, data in files.items()}
    table = rows(by_end["csv"])
    quantised = [[int(row[f"q{d}"]) for d in range(128)] for row in table]
    assert len(quantised) == n and {row["encoder"] for row in table} == {encoder}
    for end in ("npz", "h5"):
        with closing(read_features(by_end[end], f"saved.{end}")) as file:
            assert file[0].quantised.tolist() == quantised
            assert ENCODER_TITLES[file[0].encoder] == encoder
    (metadata,) = (data for name, data in files.items() if name.endswith("_metadata.tsv"))
    frames = [line.split("\t") for line in metadata.splitlines() if line.startswith("frame")]
    compared = labelled(app.selectbox, "Compare with").value
    assert len({name for _, name, _ in frames}) == (2 if compared else 1)
    assert sum(name == app.subheader[0].value.replace("\\", "") for _, name, _ in frames) == n


def check_visit(app, files) -> None:
    clips = re.findall(r"\*\*(.+)\*\* · ([\d.]+) s", text(app))
    top = [
        [(name, float(score)) for name, score in re.findall(r"(?:^| · )(.+?) (\d\.\d\d)", line)]
        for line in text(app).splitlines()
        if re.fullmatch(r"(.+ \d\.\d\d · ){3}.+ \d\.\d\d", line)
    ]
    assert clips and len(clips) == len(top)
    encoder, model = sources(app)
    table = rows(files["audioset_demo_tags.csv"])
    marked = next(line for line in text(app).splitlines() if ":primary[chosen]" in line)
    threshold = labelled(app.slider, "Events begin").value
    with zipfile.ZipFile(io.BytesIO(files["audioset_demo_results.zip"])) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert contents["tags.csv"].decode() == files["audioset_demo_tags.csv"]
    # The first sample is listed, but nobody asked for it.
    clips, top = clips[1:], top[1:]
    for number, ((name, seconds), tags) in enumerate(zip(clips, top, strict=True), start=1):
        own = {
            path.split("/")[1]: data
            for path, data in contents.items()
            if path.startswith(f"{number:02}_")
        }
        record = json.loads(own["tags.json"])
        assert record["file"] == name and f"{record['duration_s']:.2f}" == seconds
        assert title_of(record["model"]) == model
        assert [(t["label"], round(t["score"], 2)) for t in record["tags"]][:4] == [
            (label, pytest.approx(score, abs=0.006)) for label, score in tags
        ]
        assert [row["label"] for row in table if row["file"] == name] == [
            tag["label"] for tag in record["tags"]
        ]
        events = json.loads(own["events.json"])
        assert all(event["score"] >= threshold for event in events)
        reach = {
            label
            for label, scores in record["frames"]["scores"].items()
            if max(scores) >= threshold
        }
        assert {event["label"] for event in events} == reach
        with np.load(io.BytesIO(own["embeddings.npz"])) as arrays:
            assert len(arrays["quantised"]) == len(record["frames"]["times_s"])
    for number, (name, _) in enumerate(clips, start=1):
        (path,) = (p for p in contents if p.startswith(f"{number:02}_") and p.endswith("tags.json"))
        if f"**{name}** · " in marked:
            assert json.loads(contents[path])["encoder"] == encoder


def check_classes(app, files) -> None:
    shown = shown_table(app, "AP")
    table = rows(files["classes.csv"])
    assert [row["Class"] for row in table] == list(shown["Class"])
    assert [float(row["AP"]) for row in table] == pytest.approx(list(shown["AP"]), nan_ok=True)


def check_encoder(app, files) -> None:
    assert files["sounds.csv"].count("\n") > 1


CHECKS = {
    "tag": check_tag,
    "embeddings": check_embeddings,
    "visit": check_visit,
    "classes": check_classes,
    "encoder": check_encoder,
}


def set_hop(app) -> None:
    labelled(app.selectbox, "Hop").set_value(0.12).run()


def choose(box: str, value, page: str = "tag"):
    def do(app) -> None:
        labelled(go(app, page).selectbox, box).set_value(value).run()

    return do


def choose_another_model(app) -> None:
    other = next(model for model in published_models() if not model.is_default)
    choose("Model", other.name)(app)


def pick(collection: str, label: str, value, page: str = "tag"):
    """Set a widget of a page."""

    def do(app) -> None:
        labelled(getattr(go(app, page), collection), label).set_value(value).run()

    return do


def open_embeddings(app) -> None:
    upload(app, "clips.h5", features("first", "second"))
    labelled(app.selectbox, "Clip of 2").set_value(1).run()


def compare(app) -> None:
    labelled(go(app, "embeddings").selectbox, "Compare with").select_index(0).run()


CONTROLS = {
    "nothing": lambda app: None,
    "hop": set_hop,
    "tail": choose("Tail", "drop"),
    "encoder": choose("Encoder", "compact"),
    "model": choose_another_model,
    "threshold": pick("slider", "Events begin", 0.1),
    "threshold on the visit": pick("slider", "Events begin", 0.8, "visit"),
    "number of tags": pick("slider", "Number of tags", 3),
    "pinned classes": pick("multiselect", "Pin classes", ["Whistling", "Speech"]),
    "children under parents": pick("toggle", "Children under", True),
    "clip of an embeddings file": open_embeddings,
    "compared clip": compare,
    "class explained": choose("Class", 0, "attention"),
    "occlusion": pick("button_group", "Map of", "occlusion", "attention"),
    "search": pick("text_input", "Search by", "siren", "classes"),
    "sort": choose("Sort by", "Name", "classes"),
}


class OtherEncoder:
    """Stands in for VGGish: embeddings that are not those of the compact encoder."""

    def encode(self, sound, hop_s=0.96, progress=None, **options):
        found = compact.CompactEncoder().encode(sound, hop_s, progress, **options)
        return replace(found, quantised=255 - found.quantised, encoder="vggish")


@pytest.mark.parametrize("control", CONTROLS)
def test_what_is_saved_is_what_is_shown(app, offered, monkeypatch, control):
    # Two encoders to choose from: VGGish is the default if it is installed.
    monkeypatch.setattr(weights, "is_installed", lambda: True)
    monkeypatch.setattr(weights, "require_network", lambda: None)
    real = loaded.load_encoder
    monkeypatch.setattr(
        loaded, "load_encoder", lambda name: OtherEncoder() if name == "vggish" else real(name)
    )
    upload(app, "kettle.wav", wav(3.0))
    CONTROLS[control](app)
    for page, check in CHECKS.items():
        check(app, saved(offered, page, app))


def test_an_error_in_a_file_is_shown_with_its_remedy_and_is_not_kept(app, offered, monkeypatch):
    reason = "kettle.wav cannot be read again. Open it once more."

    def fail(*_):
        raise AudioSetDemoError(reason)

    def shown() -> list[str]:
        assert not app.exception
        return [error.value.replace("\\", "") for error in app.error]

    with monkeypatch.context() as patch:
        patch.setattr(export, "results_zip", fail)
        patch.setattr(export, "tagging_csv", fail)
        upload(app, "kettle.wav", wav())
        assert shown() == [reason] and "kettle.json" in offered and "kettle.csv" not in offered
        make_zip(go(app, "visit"))
        assert shown() == [reason]
        app.run()
        assert not shown()
    files = saved(offered, "visit", app)
    assert files["audioset_demo_results.zip"].startswith(b"PK")
    go(app, "tag")
    assert not shown() and "kettle.csv" in offered


def test_a_bug_in_a_file_is_shown_too(app, monkeypatch):
    upload(app, "kettle.wav", wav())
    with monkeypatch.context() as patch:
        patch.setattr(export, "results_zip", lambda *_: 1 / 0)
        assert make_zip(go(app, "visit")).exception
    assert not make_zip(app.run()).exception


def test_a_run_makes_no_file_that_is_made_already(app, offered, monkeypatch):
    upload(app, "kettle.wav", wav())
    before = {page: saved(offered, page, app) for page in CHECKS}
    with monkeypatch.context() as patch:
        for made in ("tagging_json", "tagging_csv", "events_json", "results_zip"):
            patch.setattr(export, made, lambda *_: 1 / 0)
        for made in ("embeddings_npz", "embeddings_csv", "embeddings_hdf5", "projector_tsv"):
            patch.setattr(writing, made, lambda *_: 1 / 0)
        for page in CHECKS:
            offered.clear()
            assert not go(app, page).exception
            assert set(offered) == set(before[page])
    labelled(app.selectbox, "Hop").set_value(0.48).run()
    after = {page: saved(offered, page, app) for page in CHECKS}
    for name, content in before["tag"].items():
        assert name.endswith(".rttm") or not content or after["tag"][name] != content


def test_the_type_of_a_file_holds_its_hash(app, offered):
    saved(offered, "embeddings", app)
    assert len(offered) == 5
    for data, mime in offered.values():
        assert mime.endswith(f"; sha256={hashlib.sha256(data).hexdigest()}")


def test_making_the_zip_can_be_stopped(app, monkeypatch):
    begun, stop = threading.Event(), threading.Event()

    def never(results, *_):
        begun.set()
        assert stop.wait(60)
        list(results)  # reports progress

    monkeypatch.setattr(export, "results_zip", never)
    made = []
    real = downloads.Work
    monkeypatch.setattr(downloads, "Work", lambda do: made.append(real(do)) or made[-1])
    monkeypatch.setattr(downloads, "finish", lambda work, what, on_stop: on_stop() or st.stop())
    make_zip(go(app, "visit"))
    assert begun.wait(60)
    stop.set()
    with pytest.raises(Stopped):
        assert made[0].wait(60) and made[0].result()
    assert labelled(app.run().button, "Make the ZIP")
