"""How soon the app's pages are drawn: `python benchmarks/pages.py`, in headless Chromium.

From `audioset-demo app` to the first page drawn, with the files in the disk cache. For each page, a
new visitor at its address on a warm server: the first paint of content, when everything is drawn,
and how far its layout shifted meanwhile; the same of an app of two titles, which is what Streamlit
and the browser take by themselves. Then a click from page to page, a control of each kind, a new
10 s sound from its upload to the full picture, the list of 31 clips, and the page of a sound of an
hour that was encoded before. What each may take stands beside it.
"""

import argparse
import importlib.util
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from load import server, wav

RUNS = 5
# What each may take.
START_MS, PAGE_MS, CONTROL_MS, LIST_MS, HOUR_MS = 4_000, 1_500, 500, 1_500, 2_000
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
TWO_TITLES = """import streamlit as st

def one(): st.title("Streamlit alone")
def two(): st.title("Two")
st.navigation([st.Page(one), st.Page(two)]).run()
"""

spec = importlib.util.spec_from_file_location(
    "screenshots", Path(__file__).parents[1] / "docs" / "screenshots.py"
)
tools = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tools)

# Resolves to the milliseconds since the page was asked for once nothing is left to draw.
DRAWN = """heading => new Promise(resolve => {
  const look = () => {
    const app = document.querySelector('[data-testid=stApp]');
    const still = app && app.dataset.testScriptState === 'notRunning';
    const shown = [...document.querySelectorAll('h1, h3')].some(h => h.textContent === heading);
    const charts = [...document.querySelectorAll('[data-testid=stPlotlyChart]')]
      .every(chart => chart.querySelector('.main-svg'));
    const lacks_player = ['Tag a sound', 'Attention']
      .includes(document.querySelector('h1')?.textContent)
      && ![...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
        .some(element => element.getBoundingClientRect().height > 50);
    const waits = document.querySelector('[data-testid=stSkeleton]');
    if (still && shown && charts && !lacks_player && !waits) resolve(performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""
# Sets `ran`, which resolves once the script has begun to run, however briefly it does.
WATCH_SCRIPT = """() => {
  window.ran = new Promise(resolve => new MutationObserver(resolve).observe(
    document.querySelector('[data-testid=stApp]'), {attributeFilter: ['data-test-script-state']}
  ));
}"""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def sound(seed: int, seconds: int = 10, rate: int = 44_100) -> bytes:
    return wav(np.random.default_rng(seed), seconds, rate)


def opened(chromium, address: str, title: str, window: dict = DESK):
    """A new visitor's page with this title, drawn, and the milliseconds that it took."""
    page = chromium.new_page(viewport=window)
    page.set_default_timeout(60_000)
    page.add_init_script(tools.WATCH_SHIFTS)
    page.goto(address, wait_until="commit")
    return page, page.evaluate(DRAWN, title)


def print_times(name: str, times_ms: list[float], most_ms: int | None = None) -> None:
    median = statistics.median(times_ms)
    verdict = "" if most_ms is None else f"{most_ms:7,}" + (" exceeded" if median > most_ms else "")
    print(f"  {name:34} {min(times_ms):6.0f} {median:6.0f} {verdict}", flush=True)


def timed_click(page, title: str) -> float:
    """Milliseconds from a click on a page's link until it is drawn."""
    link = page.get_by_test_id("stSidebarNav").get_by_text(title, exact=True)
    before = link.evaluate("link => { const now = performance.now(); link.click(); return now }")
    return page.evaluate(DRAWN, title) - before


def starts(chromium) -> None:
    times_ms = []
    for _ in range(RUNS):
        began = time.monotonic()
        with server(public=False) as (_, address):
            page, _ = opened(chromium, f"http://{address}", tools.PAGES["tag"])
            times_ms.append(1e3 * (time.monotonic() - began))
            page.close()
    print_times("from the command to the first page", times_ms, START_MS)


def visits(chromium, address: str, title: str) -> None:
    first, full = [], []
    for _ in range(RUNS + 1):
        page, drawn_ms = opened(chromium, address, title)
        full.append(drawn_ms)
        first.append(page.wait_for_function(FIRST_PAINT).json_value())
        page.close()
    # The first visit fills the caches.
    print_times(f"{title}: first paint", first[1:])
    print_times(f"{title}: all drawn", full[1:], PAGE_MS)
    shifts = []
    for window in (DESK, PHONE):
        page, _ = opened(chromium, address, title, window)
        page.wait_for_timeout(500)  # shifts are reported after they were drawn
        shifts.append(page.evaluate("window.shifted"))
        page.close()
    print("  {:34} {:6.2f} {:6.2f}".format(f"{title}: shift, desk, phone", *shifts), flush=True)


