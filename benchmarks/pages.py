"""How soon the app's pages are drawn: `python benchmarks/pages.py`, in headless Chromium.

For each page, a new visitor at its address on a warm server: the first paint of content, and when
everything is drawn. Then a click from page to page, a control of each kind, a new 10 s sound from
its upload to the full picture, the list of 31 clips, and the page of a sound of an hour that was
encoded before. What each may take stands beside it.
"""

import argparse
import importlib.util
import io
import statistics
from pathlib import Path

import numpy as np
import soundfile

RUNS = 5
PAGE_MS, CONTROL_MS, LIST_MS, HOUR_MS = 1_500, 500, 1_500, 2_000  # what each may take
SAMPLE_RATE = 44_100

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
    const stages = [...document.querySelectorAll('[data-testid=stBidiComponentRegular]')]
      .every(element => element.getBoundingClientRect().height > 50);
    if (still && shown && charts && stages) resolve(performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def sound(seed: int, seconds: int = 10, rate: int = SAMPLE_RATE) -> bytes:
    """Noise and tones, others for each seed."""
    rng = np.random.default_rng(seed)
    t = np.arange(seconds * rate) / rate
    wave = np.sin(2 * np.pi * rng.uniform(200, 2000) * t) + 0.3 * rng.standard_normal(len(t))
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.3 * wave / np.abs(wave).max(), rate, format="WAV")
    return buffer.getvalue()


def print_times(name: str, times_ms: list[float], most_ms: int | None = None) -> None:
    median = statistics.median(times_ms)
    verdict = "" if most_ms is None else f"{most_ms:7,}" + (" exceeded" if median > most_ms else "")
    print(f"  {name:34} {min(times_ms):6.0f} {median:6.0f} {verdict}", flush=True)


def timed_click(page, title: str) -> float:
    """Milliseconds from a click on a page's link until it is drawn."""
    link = page.get_by_test_id("stSidebarNav").get_by_text(title, exact=True)
    before = link.evaluate("link => { const now = performance.now(); link.click(); return now }")
    return page.evaluate(DRAWN, title) - before


def visits(chromium, address: str) -> None:
    for name, title in tools.PAGES.items():
        first, full = [], []
        for _ in range(RUNS + 1):
            page = chromium.new_page(viewport={"width": 1280, "height": 900})
            page.goto(address if name == "tag" else f"{address}/{name}", wait_until="commit")
            full.append(page.evaluate(DRAWN, title))
            first.append(page.wait_for_function(FIRST_PAINT).json_value())
            page.close()
        # The first visit fills the caches.
        print_times(f"{title}: first paint", first[1:])
        print_times(f"{title}: all drawn", full[1:], PAGE_MS)


def clicks(chromium, address: str) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    name, title = list(tools.PAGES.items())[-1]
    page.goto(f"{address}/{name}")
    page.evaluate(DRAWN, title)
    times: dict[str, list[float]] = {title: [] for title in tools.PAGES.values()}
    for _ in range(RUNS):
        for title in times:
            times[title].append(timed_click(page, title))
    for title, times_ms in times.items():
        print_times(f"click to {title}", times_ms, PAGE_MS)
    page.close()


def controls(chromium, address: str) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address)
    page.evaluate(DRAWN, tools.PAGES["tag"])
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
            before = page.evaluate("performance.now()")
            use()
            page.wait_for_selector("[data-test-script-state=running]")
            times_ms.append(page.evaluate(DRAWN, tools.PAGES["tag"]) - before)
        print_times(name, times_ms, CONTROL_MS)
    page.close()


def many_clips(chromium, address: str) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(600_000)
    page.goto(address)
    page.evaluate(DRAWN, tools.PAGES["tag"])
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
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(600_000)
    page.goto(address)
    page.evaluate(DRAWN, tools.PAGES["tag"])
    buffer = sound(0, 3_600, 8_000)
    file = {"name": "hour.wav", "mimeType": "audio/wav", "buffer": buffer}
    page.locator("input[type=file]").first.set_input_files(file)
    page.get_by_role("heading", name="hour.wav", exact=True).wait_for()
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
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address)
    page.evaluate(DRAWN, tools.PAGES["tag"])
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
    with (
        tools.served_app() as address,
        tools.sync_playwright() as playwright,
        tools.browser(playwright) as chromium,
    ):
        visits(chromium, address)
        clicks(chromium, address)
        controls(chromium, address)
        uploads(chromium, address)
        many_clips(chromium, address)
        an_hour(chromium, address)


if __name__ == "__main__":
    main()
