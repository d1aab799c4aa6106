"""Sounds for the compact encoder: categories, held-out sources, augmented and synthetic ones."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.errors import DataError
from audioset_demo.labels import audioset_labels
from tests.sounds import sweeps
from train.compact_encoder.sounds import augment, spoken
from train.compact_encoder.sounds.categories import Category, CategoryTable
from train.compact_encoder.sounds.recordings import (
    Recording,
    hold_out_sources,
    read_recordings,
    source_of,
)
from train.compact_encoder.sounds.synthetic import SYNTHETIC
from train.compact_encoder.sounds.textures import TEXTURES


@pytest.fixture(scope="module")
def table():
    return CategoryTable(audioset_labels())


# --- categories ---------------------------------------------------------------------


def test_every_class_of_the_category_table_exists_and_every_category_has_one(table):
    assert all(category.classes for category in table.categories)


def test_a_table_that_names_an_unknown_class_is_refused_by_name(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("category,files,classes,also\nBarking,,Dgo,\n")
    with pytest.raises(DataError, match="names 'Dgo' for the category 'Barking'"):
        CategoryTable(audioset_labels(), path)


def test_a_category_is_found_by_name_or_as_a_class_or_by_its_files(table):
    assert table.find("Rooster", "a.wav").name == "Rooster"
    assert table.find("Accordion", "a.wav").classes == (
        next(label.index for label in audioset_labels() if label.name == "Accordion"),
    )
    assert table.find("", "soundfx_beep3.flac").name == "Beeps"
    assert table.find("", "something_else.flac") is None
    with pytest.raises(DataError, match="--categories"):
        table.find("Unheard-of", "a.wav")


def test_a_category_s_targets_are_highest_for_its_classes_and_lower_for_their_parents(table):
    names = [label.name for label in audioset_labels()]
    wanted = dict(zip(names, table.targets(table.find("Dog", "a.wav")), strict=True))
    assert wanted["Dog"] == 1.0
    assert 0 < wanted["Animal"] < 1
    assert wanted["Cat"] == 0


# --- holding sources out ---------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 12), st.booleans()),
        min_size=1, max_size=40,
    ),
    st.floats(0, 0.9),
)  # fmt: skip
def test_no_source_is_on_both_sides_of_the_hold_out(items, share):
    recordings = [
        Recording(None, "set", Category(name, (), (0,), ()), f"source {number}", "", "", listed)
        for name, number, listed in items
    ]
    sides = defaultdict(set)
    for recording in hold_out_sources(recordings, share):
        sides[recording.source].add(recording.held_out)
    assert all(len(side) == 1 for side in sides.values())


def test_categories_with_sources_to_spare_are_held_out_and_the_same_ones_every_time():
    many = [
        Recording(None, "set", Category("many", (), (0,), ()), f"source {n}", "", "", True)
        for n in range(20)
    ]
    few = [
        Recording(None, "set", Category("few", (), (1,), ()), f"other {n}", "", "", True)
        for n in range(2)
    ]
    split = hold_out_sources(many + few, 0.2)
    assert sum(item.held_out for item in split) == 4
    assert not any(item.held_out for item in split if item.category.name == "few")
    assert hold_out_sources(many[::-1] + few, 0.2) == split[:20][::-1] + split[20:]


@pytest.mark.parametrize(
    ("file", "attribution", "source"),
    [
        ("2-100038-A.flac", "", "freesound 100038"),
        ("b.wav", "x (http://freesound.org/sounds/42/)", "freesound 42"),
        ("b.wav", "freesound 42", "freesound 42"),
        ("mine.wav", "me", "mine"),
    ],
)
def test_the_source_is_the_freesound_id_where_there_is_one(file, attribution, source):
    assert source_of(file, attribution) == source


@pytest.mark.data
def test_the_real_recordings_hold_out_each_source_once(table, shared_data):
    recordings = read_recordings(shared_data / "audio", table, 0.2)
    held_out = {item.source for item in recordings if item.held_out}
    assert held_out.isdisjoint(item.source for item in recordings if not item.held_out)
    assert len(held_out) > 100


# --- augmented and synthetic sounds -----------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a_codec_changes_a_sound_little_and_does_not_shift_it(seed):
    rising = sweeps(16_000, 1, 0.975)[:, 0]
    coded = augment.coded(np.random.default_rng(seed), rising)
    assert coded.shape == rising.shape == (15_600,)
    assert not np.array_equal(coded, rising)
    assert np.corrcoef(coded, rising)[0, 1] > 0.9


def test_readings_are_written_once_and_no_voice_is_on_both_sides(tmp_path, table, monkeypatch):
    pytest.importorskip("espeakng_loader", reason="needs eSpeak NG: pip install espeakng-loader")
    monkeypatch.setattr(spoken, "LANGUAGES", ("en-us", "de"))
    monkeypatch.setattr(spoken, "VARIANTS", ("m1", "f2", "whisper"))
    found = spoken.readings(tmp_path, 12, table, seed=0)
    written = {item.path: item.path.read_bytes() for item in found}
    assert spoken.readings(tmp_path, 12, table, seed=0) == found
    assert all(path.read_bytes() == before for path, before in written.items())
    for item in found:
        samples = item.samples()
        assert len(samples) > 32_000 and np.abs(samples).max() > 0.05
    sides = defaultdict(set)
    for item in found:
        sides[item.source].add(item.held_out)
    assert sorted(map(len, sides.values())) == [1] * 6
    assert {held_out for side in sides.values() for held_out in side} == {True, False}


def test_every_synthetic_sound_and_texture_is_one_window_and_finite():
    for maker in (*SYNTHETIC, *TEXTURES):
        samples = maker(np.random.default_rng(0))
        assert samples.shape == (15_600,), maker.__name__
        assert np.isfinite(samples).all(), maker.__name__
