"""The page on attention: the map, the way to a score, and what carries a class."""

import csv
import io

import pytest

from tests.sounds import wav
from tests.views.apptest import go, labelled, text, upload


def figure_names(app) -> list[str]:
    return [chart.proto.id.rsplit("-", 1)[-1] for chart in app.get("plotly_chart")]


def saved(app, name: str) -> bytes:
    return app.session_state["files of explanation"][1][name][0]


def test_what_is_saved_is_what_the_map_shows(app):
    go(app, "attention")
    rows = list(csv.DictReader(io.StringIO(saved(app, "CSV").decode())))
    assert len(rows) == 10 * 10  # ten classes, ten frames
    of_first = [row for row in rows if row["label"] == rows[0]["label"]]
    assert sum(float(row["attention_weight"]) for row in of_first) == pytest.approx(1, abs=1e-4)
    assert {row["score_drop"] for row in rows} == {""}


def test_strands_are_shown_where_a_model_has_them(app):
    go(app, "attention")
    for name, words in (
        ("feature_attention", "The hidden units that carry the class"),
        ("multi_attention", "Each of the two hidden layers has its own attention"),
    ):
        labelled(app.selectbox, "Model").set_value(name).run()
        assert words in text(app) and "strands" in figure_names(app)
    labelled(app.selectbox, "Model").set_value("average").run()
    assert "strands" not in figure_names(app) and "waterfall" in figure_names(app)
    assert not app.exception


def test_two_models_are_compared_by_frames_and_clips_of_unlike_length_by_scores(app):
    upload(app, "short.wav", wav(seconds=3.0))
    upload(app, "long.wav", wav(seconds=5.0))
    go(app, "attention")
    labelled(app.selectbox, "Map the difference").set_value("model average").run()
    assert not app.exception and "Difference: Average pooling minus what is shown" in text(app)
    assert "difference chart" not in figure_names(app)
    short = next(clip for clip in app.session_state["kept"].values() if clip.name == "short.wav")
    labelled(app.selectbox, "Map the difference").set_value(f"clip {short.key}").run()
    assert not app.exception and "short.wav has another length" in text(app)
    assert "difference chart" in figure_names(app)
