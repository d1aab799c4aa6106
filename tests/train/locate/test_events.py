"""Strong labels: every layout is read alike, and time is counted once."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_demo.errors import DataError
from tests.train.toy_features import write_features
from train.data.features import load_features
from train.locate.events import read_strong_labels

EVENTS = [
    ("clip003", "siren", 0.5, 1.5),
    ("clip003", "siren", 1.0, 2.0),
    ("clip003", "bell", 0.0, 4.0),
    ("clip007", "bell", 3.0, 3.25),
]


def write(path: Path, events=EVENTS, header="filename\tevent_label\tonset\toffset") -> Path:
    lines = ["\t".join(map(str, event)) for event in events]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_overlapping_events_of_a_class_count_once(tmp_path, features):
    labels = read_strong_labels(write(tmp_path / "events.tsv"), features)
    assert labels.features.video_ids.tolist() == [b"clip003", b"clip007"]
    assert labels.classes.tolist() == [0, 1]  # bell, siren
    seconds = labels.seconds(np.arange(4), 1.0)
    assert seconds[0].T.tolist() == [[1, 1, 1, 1], [0.5, 1, 0, 0]]
    assert seconds[1].T.tolist() == [[0, 0, 0, 0.25], [0, 0, 0, 0]]


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=6))
def test_seconds_are_those_of_moments_counted_one_by_one(features, spans):
    events = [("clip003", "bell", min(span) / 4, max(span) / 4) for span in spans]
    with TemporaryDirectory() as folder:
        labels = read_strong_labels(write(Path(folder) / "events.tsv", events), features)
    moments = (np.arange(0, 5, 0.125) + 0.0625)[:, None]
    on, off = np.array([event[2:] for event in events]).T
    sounding = ((moments > on) & (moments < off)).any(axis=1)
    assert labels.seconds(np.arange(5), 1.0)[0, :, 0].tolist() == pytest.approx(
        sounding.reshape(5, 8).mean(axis=1)
    )


@pytest.mark.parametrize(
    ("header", "order"),
    [
        ("segment_id\tstart_time_seconds\tend_time_seconds\tlabel", (0, 2, 3, 1)),
        ("segment_id\tmid\tonset\toffset\tsource", (0, 1, 2, 3, 0)),
        ("filename,event_label,onset,offset", (0, 1, 2, 3)),
    ],
)
def test_other_layouts_and_audioset_s_own_names_are_read_alike(tmp_path, header, order):
    path = write_features(tmp_path / "eval.h5", labels=None)
    mids = {"siren": "/m/05zppz", "bell": "/m/09x0r"}
    own = [(f"{clip}_30000", mids[label], *times) for clip, label, *times in EVENTS]
    rows = [tuple(event[k] for k in order) for event in own]
    table = write(tmp_path / "events.tsv", rows, header)
    if "," in header:
        table.write_text(table.read_text().replace("\t", ","))
    labels = read_strong_labels(table, load_features(path))
    assert labels.classes.tolist() == [0, 1]
    assert labels.seconds(np.arange(4), 1.0)[0, :, 1].tolist() == [0.5, 1, 0, 0]


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([("clip003", "bell", 2.0, 1.0)], "Line 2 of .* an event must run"),
        ([("clip003", "bell", "soon", 1.0)], "has the onset soon"),
        ([("clip003", "bell", -1, 1.0)], "has the onset -1"),
        ([("clip003", "owl", 0.0, 1.0)], "no event of a clip and class of own"),
        ([("clip999", "bell", 0.0, 1.0)], "no event of a clip and class of own"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, features, events, message):
    with pytest.raises(DataError, match=message):
        read_strong_labels(write(tmp_path / "events.tsv", events), features)


@pytest.mark.data
def test_audioset_s_own_labels_are_read(shared_data):
    features = load_features(shared_data / "audioset/eval.h5")
    table = shared_data / "audioset/strong/audioset_strong_eval_top110classes_downloaded.tsv"
    labels = read_strong_labels(table, features)
    assert (len(labels.features), len(labels.classes)) == (15_646, 101)
    assert labels.times[:, 1].max() <= 10
