"""Tagging: features, waveforms and files, and the identity that explains a score."""

import csv
import dataclasses
import io
import json
import zipfile

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo import export, load_tagger
from audioset_demo.audio.samples import synthesise
from audioset_demo.audio.waveform import wav_bytes
from audioset_demo.embeddings import writing
from audioset_demo.embeddings.frames import FRAME_S
from audioset_demo.embeddings.reading import read_features
from audioset_demo.errors import CheckpointError
from audioset_demo.events import find_events
from audioset_demo.models.published import MODELS_DIR


@pytest.fixture(scope="module")
def tagger():
    return load_tagger(encoder="compact")


@pytest.fixture(scope="module")
def siren(tagger):
    return tagger.tag(synthesise("siren"))


def test_every_rung_gives_the_same_tags(tagger, siren, tmp_path):
    waveform = synthesise("siren")
    content = wav_bytes(waveform)
    (tmp_path / "siren.wav").write_bytes(content)
    by_file, by_bytes = tagger.tag(tmp_path / "siren.wav"), tagger.tag(content)
    by_features = tagger.tag_features(tagger.encoder.encode(waveform).quantised)
    assert np.array_equal(by_file.scores, by_bytes.scores)
    assert np.array_equal(by_features.scores, siren.scores)
    # 16-bit samples differ from the synthesised ones by half a step.
    assert np.abs(by_file.scores - siren.scores).max() < 0.02


def test_features_before_and_after_scaling_are_the_same_clip(tagger):
    released = np.random.default_rng(1).integers(0, 256, (10, 128), dtype=np.uint8)
    scaled = (released.astype(np.float32) - 128) / 128
    assert np.array_equal(tagger.tag_features(released).scores, tagger.tag_features(scaled).scores)


def test_exported_embeddings_are_read_back(tagger):
    clip = tagger.encoder.encode(synthesise("rain"))
    for content in (writing.embeddings_npz([clip]), writing.embeddings_hdf5([clip])):
        (back,) = (read_features(content, "clip").read(0),)
        assert np.array_equal(back.quantised, clip.quantised)
        assert np.array_equal(back.pca, clip.pca)
        assert (back.encoder, back.duration_s) == (clip.encoder, clip.duration_s)
        assert np.array_equal(tagger.tag(back).scores, tagger.tag(clip).scores)


@pytest.mark.parametrize("write", [writing.embeddings_npz, writing.embeddings_hdf5])
def test_several_clips_of_one_name_are_kept_apart(tagger, write):
    clips = [tagger.encoder.encode(synthesise(key)) for key in ("rain", "siren")]
    file = read_features(write([dataclasses.replace(clip, name="a/b.wav") for clip in clips]))
    assert sorted(file.names) == ["a_b.wav", "a_b.wav_"]
    for clip, name in zip(clips, ("a_b.wav", "a_b.wav_"), strict=True):
        back = file.read(file.names.index(name))
        assert np.array_equal(back.quantised, clip.quantised) and back.name == name


def test_a_zip_holds_all_results_of_several_clips(tagger):
    encoded = [tagger.encoder.encode(synthesise(key)) for key in ("rain", "siren")]
    encoded = [dataclasses.replace(clip, name="../same name.wav") for clip in encoded]
    taggings = [tagger.tag(clip) for clip in encoded]
    content = export.results_zip(list(zip(taggings, encoded, strict=True)), 5, 0.3)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        folders = {name.split("/")[0] for name in archive.namelist() if "/" in name}
        assert folders == {"01_same_name", "02_same_name"}
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open("tags.csv"), "utf-8")))
        assert (
            len(rows) == 10 and rows[0]["label"] == taggings[0].labels[taggings[0].top(1)[0]].name
        )
        for folder, tagging, clip in zip(sorted(folders), taggings, encoded, strict=True):
            record = json.loads(archive.read(f"{folder}/tags.json"))
            assert record == export.tagging_record(tagging, 5)
            back = read_features(archive.read(f"{folder}/embeddings.npz")).read(0)
            assert np.array_equal(back.quantised, clip.quantised)
            events = json.loads(archive.read(f"{folder}/events.json"))
            regions = archive.read(f"{folder}/audacity.txt").decode().splitlines()
            assert len(events) == len(regions) and all(e["score"] >= 0.3 for e in events)


