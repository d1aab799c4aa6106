"""Make the pictures of every page, light and dark: `python docs/screenshots.py`.

Starts the app on a free port, drives it in headless Chromium, and writes `docs/PAGE-THEME.png`,
and `docs/player-THEME.png` of the player alone.
"""

import argparse
import contextlib
import io
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from audioset_demo.views.entry import SERVED, SERVER

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"  # Debian's
CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGES = {
    "tag": "Tag a sound",
    "attention": "Attention",
    "embeddings": "Embeddings",
    "visit": "This visit",
    "classes": "Classes",
    "models": "Models",
    "encoder": "Compact encoder",
}
THEMES = ("light", "dark")
TIMEOUT_S = 120  # for anything the app or the browser does, on a busy machine
WIDTH = 1280
MAX_HEIGHT = 4000
# Adds up the layout shifts of a page that no click or key caused.
WATCH_SHIFTS = """window.shifted = 0;
new PerformanceObserver(list => list.getEntries().forEach(shift => {
  if (!shift.hadRecentInput) window.shifted += shift.value;
})).observe({type: 'layout-shift', buffered: true});"""


@contextlib.contextmanager
def served_app(script: Path = SERVED, *arguments: str) -> Iterator[str]:
    """The app on a free port, and its address; stopped afterwards.

    `arguments` are the script's own.
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            SERVER,
            "run",
            str(script),
            "--server.port",
            str(port),
            "--server.headless",
            "true",
            "--",
            *arguments,
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    address = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                    break
            except (urllib.error.URLError, OSError):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the app did not start on port {port}") from None
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


@contextlib.contextmanager
def browser(playwright: Playwright) -> Iterator[Browser]:
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
    try:
        yield chromium
    finally:
        chromium.close()


def wait_until_drawn(page: Page) -> None:
    """Until the script has finished and every chart has been drawn."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function(
        "[...document.querySelectorAll('[data-testid=stPlotlyChart]')]"
        ".every(chart => chart.querySelector('.main-svg'))"
    )
    page.wait_for_timeout(800)


def open_page(page: Page, title: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_text(title, exact=True).click()
    page.get_by_role("heading", name=title, exact=True).wait_for()
    wait_until_drawn(page)


def take_pictures(chromium: Browser, address: str, theme: str, folder: Path) -> None:
    page = chromium.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme=theme)
    page.set_default_timeout(TIMEOUT_S * 1000)
    page.goto(address)
    page.get_by_role("heading", name=PAGES["tag"], exact=True).wait_for()
    wait_until_drawn(page)
    for name, title in PAGES.items():
        page.set_viewport_size({"width": WIDTH, "height": 900})
        open_page(page, title)
        # The page scrolls inside the window: the window is made as tall as the page.
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": WIDTH, "height": min(height, MAX_HEIGHT)})
        wait_until_drawn(page)
        _save(page.screenshot(), folder / f"{name}-{theme}.png")
        if name == "tag":
            _save(player_in_use(page), folder / f"player-{theme}.png")
    page.close()


def player_in_use(page: Page) -> bytes:
    """A picture of the player alone, its playhead in the third of the first sample's sounds."""
    page.wait_for_function("document.querySelector('audio').readyState > 0")
    page.evaluate("document.querySelector('audio').currentTime = 7.5")
    page.wait_for_timeout(500)
    return page.get_by_role("slider", name="Playhead").screenshot()


def _save(png: bytes, path: Path) -> None:
    # 256 colours are enough for flat areas and text, and a third of the size.
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="folder of the pictures")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    with served_app() as address, sync_playwright() as playwright, browser(playwright) as chromium:
        for theme in THEMES:
            take_pictures(chromium, address, theme, folder)


if __name__ == "__main__":
    main()
