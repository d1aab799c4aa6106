"""Figures from arrays: what they show is what was measured, and they stay small."""

import html

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audioset_demo.charts import embeddings, one_class, recordings, results
from audioset_demo.charts.thinning import joined_edges, shrink, thinned
from audioset_demo.embeddings.frames import FRAME_S, Embeddings, frame_edges

rng = np.random.default_rng(0)


def traces(figure, kind):
    return [trace for trace in figure.data if trace.type == kind]


@given(arrays(np.float32, (st.integers(1, 200)).map(lambda n: (n, 3))), st.integers(1, 50))
def test_shrinking_keeps_peaks_and_leaves_short_arrays_alone(values, columns):
    values = np.nan_to_num(values)
    small = shrink(values, columns)
    assert len(small) <= columns
    np.testing.assert_array_equal(small.max(axis=0), values.max(axis=0))
    if len(values) <= columns:
        assert small is values


@given(st.integers(1, 5_000))
def test_thinned_frames_are_ordered_and_few(n):
    kept = thinned(n)
    assert kept[0] == 0 and kept[-1] < n and len(kept) == min(n, 300)
    assert (np.diff(kept) > 0).all()


@given(
    n_frames=st.integers(1, 50),
    blocks=st.integers(1, 50),
    hop=st.integers(1, 96),
    beyond=st.floats(-0.9, 3),
)
def test_frame_edges_enclose_the_frames_and_end_with_the_clip(n_frames, blocks, hop, beyond):
    times_s = np.arange(n_frames) * hop / 100
    whole_s = float(times_s[-1] + FRAME_S)
    duration_s = whole_s + min(0, beyond) * hop / 100 + max(0, beyond)
    edges = joined_edges(times_s, duration_s, blocks)
    assert len(edges) == min(blocks, n_frames) + 1 and (np.diff(edges) > 0).all()
    assert edges[0] == 0 and edges[-1] == min(whole_s, duration_s)
    # Each border between two frames is as far from the centre of the one as of the other.
    borders = frame_edges(times_s, duration_s)[1:-1]
    centres = times_s + FRAME_S / 2
    np.testing.assert_allclose(borders, (centres[:-1] + centres[1:]) / 2)


def test_a_duration_before_the_last_frame_is_ignored():
    edges = frame_edges(np.array([0, 0.96, 1.92]), 0.5)
    np.testing.assert_allclose(edges, [0, 0.96, 1.92, 2.88])


def test_a_last_dimension_at_its_limits_does_not_set_the_colours():
    values = rng.integers(100, 150, (10, 128)).astype(np.uint8)
    values[:, -1] = 255
    picture = embeddings.embedding_picture(values, np.arange(10) * FRAME_S, 9.6, "Quantised").data[
        0
    ]
    assert 100 <= picture.zmin < picture.zmax <= 150
    np.testing.assert_array_equal(picture.z, values.T)


@given(arrays(np.float64, (6, 2), elements=st.floats(-100, 100)))
def test_names_on_the_map_never_overlap(points):
    figure = embeddings.class_map(
        points, list("abcdef"), points[:2], np.arange(2.0), range(6), np.array([0.3, 0.2])
    )
    heights = np.sort([note.ay for note in figure.layout.annotations])
    assert {note.text for note in figure.layout.annotations} == set("abcdef")
    assert (np.diff(heights) >= 0.069 * np.ptp(points[:, 1])).all()


def test_a_model_without_a_published_figure_has_one_dot():
    figure = results.results_dots(["A", "B"], {"ours": [0.2, 0.3], "theirs": [0.4, None]}, "mAP")
    line_of_b = [trace for trace in figure.data if trace.mode == "lines"][1]
    assert list(line_of_b.x) == [0.3]


def test_learning_curves_differ_without_colour():
    figure = results.learning_curves({name: ([1, 2], [3, 4]) for name in "abcdef"}, "mAP")
    assert len({trace.line.dash for trace in figure.data}) == 6


def two_frames(name: str) -> Embeddings:
    return Embeddings("compact", np.array([0, FRAME_S]), None, None, None, 2 * FRAME_S, name)


ODD = "<b>x</b> & $y$ %{x} &lt;"
FIGURES = {
    "similarity": lambda names: embeddings.similarity_picture(
        np.ones((2, 2)), two_frames("clip"), two_frames(names[0])
    ),
    "map": lambda names: embeddings.class_map(
        np.eye(2), names, np.eye(2), np.arange(2.0), [0, 1], np.array([0.3, 0.2])
    ),
    "dots": lambda names: results.results_dots(names, {"mAP": [0.1, 0.2]}, "mAP"),
    "gains": lambda names: results.gains(names, [0.1, 0.2], 0.01),
    "curves": lambda names: results.learning_curves(
        {name: ([1, 2], [3, 4]) for name in names}, "mAP"
    ),
}


@pytest.mark.parametrize("figure", FIGURES)
def test_names_are_drawn_as_they_are_written(figure):
    drawn = list(texts(FIGURES[figure]([ODD, "Siren"]).to_plotly_json()))
    assert not any("<b>" in text or "&lt; " in text for text in drawn)
    assert any(ODD in html.unescape(text) for text in drawn)
    # What is put into a template is not read as one.
    assert not any("%{x} &" in text and "<extra>" in text for text in drawn)


def texts(part):
    """Every text in a figure."""
    if isinstance(part, dict):
        part = part.values()
    elif isinstance(part, str):
        yield part
        return
    elif not isinstance(part, list | tuple | np.ndarray):
        return
    for inner in part:
        yield from texts(inner)


def test_rows_with_equal_names_are_drawn_separately():
    for figure in (
        results.results_dots(["A", "A"], {"mAP": [0.2, 0.3]}, "mAP"),
        results.gains(["A", "A"], [0.1, 0.2], 0.01),
    ):
        assert len(set(figure.data[-1].y)) == 2
        assert list(figure.layout.yaxis.ticktext) == ["A", "A"]


def test_more_lines_of_training_lengthen_the_list_not_the_plot():
    def over_training(n: int):
        line = np.array([1500, 3000]), np.array([0.5, 0.6])
        return one_class.ap_over_training({f"model {k}": line for k in range(n)})

    few, many = over_training(2), over_training(8)
    plots = [figure.layout.height - figure.layout.margin.b for figure in (few, many)]
    assert plots[0] == plots[1]
    assert len({(line.line.color, line.marker.symbol) for line in many.data}) == 8


def test_the_map_of_finds_names_as_many_recordings_as_fit():
    def named(n: int) -> list[str]:
        names = [f"recording {k}.wav" for k in range(n)]
        figure = recordings.find_map(["Rain"], names, np.ones((1, n), int), "Recording", 0)
        return list(figure.layout.xaxis.ticktext)

    assert len(named(8)) == 8
    assert 10 <= len(named(60)) <= recordings.MOST_NAMES