def test_the_projector_gets_one_line_of_metadata_per_vector(tagger):
    clip = dataclasses.replace(tagger.encoder.encode(synthesise("rain")), name="tab\tin name")
    centroids = np.linspace(0, 255, 3 * 128).reshape(3, 128)
    classes = writing.projector_classes(centroids, ["a", "b", "c"])
    vectors, metadata = writing.projector_tsv([clip, clip], classes)
    rows = np.array([line.split("\t") for line in vectors.splitlines()], float)
    assert np.array_equal(rows[:10], clip.quantised) and rows.shape == (23, 128)
    words = [line.split("\t") for line in metadata.splitlines()]
    assert words[0] == ["what", "name", "seconds"] and len(words) == 24
    assert words[2] == ["frame", "tab in name", "0.96"] and words[-1] == ["class", "c", ""]


def test_json_holds_plain_numbers(siren):
    record = json.loads(export.tagging_json(siren, top=3))
    assert record == export.tagging_record(siren, top=3)


@given(top=st.integers(1, 527), threshold=st.floats(0, 1))
def test_every_top_tag_is_on_the_label_track(siren, top, threshold):
    events = find_events(siren, siren.top(top), threshold, each_class=True)
    lines = export.audacity_labels(events).splitlines()
    regions = [
        (float(start), float(end), name)
        for start, end, name in (line.split("\t") for line in lines)
    ]
    assert {name for _, _, name in regions} == {siren.labels[k].name for k in siren.top(top)}
    assert all(start < end <= siren.duration_s for start, end, _ in regions)
    assert regions == sorted(regions)


def with_frame_scores(siren, scores: list[float]):
    """The tagging with frame scores of its first class set."""
    frame_scores = np.zeros((len(scores), len(siren.labels)), np.float32)
    frame_scores[:, 0] = scores
    times_s = FRAME_S * np.arange(len(scores))
    duration_s = FRAME_S * len(scores)
    return dataclasses.replace(
        siren, frame_scores=frame_scores, times_s=times_s, duration_s=duration_s
    )


def test_an_event_begins_at_the_threshold_and_lasts_until_half_of_it(siren):
    tagging = with_frame_scores(siren, [0.1, 0.3, 0.6, 0.35, 0.31, 0.1, 0.4, 0.4, 0.0, 0.9])
    first, second = find_events(tagging, [0], threshold=0.6)
    assert (first.start_s, first.end_s) == pytest.approx((0.96, 5 * 0.96))
    assert (second.start_s, second.end_s) == pytest.approx((9 * 0.96, 10 * 0.96))
    assert (first.score, second.score) == pytest.approx((0.6, 0.9))


def test_events_of_overlapping_frames_lie_midway_between_their_centres(siren):
    tagging = with_frame_scores(siren, [0.9, 0.0, 0.0, 0.9, 0.9, 0.0, 0.0, 0.9])
    times_s = 0.24 * np.arange(8)
    tagging = dataclasses.replace(tagging, times_s=times_s, duration_s=3.0)
    assert tagging.hop_s == 0.24
    found = [(event.start_s, event.end_s) for event in find_events(tagging, [0])]
    # Frame 3 lasts from 0.72 to 1.68 s: its centre is 1.2 s, and half a hop is 0.12 s.
    assert found == [
        pytest.approx((0, 0.6)),
        pytest.approx((1.2 - 0.12, 1.44 + 0.12)),
        pytest.approx((2.16 - 0.12, 7 * 0.24 + 0.96)),
    ]


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30), st.floats(1 / 64, 1, width=32))
def test_each_frame_at_the_threshold_is_in_one_event_and_events_are_disjoint(
    siren, scores, threshold
):
    events = find_events(with_frame_scores(siren, scores), [0], threshold)
    for k, score in enumerate(scores):
        middle_s = (k + 0.5) * FRAME_S
        holding = [event for event in events if event.start_s < middle_s < event.end_s]
        assert len(holding) <= 1
        assert bool(holding) or score < threshold
    assert all(a.end_s < b.start_s for a, b in zip(events, events[1:], strict=False))
    assert all(event.score >= threshold for event in events)


