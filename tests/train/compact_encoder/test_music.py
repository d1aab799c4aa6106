"""Music for the compact encoder: its kinds and their categories, and pieces by FluidSynth."""

import shutil

import numpy as np
import pytest

from audioset_demo.errors import DataError
from audioset_demo.labels import audioset_labels
from train.compact_encoder.sounds import music
from train.compact_encoder.sounds.bands import kind_of
from train.compact_encoder.sounds.categories import CategoryTable
from train.compact_encoder.sounds.drums import GROOVES
from train.compact_encoder.sounds.manners import MANNERS
from train.compact_encoder.sounds.score import DRUM_CHANNEL, instruments


@pytest.fixture(scope="module")
def table():
    return CategoryTable(audioset_labels())


@pytest.fixture
def fluidsynth():
    try:
        music.check_fluidsynth()
    except DataError as error:
        pytest.skip(str(error))


def test_the_instruments_are_those_of_general_midi_and_can_be_played():
    assert [instrument.program for instrument in instruments()] == list(range(128))
    for instrument in instruments():
        low, high = instrument.register
        assert 21 <= low < high <= 108, instrument.name
        assert instrument.manner in MANNERS


def test_all_instruments_take_turns_and_every_category_is_in_the_table(table):
    kinds = [kind_of(place) for place in range(225)]  # 135 are solo
    names = {kind.name for kind in kinds}
    assert {f"{item.program} {item.name}" for item in instruments()} <= names
    for kind in kinds:
        assert table.find(kind.category, "") or not kind.category


def test_every_bar_of_a_groove_has_sixteen_places():
    for groove in GROOVES.values():
        assert {len(pattern) for drum in groove.values() for pattern in drum} == {16}


def test_players_keep_to_their_registers():
    for place in range(150):
        for part in kind_of(place).compose(np.random.default_rng(place)).parts:
            assert part.notes
            assert all(0 < note.velocity <= 1 and note.length > 0 for note in part.notes)
            if part.channel != DRUM_CHANNEL:
                low, high = instruments()[part.program].register
                assert all(low <= note.key <= high for note in part.notes), (place, part.program)


def test_a_key_is_released_before_it_is_struck_again():
    for place in range(50):
        for part in kind_of(place).compose(np.random.default_rng(place)).parts:
            ends: dict[int, float] = {}
            for note in part.notes:
                assert ends.get(note.key, 0) <= note.start
                ends[note.key] = note.start + note.length


def test_a_piece_is_heard_written_once_and_the_same_whatever_the_count(tmp_path, table, fluidsynth):
    found = music.pieces(tmp_path, 4, table, seed=0)
    written = {item.path: item.path.read_bytes() for item in found}
    assert music.pieces(tmp_path, 4, table, seed=0) == found
    assert all(path.read_bytes() == before for path, before in written.items())
    for item in found:
        samples = item.samples()
        assert len(samples) == 8 * 16_000
        assert 0.24 < np.abs(samples).max() < 0.9
        assert np.sqrt(np.square(samples).mean()) > 0.003
    fewer = music.pieces(tmp_path, 2, table, seed=0)
    assert [item.path.read_bytes() for item in fewer] == list(written.values())[:2]
    other = music.pieces(tmp_path / "other", 1, table, seed=1)
    assert other[0].path.read_bytes() != fewer[0].path.read_bytes()


def test_a_failure_of_fluidsynth_is_told_and_leaves_nothing(tmp_path, table, monkeypatch):
    pytest.importorskip("mido", reason="needs mido: pip install mido")
    monkeypatch.setenv("PATH", str(tmp_path))  # no FluidSynth there
    with pytest.raises(DataError, match="could not play a piece"):
        music.pieces(tmp_path / "music", 1, table, seed=0)
    assert not list((tmp_path / "music").iterdir())


def test_a_file_that_is_no_soundfont_is_refused(tmp_path, table, fluidsynth):
    (tmp_path / "bad.sf2").write_bytes(b"nothing")
    with pytest.raises(DataError, match="could not play a piece with .*bad.sf2"):
        music.pieces(tmp_path, 1, table, seed=0, soundfont=tmp_path / "bad.sf2")


def test_what_is_missing_is_named_with_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DataError, match="apt install fluidsynth.*--music 0"):
        music.check_fluidsynth()
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/" + name)
    with pytest.raises(DataError, match="none.sf2.*apt install fluid-soundfont-gm"):
        music.check_fluidsynth(tmp_path / "none.sf2")
