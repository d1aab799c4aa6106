"""Sounds for the compact encoder: categories, held-out sources, augmented and synthetic ones."""

import shutil
from collections import defaultdict

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_demo.errors import DataError
from audioset_demo.labels import audioset_labels
from tests.sounds import file_of, sweeps, white_noise
from train.compact_encoder.sounds import (
    augment,
    flite,
    horns,
    scenes,
    signals,
    speech,
    spoken,
    synthetic,
)
from train.compact_encoder.sounds.categories import Category, CategoryTable
from train.compact_encoder.sounds.certainty import without_denied
from train.compact_encoder.sounds.makers import IMITATIONS, SYNTHETIC, TEXTURES
from train.compact_encoder.sounds.recordings import (
    GUESSED,
    Recording,
    hold_out_sources,
    read_recordings,
    source_of,
)
from train.compact_encoder.teacher import TeacherOutput


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
    ("file", "attribution", "key", "source"),
    [
        ("2-100038-A.flac", "", "", "freesound 100038"),
        ("b.wav", "x (http://freesound.org/sounds/42/)", "", "freesound 42"),
        ("b.wav", "freesound 42", "", "freesound 42"),
        ("b.ogg", "of a pack with freesound 7 in it", "fs:42", "freesound 42"),
        ("b.ogg", "freesound 42", "pack:bells", "pack:bells"),
        ("mine.wav", "me", "", "mine"),
    ],
)
def test_the_source_is_the_freesound_id_where_there_is_one_else_the_key(
    file, attribution, key, source
):
    assert source_of(file, attribution, key) == source


def test_of_the_categories_with_one_source_some_are_held_out_whole():
    alone = [
        Recording(None, "set", Category(f"class {n}", (), (n,), ()), f"only {n}", "", "", True)
        for n in range(80)
    ]
    held_out = [item.category.name for item in hold_out_sources(alone, 0.2) if item.held_out]
    assert len(held_out) == 10
    assert not any(item.held_out for item in hold_out_sources(alone, 0.0))


def test_guesses_and_sources_that_generators_play_are_not_scored(tmp_path, table):
    rows = ["known,dog_{n}.wav,Dog,pack {n},1", "known,cat_{n}.wav,Cat,pack {n},0",
            "known,flute_{n}.wav,Flute,fluidr3:flute {n},1", "games,pig_{n}.wav,Pig,,"]  # fmt: skip
    for name in ("known", "games"):
        listed = [r.format(n=n).split(",", 1)[1] for r in rows for n in range(9) if r[:5] == name]
        (tmp_path / name).mkdir()
        for row in listed:
            (tmp_path / name / row.split(",")[0]).touch()
        text = "\n".join(["file,category,source_key,certain", *listed])
        (tmp_path / f"{name}.csv").write_text(text)
    found = read_recordings(tmp_path, table, 0.5, guessed=["games"])
    assert {item.category.name for item in found if item.scored} == {"Dog"}
    certainty = {item.category.name: item.certainty for item in found}
    assert certainty == {"Dog": 1, "Cat": GUESSED, "Flute": 1, "Pig": GUESSED}
    with pytest.raises(DataError, match="--guessed names 'game', .* its lists: games, known"):
        read_recordings(tmp_path, table, 0.5, guessed=["game"])


def test_a_guess_of_which_the_teacher_hears_nothing_is_dropped(tmp_path, table):
    (tmp_path / "a.wav").write_bytes(file_of(white_noise(1)))
    names = [label.name for label in audioset_labels()]

    def teacher(samples):
        scores = np.zeros(len(names))
        scores[names.index("Bark")] = 0.5
        return TeacherOutput(scores, np.zeros(1))

    def recording(name, certainty):
        category = table.find(name, "a.wav")
        return Recording(tmp_path / "a.wav", "set", category, name, "", "", True, certainty)

    given = [recording("Dog", GUESSED), recording("Rain", GUESSED), recording("Rain", 1.0)]
    kept = without_denied(given, teacher, np.arange(len(names)), audioset_labels())
    assert [item.category.name if item.category else None for item in kept] == ["Dog", None, "Rain"]


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


def _needs_synthesisers():
    pytest.importorskip("espeakng_loader", reason="needs eSpeak NG: pip install espeakng-loader")
    if shutil.which("flite") is None:
        pytest.skip("needs Flite: the Debian package flite")