@pytest.mark.parametrize(
    ("seconds", "tail", "hop_s", "ends_at_s"),
    [(0.5, "drop", 0.96, 0.5), (2.5, "pad", 0.96, 2.5), (2.5, "pad", 0.24, 2.5),
     (2.5, "drop", 0.96, 1.92), (2.5, "drop", 0.24, 2.4)],
)  # fmt: skip
def test_events_end_where_the_sound_does(tagger, seconds, tail, hop_s, ends_at_s):
    n = round(seconds * 16_000)
    waveform = dataclasses.replace(synthesise("siren"), samples=synthesise("siren").samples[:n])
    assert waveform.sample_rate == 16_000
    tagging = tagger.tag(waveform, hop_s, tail=tail)
    events = find_events(tagging, tagging.top(5), 0.0, each_class=True)
    assert {event.start_s for event in events} == {0}
    assert {round(event.end_s, 9) for event in events} == {ends_at_s}
    regions = [line.split("\t") for line in export.audacity_labels(events).splitlines()]
    assert {float(end) for _, end, _ in regions} == {ends_at_s}
    for line in export.rttm(events, tagging).splitlines()[1:]:
        start, length = map(float, line.split()[3:5])
        assert start + length <= seconds


def test_a_sound_in_the_last_incomplete_frame_is_heard_where_the_tail_is_padded(tagger):
    siren = synthesise("siren")
    samples = np.concatenate([np.zeros(16_000, np.float32), siren.samples[: 16_000 * 91 // 100]])
    clip = dataclasses.replace(siren, samples=samples)
    dropped, padded = tagger.tag(clip), tagger.tag(clip, tail="pad")
    rest = tagger.tag(dataclasses.replace(siren, samples=samples[round(FRAME_S * 16_000) :]))
    assert np.allclose(padded.frame_scores[:1], dropped.frame_scores, rtol=0, atol=1e-6)
    assert np.allclose(padded.frame_scores[1:], rest.frame_scores, rtol=0, atol=1e-4)
    assert not np.allclose(rest.frame_scores, dropped.frame_scores, rtol=0, atol=2e-4)
    assert "last 0.94 s" in dropped.notes[0] and "--tail pad" in dropped.notes[0]
    assert np.array_equal(tagger.tag(clip, tail="auto").scores, padded.scores)


def test_the_best_classes_alone_are_tagged_as_among_all(tagger, siren):
    best = tagger.tag(synthesise("siren"), top=3)
    classes = siren.top(3)
    assert best.labels == tuple(siren.labels[k] for k in classes) and best.top(2) == [0, 1]
    assert np.array_equal(best.scores, siren.scores[classes])
    for name in ("frame_scores", "attention", "contributions"):
        assert np.array_equal(getattr(best, name), getattr(siren, name)[:, classes])
    assert export.tagging_record(best, 3) == export.tagging_record(siren, 3)
    assert export.tagging_csv([best], 3) == export.tagging_csv([siren], 3)
    assert export.tagging_csv([best]).count("\n") == 4


def test_events_are_written_for_other_programs(siren):
    tagging = with_frame_scores(siren, [0.0, 0.8, 0.0])
    tagging = dataclasses.replace(tagging, name="my siren.wav")
    events = find_events(tagging, [0])
    name = tagging.labels[0].name
    assert export.rttm(events, tagging) == (
        f"SPEAKER my_siren.wav 1 0.960 0.960 <NA> <NA> {name} 0.8000 <NA>\n"
    )
    # As pyannote.database reads it.
    columns = ["type", "uri", "channel", "start", "duration", *"abcde"]
    read = pandas.read_csv(io.StringIO(export.rttm(events, tagging)), sep=" ", names=columns)
    assert list(read.uri) == ["my_siren.wav"] and list(read.start) == [0.96]
    (row,) = csv.DictReader(io.StringIO(export.events_csv(events, tagging)))
    assert (row["file"], row["start_s"], row["end_s"]) == ("my siren.wav", "0.96", "1.92")
    assert row["encoder"] == "compact encoder (not VGGish)"
    assert (row["label"], row["mid"], row["score"]) == (name, tagging.labels[0].mid, "0.8")
    (record,) = json.loads(export.events_json(events, tagging))
    assert {key: str(value) for key, value in record.items()} == row


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path):
    source = MODELS_DIR / "feature_attention"
    checkpoint = tmp_path / "checkpoint.safetensors"
    checkpoint.write_bytes((source / "checkpoint.safetensors").read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="No card checkpoint.json"):
        load_tagger(checkpoint)
    (tmp_path / "checkpoint.json").write_text((source / "checkpoint.json").read_text())
    with pytest.raises(CheckpointError, match="not a complete safetensors file"):
        load_tagger(checkpoint)
