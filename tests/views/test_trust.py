"""The attention page says how far each signal can be trusted to find the class."""

import json
import re

from audioset_demo.labels import audioset_labels
from audioset_demo.models.localisation import located_classes, summary
from audioset_demo.models.published import DEFAULT_MODEL
from tests.views.apptest import go, labelled, text, unfold

NAMES = {
    "attention": "attention weight",
    "frame_scores": "frame score",
    "contributions": "contribution",
    "occlusion": "score drop",
    "combined": "combined",
}


def test_trust_in_the_signals_is_that_measured_for_the_class(app):
    go(app, "attention")
    measured = located_classes(DEFAULT_MODEL)
    dog = next(label for label in audioset_labels() if label.name == "Dog")
    labelled(app.selectbox, "Class").set_value(dog.index).run()
    assert not app.exception
    of_dog = measured[dog.index]
    shown = re.search(
        r"In ([\d,]+) clips with known times, (.+?) ranks a frame with Dog above one without it "
        r"in (\d\.\d\d) of the pairs",
        text(app),
    )
    best = max(NAMES, key=lambda signal: of_dog.auc[signal][0])
    assert shown and shown.groups() == (
        f"{of_dog.clips:,}",
        NAMES[best],
        f"{of_dog.auc[best][0]:.2f}",
    )
    unmeasured = next(label for label in audioset_labels() if label.index not in measured)
    labelled(app.selectbox, "Class").set_value(unmeasured.index).run()
    assert f"No times of {unmeasured.name} are known; over " in text(app) and not app.exception


def test_every_class_whose_times_are_known_of_enough_clips_is_pictured(app):
    unfold(go(app, "attention"))
    assert not app.exception
    (picture,) = [c for c in app.get("plotly_chart") if c.proto.id.endswith("found by class")]
    dots = [trace for trace in json.loads(picture.proto.spec)["data"] if trace["mode"] == "markers"]
    assert [trace["name"] for trace in dots][1:] == [
        "Attention weight",
        "Classifier trained on the times",
    ]
    assert {len(trace["text"]) for trace in dots} == {summary()["classes_counted"]}
