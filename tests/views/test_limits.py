"""What one visitor and all of them may hold: said in messages, and given back."""

import gc
import re

import pytest
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from audioset_demo.views import clips, uploads, visits
from tests.sounds import wav
from tests.views.apptest import go, new_app, text, upload


def errors(app) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", error.value) for error in app.error]


def listed(app) -> list[str]:
    return re.findall(r"\*\*(.+)\*\* · [\d.]+ s", text(go(app, "visit")))


def test_the_oldest_clips_leave_a_full_visit_and_their_names_are_told(app, monkeypatch):
    monkeypatch.setattr(clips, "MAX_KEPT", 3)
    for number in range(4):
        upload(app, f"{number}.wav", wav(1.0 + number / 10))
        said = errors(app)
        assert len(listed(app)) == min(number + 2, 3)
        go(app, "tag")
    (told,) = said
    assert told.startswith("A visit holds at most 3 clips") and "left it: 0.wav. " in told
    assert listed(app) == ["1.wav", "2.wav", "3.wav"]


def test_a_visit_holds_so_many_bytes(app, monkeypatch):
    monkeypatch.setattr(clips, "MAX_KEPT_BYTES", 3 * len(wav(1.0)))
    for number in range(4):
        upload(app, f"{number}.wav", wav(1.0))
    assert "0.wav" not in listed(app) and "3.wav" in listed(app)


@pytest.fixture
def store(monkeypatch) -> uploads.LimitedUploads:
    monkeypatch.setattr(uploads, "MAX_KEPT_BYTES", 1_000)
    monkeypatch.setattr(uploads, "MAX_HELD_BYTES", 2_500 + clips.held_bytes())
    return uploads.LimitedUploads("/upload")


def added(store, session: str, name: str, size: int) -> UploadedFileRec:
    store.add_file(session, UploadedFileRec(name, name, "audio/wav", bytes(size)))
    return store.get_files(session, [name])[0]


def test_of_many_large_uploads_only_as_many_are_held_as_are_allowed(store):
    taken = [added(store, "one visitor", f"{n}.wav", 95) for n in range(24)]
    assert sum(len(file.data) for file in taken) == 950
    assert {file.type for file in taken if not file.data} == {uploads.TOO_MUCH}
    others = [added(store, f"visitor {n}", "their.wav", 800) for n in range(3)]
    assert [file.type for file in others] == ["audio/wav", uploads.NO_ROOM, uploads.NO_ROOM]
    store.remove_session_files("one visitor")
    assert added(store, "visitor 1", "their.wav", 800).data


def test_clips_count_with_the_uploads_as_long_as_they_live(store):
    clip = clips.from_file("kettle.wav", bytes(2_000))
    assert added(store, "me", "one.wav", 600).type == uploads.NO_ROOM
    del clip
    gc.collect()
    assert added(store, "me", "one.wav", 600).data


def test_the_clips_of_one_embeddings_file_count_once():
    before = clips.held_bytes()
    clip = clips.from_file("clips.npz", bytes(2_000))
    others = [clips.replace(clip, index=index) for index in range(5)]
    assert clips.held_bytes() - before == 2_000 and others


def test_uploads_that_were_taken_leave_streamlit_and_refusals_are_told_in_words(app, monkeypatch):
    stores = []
    real = uploads._place
    monkeypatch.setattr(uploads, "_place", lambda: stores.append(real()) or stores[-1])
    files = app.get("file_uploader")[0]
    files.upload("kettle.wav", wav())
    files.upload("huge.wav", b"", uploads.TOO_MUCH).upload("more.wav", b"", uploads.TOO_MUCH)
    files.upload("late.wav", b"", uploads.NO_ROOM)
    app.run()
    too_much, no_room = errors(app)
    assert too_much.startswith("Not opened: huge.wav and 1 more. ") and "256 MB" in too_much
    assert no_room.startswith("Not opened: late.wav. ") and "try again later" in no_room
    assert "kettle.wav" in text(app)
    assert all(type(store) is uploads.LimitedUploads for store, _ in stores)
    assert not any(files for store, _ in stores for files in store.file_storage.values())


def test_one_visitor_too_many_is_told_to_come_back(app, monkeypatch):
    monkeypatch.setattr(visits, "MAX_VISITS", visits.n_here())
    late = new_app()
    assert "as many as this server takes. Reload" in late.warning[0].value and not late.title
    assert app.run().title
    monkeypatch.setattr(visits, "STAY_S", 0.0)  # all others have left
    assert late.run().title
