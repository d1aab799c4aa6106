"""How soon the Live page shows what it heard: `python benchmarks/live.py`, in headless Chromium.

Chromium's microphone plays a file. Prints the seconds from the end of a frame's sound until its
tags are shown, the seconds of sound lost on the way, and the server's share of a core.
"""

import argparse
import os
import re
import tempfile
import time
from pathlib import Path

import numpy as np
from load import server
from pages import tools

from audioset_demo.audio.samples import synthesise
from audioset_demo.audio.waveform import resample, wav_bytes

FIGURES = re.compile(r"Shown ([\d.]+) s after it was heard · ([\d.]+) s lost")
WARM_UP_S = 5


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def listen(page, seconds: float) -> tuple[list[float], float]:
    """Each delay that the page tells, and the seconds lost in all."""
    delays: list[float] = []
    lost, last, end_s = 0.0, "", time.monotonic() + seconds
    while time.monotonic() < end_s:
        page.wait_for_timeout(100)
        text = page.locator(".figures").text_content()
        if text != last and (found := FIGURES.match(text)):
            delays.append(float(found[1]))
            lost, last = float(found[2]), text
    return delays, lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to listen")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder, server() as (process, address):
        sound = Path(folder) / "sequence.wav"
        sound.write_bytes(wav_bytes(resample(synthesise("sequence"), 16_000)))
        arguments = [
            *tools.CHROMIUM_ARGUMENTS,
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={sound}",
        ]
        with tools.sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=tools.CHROMIUM, args=arguments, timeout=tools.TIMEOUT_S * 1000
            )
            page = chromium.new_page()
            page.set_default_timeout(tools.TIMEOUT_S * 1000)
            page.goto(f"http://{address}/live")
            page.get_by_role("button", name="Start", exact=True).click()
            page.get_by_text(FIGURES).wait_for()
            page.wait_for_timeout(WARM_UP_S * 1000)
            before_s, started_s = cpu_s(process.pid), time.monotonic()
            delays, lost = listen(page, seconds)
            share = (cpu_s(process.pid) - before_s) / (time.monotonic() - started_s)
            chromium.close()
    median, late = np.percentile(delays, [50, 95])
    print(f"shown after: median {median:.2f} s, 95 % {late:.2f} s, of {len(delays)} frames")
    print(f"lost: {lost:.2f} s; the server takes {share:.0%} of a core")


if __name__ == "__main__":
    main()
