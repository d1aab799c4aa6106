"""Figures of classes: points carry their class, and names are drawn as they are written."""

import html

import numpy as np
import pytest

from audioset_demo.charts import classes, one_class
from audioset_demo.evidence.ontology import Node
from tests.charts.test_charts import ODD, texts, traces


def test_scatter_leaves_out_classes_that_a_log_axis_cannot_show():
    figure = classes.precision_scatter(
        list("abcd"), np.array([10, 0, 1000, 5]), np.array([0.1, 0.2, 0.3, np.nan]), 2, "Clips"
    )
    points, chosen = figure.data
    assert list(points.customdata) == [0, 2] and list(points.x) == [10, 1000]
    assert list(chosen.customdata) == [2]


def test_points_stand_over_the_bars_of_their_class():
    figure = classes.precision_by_rank(
        list("abc"), np.array([10, 100, 1]), np.array([0.5, 0.25, 1.0]), 0, "Clips"
    )
    (bars,), (points, chosen) = traces(figure, "bar"), traces(figure, "scatter")
    place = dict(zip(bars.customdata, bars.x, strict=True))
    assert [place[k] for k in points.customdata] == list(points.x) == [2, 1, 3]
    assert list(chosen.customdata) == [0] and bars.yaxis != points.yaxis
    assert list(figure.layout.xaxis2.ticktext) == list("bac")


def test_only_what_is_beyond_chance_is_coloured():
    values, beyond = np.array([0.1, -0.2, 0.01]), np.array([True, True, False])
    figure = classes.differences(
        list("abc"), np.arange(3), values, (values - 0.02, values + 0.02), beyond, 0
    )
    drawn = {trace.name: list(trace.customdata) for trace in figure.data if trace.name}
    assert drawn == {"Within chance (1)": [2], "Better (1)": [0], "Worse (1)": [1]}


FIGURES = {
    "scatter": lambda names: classes.precision_scatter(
        names, np.array([1, 10]), np.array([0.1, 0.2]), 0, "Clips"
    ),
    "ranks": lambda names: classes.precision_by_rank(
        names, np.array([1, 10]), np.array([0.1, 0.2]), 0, "Clips"
    ),
    "quality": lambda names: classes.precision_by_quality(
        names, np.ones(2), (np.zeros(2), np.ones(2)), np.ones(2), 0
    ),
    "differences": lambda names: classes.differences(
        names, np.arange(2), np.ones(2), (np.zeros(2), np.ones(2)), np.ones(2, bool), 0
    ),
    "ontology": lambda names: classes.ontology(
        [Node(name, 0, k, 1, 1, 0.5) for k, name in enumerate(names)], names[1]
    ),
    "models": lambda names: one_class.model_intervals(names, [0.1, 0.2], [(0.0, 0.2), None], 1),
}


@pytest.mark.parametrize("figure", FIGURES)
def test_names_are_drawn_as_they_are_written(figure):
    drawn = list(texts(FIGURES[figure]([ODD, "Siren"]).to_plotly_json()))
    drawn = [text for text in drawn if text != ODD]  # identities, which are not drawn
    assert not any("<b>" in text or "&lt; " in text for text in drawn)
    assert any(ODD in html.unescape(text) for text in drawn)


def test_the_threshold_is_marked_on_the_curves():
    recall, precision = np.array([0.1, 0.5, 1.0]), np.array([1.0, 0.5, 0.1])
    marked = one_class.precision_recall(recall, precision, 1, 0.01).data[-1]
    assert (list(marked.x), list(marked.y)) == ([0.5], [0.5])
    marked = one_class.roc(precision[::-1], recall, 2).data[-1]
    assert (list(marked.x), list(marked.y)) == ([1.0], [1.0])
