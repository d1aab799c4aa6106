"""What is saved: nothing unasked, nothing lost, and clips of one name told apart."""

import io
import json
import zipfile

from audioset_demo.export import file_stem
from tests.sounds import plucked_chord, wav
from tests.views.apptest import go, labelled, upload
from tests.views.test_downloads import make_zip, offered, rows  # noqa: F401, the second a fixture


def folders(offered) -> list[str]:  # noqa: F811
    with zipfile.ZipFile(io.BytesIO(offered["audioset_demo_results.zip"][0])) as archive:
        return sorted({name.split("/")[0] for name in archive.namelist()} - {"tags.csv"})


def test_the_sample_is_saved_where_it_was_asked_for_or_is_all_there_is(app, offered):  # noqa: F811
    make_zip(go(app, "visit"))
    assert folders(offered) == ["01_Speech_then_music_then_rain"]
    upload(go(app, "tag"), "dog.wav", wav())
    make_zip(go(app, "visit"))
    assert folders(offered) == ["01_dog"]
    assert {row["file"] for row in rows(offered["audioset_demo_tags.csv"][0].decode())} == {
        "dog.wav"
    }
    [button for button in app.button if button.label == "Choose"][0].click().run()
    make_zip(app)
    assert folders(offered) == ["01_Speech_then_music_then_rain", "02_dog"]


def test_clips_of_one_name_are_told_apart_in_every_file(app, offered):  # noqa: F811
    upload(app, "dog.wav", wav(1.0))
    first = set(offered)
    upload(app, "dog.wav", wav(2.0))
    assert first & {"dog.json", "dog.csv", "dog_events.csv"} <= first
    assert {"dog_2.json", "dog_2.csv", "dog_2_events.json", "dog_2.rttm"} <= set(offered)
    assert json.loads(offered["dog_2.json"][0])["file"] == "dog.wav (2)"
    offered.clear()
    go(app, "embeddings")
    assert "dog_2_embeddings.csv" in offered and "dog_2.csv" not in offered


def test_a_stem_keeps_the_number_of_its_clip():
    names = ["dog.wav", "dog.wav (2)", "a.b.wav", "no extension", "x (my.npz)", ".wav"]
    stems = ["dog", "dog_2", "a_b", "no_extension", "x_my", "clip"]
    assert [file_stem(name) for name in names] == stems


def test_folded_classes_keep_their_events(app, offered):  # noqa: F811
    upload(app, "chord.wav", plucked_chord())
    labelled(app.slider, "Events begin").set_value(0.1).run()
    before = {event["label"] for event in json.loads(offered["chord_events.json"][0])}
    labelled(app.toggle, "Children under").set_value(True).run()
    shown = next(frame.value for frame in app.dataframe if "Place in the ontology" in frame.value)
    assert before - set(shown["Class"])  # some of them are folded
    events = {event["label"] for event in json.loads(offered["chord_events.json"][0])}
    assert events == before
