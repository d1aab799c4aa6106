"""What a page shows can be fetched until the page shows something else, however late."""

from types import SimpleNamespace

import pytest
from streamlit.runtime import media_file_manager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from audioset_demo.views import media
from tests.sounds import plucked_chord
from tests.views.browsing import chosen, upload


class Visits:
    """Runs of visitors' sessions, as Streamlit has them."""

    def __init__(self, monkeypatch):
        self.manager = media.LastingMedia(MemoryMediaFileStorage("/media"))
        self.now = SimpleNamespace(session_id="")
        monkeypatch.setattr(media, "get_script_run_ctx", lambda **options: self.now)
        monkeypatch.setattr(media_file_manager, "_get_session_id", lambda: self.now.session_id)

    def run(self, session: str, *files: bytes, complete: bool = True) -> None:
        self.begin(session)
        for number, file in enumerate(files):
            self.manager.add(file, "audio/wav", str(number))
        if complete:
            self.manager.complete(session)
        self.manager.remove_orphaned_files()

    def begin(self, session: str) -> None:
        self.now.session_id = session
        self.manager.clear_session_refs()

    def served(self) -> set[bytes]:
        return {file.content for file in self.manager._storage._files_by_id.values()}


@pytest.fixture
def visits(monkeypatch) -> Visits:
    return Visits(monkeypatch)


def test_a_replaced_sound_stays_for_one_run(visits):
    visits.run("mine", b"bell")
    visits.run("mine", b"siren")
    assert visits.served() == {b"bell", b"siren"}
    visits.run("mine", b"siren")
    assert visits.served() == {b"siren"}


def test_runs_that_break_off_take_nothing_from_the_page(visits):
    visits.run("mine", b"bell", b"table")
    for _ in range(3):
        visits.run("mine", b"siren", complete=False)
    assert visits.served() == {b"bell", b"table", b"siren"}
    visits.run("mine", b"rain")
    visits.run("mine", b"rain")
    assert visits.served() == {b"rain"}


def test_a_run_of_another_visitor_takes_nothing_from_the_page(visits):
    visits.run("mine", b"bell")
    visits.begin("mine")  # and takes long
    visits.run("yours", b"siren")
    assert visits.served() == {b"bell", b"siren"}


def test_a_session_that_ends_leaves_nothing(visits):
    visits.run("mine", b"bell")
    visits.run("mine", b"siren")
    visits.manager.clear_session_refs("mine")
    visits.manager.remove_orphaned_files()
    assert visits.served() == set()


@pytest.mark.browser
def test_a_sound_that_the_browser_asks_for_late_is_there(tools, page, address):
    """The page still draws the former sound when the run that replaces it has ended."""
    page.wait_for_function("document.querySelector('audio').readyState > 0")
    late = page.evaluate("document.querySelector('audio').src")
    held = []
    page.route("**/media/*", lambda route: held.append(route))
    page.evaluate("address => { new Audio(address).load(); }", late)
    upload(page, "chord.wav", plucked_chord())
    chosen(page, "chord.wav")
    tools.wait_until_drawn(page)
    assert held[0].request.url == late
    for route in held:
        response = route.fetch()
        assert response.ok, response.url
        route.fulfill(response=response)
