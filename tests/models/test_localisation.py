"""What was measured of the published models, as the app reads it."""

import numpy as np
import pytest

from audioset_demo.models.localisation import (
    MEASURED,
    SHOWN,
    best_signal,
    located_classes,
    summary,
)

MODELS = summary()["models"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model["name"])
def test_a_model_s_table_holds_the_classes_whose_mean_the_summary_states(model):
    counted = [
        located
        for located in located_classes(model["name"]).values()
        if located.clips >= summary()["least_clips"]
    ]
    assert len(counted) == summary()["classes_counted"]
    for signal in MEASURED:
        mean = np.mean([located.auc[signal][0] for located in counted])
        assert mean == pytest.approx(model["signals"][signal]["auc"], abs=1e-4)
        for located in counted:
            value, low, high = located.auc[signal]
            assert 0 <= low <= value <= high <= 1


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model["name"])
def test_no_signal_that_every_tagging_has_finds_sounds_better_than_the_best(model):
    found = {signal: model["signals"][signal]["auc"] for signal in SHOWN}
    assert found[best_signal(model["name"])] == max(found.values())


def test_of_a_model_that_was_not_measured_nothing_is_claimed():
    assert located_classes("own") == {}
    assert best_signal("own") == "combined"
