"""How soon the app's pages are drawn: `python benchmarks/pages.py`, in headless Chromium.

For each page, a new visitor at its address on a warm server: the first paint of content, and when
everything is drawn. Then a click from page to page, and a new 10 s sound from its upload to the
full picture.
"""

import argparse
import importlib.util
import io
import statistics
from pathlib import Path

import numpy as np
import soundfile

RUNS = 5
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


def sound(seed: int) -> bytes:
    """Ten seconds of noise and tones, another one for each seed."""
    rng = np.random.default_rng(seed)
    t = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    wave = np.sin(2 * np.pi * rng.uniform(200, 2000) * t) + 0.3 * rng.standard_normal(len(t))
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.3 * wave / np.abs(wave).max(), SAMPLE_RATE, format="WAV")
    return buffer.getvalue()


def print_times(name: str, times_ms: list[float]) -> None:
    print(f"  {name:34} {min(times_ms):6.0f} {statistics.median(times_ms):6.0f}", flush=True)


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
        print_times(f"{title}: all drawn", full[1:])


def clicks(chromium, address: str) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    name, title = list(tools.PAGES.items())[-1]
    page.goto(f"{address}/{name}")
    page.evaluate(DRAWN, title)
    times: dict[str, list[float]] = {title: [] for title in tools.PAGES.values()}
    for _ in range(RUNS):
        for title in times:
            link = page.get_by_test_id("stSidebarNav").get_by_text(title, exact=True)
            before = link.evaluate(
                "link => { const now = performance.now(); link.click(); return now }"
            )
            times[title].append(page.evaluate(DRAWN, title) - before)
    for title, times_ms in times.items():
        print_times(f"click to {title}", times_ms)
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
    print(f"{'milliseconds':36} {'least':>6} {'median':>6}")
    with (
        tools.served_app() as address,
        tools.sync_playwright() as playwright,
        tools.browser(playwright) as chromium,
    ):
        visits(chromium, address)
        clicks(chromium, address)
        uploads(chromium, address)


if __name__ == "__main__":
    main()