def test_readings_are_written_once_and_no_voice_is_on_both_sides(tmp_path, table, monkeypatch):
    _needs_synthesisers()
    monkeypatch.setattr(spoken, "LANGUAGES", ("en-us", "de"))
    monkeypatch.setattr(spoken, "VARIANTS", ("m1", "f2", "whisper"))
    found = speech.readings(tmp_path, 16, table, seed=0)
    written = {item.path: item.path.read_bytes() for item in found}
    assert len(written) == 16
    assert speech.readings(tmp_path, 16, table, seed=0) == found
    assert all(path.read_bytes() == before for path, before in written.items())
    for item in found:
        samples = item.samples()
        assert len(samples) > 16_000 and np.abs(samples).max() > 0.05
    sides = defaultdict(set)
    for item in found:
        sides[item.collection, item.source].add(item.held_out)
    assert sorted(map(len, sides.values())) == [1] * 10
    for synthesiser in ("espeak", "flite"):
        of_it = [side for (name, _), side in sides.items() if name == synthesiser]
        assert set().union(*of_it) == {True, False}


def test_a_voice_says_whether_a_man_or_a_woman_speaks(tmp_path, table):
    by_name = {label.name: label.index for label in table.labels}
    man, woman = (by_name[f"{sex}ale speech, {who} speaking"]
                  for sex, who in (("M", "man"), ("Fem", "woman")))  # fmt: skip
    classes = {
        voice.name: voice.recording(tmp_path, table).category.classes for voice in flite.VOICES
    }
    assert man in classes["rms"] and woman not in classes["rms"]
    assert woman in classes["slt"] and man not in classes["slt"]


def test_without_flite_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(flite.shutil, "which", lambda name: None)
    with pytest.raises(DataError, match="Debian package `flite`"):
        flite.check_flite()


MAKERS = {maker.__name__: maker for maker in (*SYNTHETIC, *IMITATIONS, *TEXTURES)}


def test_no_two_makers_share_a_name_because_kinds_are_told_apart_by_it():
    assert len(MAKERS) == len(SYNTHETIC) + len(IMITATIONS) + len(TEXTURES)


@pytest.mark.parametrize("name", MAKERS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=12)
def test_a_maker_gives_one_window_of_sound_that_its_generator_repeats(name, seed):
    samples = MAKERS[name](np.random.default_rng(seed))
    assert samples.shape == (15_600,)
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() < 100
    assert name == "silence" or np.abs(samples).max() > 1e-3
    assert np.array_equal(samples, MAKERS[name](np.random.default_rng(seed)))


def test_the_classes_of_makers_exist(table):
    names = {label.name for label in table.labels}
    for maker, classes in (SYNTHETIC | IMITATIONS).items():
        assert names.issuperset(classes), maker.__name__


def _peaks_hz(samples: np.ndarray, count: int) -> list[float]:
    """The strongest frequencies, at least 40 Hz apart."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 16_000))
    found: list[float] = []
    for hz in np.argsort(-power):
        if all(abs(hz - other) > 40 for other in found):
            found.append(hz)
        if len(found) == count:
            return sorted(found)


@pytest.mark.parametrize("seed", range(4))
def test_signals_have_the_frequencies_of_their_standards(seed):
    def made(maker):
        return maker(np.random.default_rng(seed))

    assert _peaks_hz(made(signals.reversing_beeps), 1) == pytest.approx([1_250], rel=0.02)
    assert _peaks_hz(made(signals.busy_signal), 2) == pytest.approx([480, 620], abs=3)
    spectrum = np.abs(np.fft.rfft(made(horns.hi_lo), 16_000))[340:700]
    low = 340 + int(np.argmax(spectrum[:140]))  # the lower tone is below 480 Hz, the other above
    high = 480 + int(np.argmax(spectrum[140:]))
    assert high / low == pytest.approx(4 / 3, abs=0.02)


@pytest.mark.parametrize("hz", [50.0, 440.0, 3_000.0])
def test_harmonics_above_the_nyquist_frequency_are_left_out(hz):
    made = synthetic.wave(hz, synthetic.falling(200, 0.5))
    power = np.abs(np.fft.rfft(made * np.hanning(len(made)))) ** 2
    frequency = np.fft.rfftfreq(len(made), 1 / 16_000)
    off = np.abs(frequency / hz - np.round(frequency / hz)) * hz > 8
    assert power[off].sum() < 1e-4 * power.sum()


@pytest.fixture(scope="module")
def scene_maker(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("sounds") / "a.wav"
    soundfile.write(path, sweeps(16_000, 1, 1.0)[:, 0], 16_000)
    recording = Recording(path, "set", table.find("Dog", ""), "a", "", "", True)
    return scenes.SceneMaker([recording], scenes.kinds_of([recording], table), teacher=None)


def test_the_class_of_an_imitation_is_trusted_by_half_and_that_of_a_signal_wholly(scene_maker):
    rng = np.random.default_rng(0)
    trusts = defaultdict(set)
    for _ in range(600):
        _, [(kind, trust)] = scene_maker._synthetic(rng)
        trusts[scene_maker.kinds.names[kind] if kind >= 0 else ""].add(trust)
    assert trusts.pop("") == {0.0}
    for maker in SYNTHETIC:
        assert trusts.pop(maker.__name__, {1.0}) == {1.0}
    assert len(trusts) > 20 and set().union(*trusts.values()) == {0.5}
