"""What every test of the app needs."""

import importlib.util
import shutil
import sys

import pytest
from streamlit.testing.v1 import AppTest

from audioset_demo.views.drawn_once import draw_once
from tests.views.apptest import ROOT, new_app


@pytest.fixture(autouse=True)
def main_stays_pytest():
    """AppTest makes the app's script `__main__`, which a process spawned later would run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def drawn_anew():
    """No test is shown what another one's figures and tables were."""
    draw_once.clear()


@pytest.fixture
def app(tmp_path, monkeypatch) -> AppTest:
    """The app as a first visitor sees it, VGGish not installed."""
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(ROOT)
    return new_app()


@pytest.fixture(scope="module")
def tools():
    """How the screenshots start the app and the browser: the tests do the same."""
    pytest.importorskip("playwright", reason="needs playwright: pip install 'audioset-demo[test]'")
    spec = importlib.util.spec_from_file_location("screenshots", ROOT / "docs" / "screenshots.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if shutil.which(module.CHROMIUM) is None:
        pytest.skip(f"needs Chromium at {module.CHROMIUM}: apt install chromium")
    return module


@pytest.fixture(scope="module")
def address(tools):
    with tools.served_app() as address:
        yield address


@pytest.fixture(scope="module")
def browser(tools):
    with tools.sync_playwright() as playwright, tools.browser(playwright) as browser:
        yield browser


@pytest.fixture
def page(tools, address, browser):
    """The first page, drawn; fails if anything went wrong in the browser meanwhile."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(tools.TIMEOUT_S * 1000)
    wrong: list[str] = []
    # Streamlit's front end looks for its server below the path of the page first.
    page.on(
        "console",
        lambda line: (
            line.type == "error"
            and "/_stcore/" not in line.location.get("url", "")
            and wrong.append(f"{line.text} {line.location}")
        ),
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda request: (
            request.url.startswith(("http:", "https:", "ws:", "wss:"))
            and f"//{address.split('//')[1]}" not in request.url
            and wrong.append(request.url)
        ),
    )
    page.goto(address)
    page.get_by_role("heading", name="Tag a sound", exact=True).wait_for()
    tools.wait_until_drawn(page)
    yield page
    page.close()
    assert not wrong