def clicks(chromium, address: str) -> None:
    page, _ = opened(chromium, f"{address}/encoder", tools.PAGES["encoder"])
    times: dict[str, list[float]] = {title: [] for title in tools.PAGES.values()}
    for _ in range(RUNS):
        for title in times:
            times[title].append(timed_click(page, title))
    for title, times_ms in times.items():
        print_times(f"click to {title}", times_ms, PAGE_MS)
    page.close()


def controls(chromium, address: str) -> None:
    page, _ = opened(chromium, address, tools.PAGES["tag"])
    slider = page.get_by_role("slider", name="Events begin at a score of")
    fold = page.get_by_text("Children under parents")
    tags = page.get_by_role("slider", name="Number of tags")
    for name, use in (
        ("threshold of events", lambda: slider.press("ArrowRight")),
        ("children under parents", fold.click),
        ("number of tags", lambda: tags.press("ArrowLeft")),
    ):
        times_ms = []
        for _ in range(RUNS):
            tools.wait_until_drawn(page)
            page.evaluate(WATCH_SCRIPT)
            before = page.evaluate("performance.now()")
            use()
            page.evaluate("window.ran.then(() => null)")
            times_ms.append(page.evaluate(DRAWN, tools.PAGES["tag"]) - before)
        print_times(name, times_ms, CONTROL_MS)
    page.close()


def many_clips(chromium, address: str) -> None:
    page, _ = opened(chromium, address, tools.PAGES["tag"])
    files = [
        {"name": f"clip{seed}.wav", "mimeType": "audio/wav", "buffer": sound(seed, 10, 16_000)}
        for seed in range(30)
    ]
    page.locator("input[type=file]").first.set_input_files(files)
    page.evaluate(DRAWN, files[0]["name"])
    timed_click(page, tools.PAGES["visit"])  # tags them all
    times_ms = []
    for _ in range(RUNS):
        timed_click(page, tools.PAGES["encoder"])
        times_ms.append(timed_click(page, tools.PAGES["visit"]))
    print_times("click to the list of 31 clips", times_ms, LIST_MS)
    page.close()


def an_hour(chromium, address: str) -> None:
    page, _ = opened(chromium, address, tools.PAGES["tag"])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "hour.wav"  # too large to be handed to the browser from memory
        file.write_bytes(sound(0, 3_600, 8_000))
        page.locator("input[type=file]").first.set_input_files(file)
        page.get_by_role("heading", name=file.name, exact=True).wait_for()
    page.evaluate(DRAWN, "hour.wav")
    times: dict[str, list[float]] = {name: [] for name in ("tag", "attention")}
    for _ in range(RUNS):
        timed_click(page, tools.PAGES["encoder"])
        for name, times_ms in times.items():
            times_ms.append(timed_click(page, tools.PAGES[name]))
    for name, times_ms in times.items():
        print_times(f"an hour: click to {tools.PAGES[name]}", times_ms, HOUR_MS)
    page.close()


def uploads(chromium, address: str) -> None:
    page, _ = opened(chromium, address, tools.PAGES["tag"])
    times_ms = []
    for run in range(RUNS + 1):
        file = {"name": f"sound{run}.wav", "mimeType": "audio/wav", "buffer": sound(run)}
        before = page.evaluate("performance.now()")
        page.locator("input[type=file]").first.set_input_files(file)
        times_ms.append(page.evaluate(DRAWN, file["name"]) - before)
    print_times("a new 10 s sound, 44.1 kHz WAV", times_ms[1:])
    page.close()


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    print(f"{'milliseconds':36} {'least':>6} {'median':>6} {'at most':>7}")
    with tools.sync_playwright() as playwright, tools.browser(playwright) as chromium:
        starts(chromium)
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "alone.py"
            script.write_text(TWO_TITLES, encoding="utf-8")
            with tools.served_app(script) as address:
                visits(chromium, address, "Streamlit alone")
        with tools.served_app() as address:
            for name, title in tools.PAGES.items():
                visits(chromium, address if name == "tag" else f"{address}/{name}", title)
            for measure in (clicks, controls, uploads, many_clips, an_hour):
                measure(chromium, address)


if __name__ == "__main__":
    main()
