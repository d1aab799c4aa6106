"""Maps and steps hold the tagging's own numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.charts.explanation import MAX_STEPS, class_map, difference_map, waterfall
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.tagging import load_tagger


@pytest.fixture(scope="module")
def tagger():
    return load_tagger("feature_attention", encoder="compact")


def tagged(tagger, n_frames):
    frames = np.random.default_rng(n_frames).integers(0, 256, (n_frames, 128), np.uint8)
    return tagger.tag_features(frames)


@given(n_frames=st.integers(1, 40), k=st.integers(0, 526))
def test_the_steps_of_a_waterfall_lead_from_the_constant_to_the_logit(tagger, n_frames, k):
    tagging = tagged(tagger, n_frames)
    (bars,) = waterfall(tagging, k).data
    steps, total = np.array(bars.y[:-1]), bars.y[-1]
    bases = np.array(bars.base, dtype=float)
    assert bars.y[0] == pytest.approx(tagging.constants[k], abs=1e-6)
    np.testing.assert_allclose(bases[:-1], np.cumsum(steps) - steps, atol=1e-6)
    score = float(tagging.scores[k])
    assert total == pytest.approx(np.log(score / (1 - score)), abs=2e-3)
    assert len(steps) == 1 + min(n_frames, MAX_STEPS)
    if n_frames > MAX_STEPS:
        assert bars.customdata[-2] == f"{n_frames - MAX_STEPS + 1} others"


def test_attention_is_drawn_as_multiples_of_its_mean(tagger):
    tagging = tagged(tagger, 10)
    drawn = class_map(tagging, "attention", [3, 5])
    np.testing.assert_allclose(drawn.values.mean(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(drawn.values[:, 1] / 10, tagging.attention[:, 5], atol=1e-7)
    assert drawn.low == 0 and drawn.high >= 2


@pytest.mark.parametrize("signal", ["contributions", "combined", "occlusion"])
def test_zero_lies_in_the_middle_of_a_signed_scale(tagger, signal):
    tagging = tagged(tagger, 10)
    drops = np.random.default_rng(0).normal(0, 0.1, tagging.frame_scores.shape)
    drawn = class_map(tagging, signal, [0, 7], drops)
    expected = {
        "contributions": tagging.contributions[:, [0, 7]],
        "combined": tagging.combined([0, 7]),
        "occlusion": drops[:, [0, 7]],
    }
    np.testing.assert_array_equal(drawn.values, expected[signal])
    assert drawn.low == -drawn.high and np.abs(drawn.values).max() <= drawn.high


def test_a_difference_adds_up_to_what_it_is_compared_with(tagger):
    one, other = (
        class_map(tagger.tag_features(frames), "attention", [3, 5])
        for frames in np.random.default_rng(0).integers(0, 256, (2, 10, 128), np.uint8)
    )
    drawn = difference_map(one, other)
    np.testing.assert_allclose(one.values + drawn.values, other.values, atol=1e-6)
    assert drawn.low == -drawn.high and np.abs(drawn.values).max() <= drawn.high
    of_another_unit = class_map(tagged(tagger, 10), "frame_scores", [3, 5])
    with pytest.raises(AudioSetDemoError, match="have different units"):
        difference_map(one, of_another_unit)
