"""Figures that Plotly does not check are valid, and as Plotly would make them."""

import json

import numpy as np
import plotly.graph_objects as go
import plotly.io
import pytest

from audioset_demo.audio.samples import synthesise
from audioset_demo.charts import embeddings as charts
from audioset_demo.charts import explanation
from audioset_demo.charts.style import SCORE_COLOURS
from audioset_demo.tagging import load_tagger

NAMES = ["a", "b", "c"]
rng = np.random.default_rng(0)
points = rng.normal(size=(3, 2))
cosine = rng.uniform(-1, 1, (5, 5))


@pytest.fixture(scope="module")
def tagger():
    return load_tagger("multi_attention", encoder="compact")


@pytest.fixture(scope="module")
def clip(tagger):
    return tagger.encoder.encode(synthesise("siren"))


def class_map(clip, other):
    return charts.class_map(
        points, NAMES, rng.normal(size=(5, 2)), np.arange(5.0), [0, 2], np.array([0.3, 0.2]), other
    )


FIGURES = {
    "numbers": lambda tagger, clip: charts.embedding_picture(
        clip.quantised, clip.times_s, clip.duration_s, "Quantised"
    ),
    "with itself": lambda tagger, clip: charts.similarity_picture(cosine, clip),
    "with another": lambda tagger, clip: charts.similarity_picture(cosine, clip, clip),
    "map": lambda tagger, clip: class_map(clip, None),
    "map of two": lambda tagger, clip: class_map(clip, points),
    "steps": lambda tagger, clip: explanation.waterfall(tagger.tag_features(clip.quantised), 3),
    "strands": lambda tagger, clip: explanation.strand_map(
        tagger.strands(clip, 3), tagger.tag_features(clip.quantised)
    ),
    "differences": lambda tagger, clip: explanation.score_differences(
        tagger.tag_features(clip.quantised), tagger.tag_features(clip.quantised), [0, 1]
    ),
}


@pytest.mark.parametrize("figure", FIGURES)
def test_an_unchecked_figure_is_as_plotly_would_make_it(tagger, clip, figure):
    made = FIGURES[figure](tagger, clip)
    assert not made._validate
    sent = made.to_dict()
    checked = go.Figure(sent["data"], sent["layout"]).to_dict()
    assert plain(sent) == plain(checked)


def plain(figure: dict) -> dict:
    """The JSON of a figure, where its colours have no name."""
    text = plotly.io.to_json(figure, validate=False)
    scale = json.dumps(go.Heatmap(colorscale=SCORE_COLOURS).colorscale, separators=(",", ":"))
    return json.loads(text.replace(f'"{SCORE_COLOURS}"', scale))
