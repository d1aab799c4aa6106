"""Many visitors at once, on the real server: what they wait, and what memory it takes.

    python benchmarks/load.py [--visitors 30] [--minutes 10] [--uploads 0]

Starts the app, as it is served to the public, in a process of its own. Each visitor, a session by
Streamlit's own protocol, uploads a sound of its own, walks all pages and fetches what is played and
every download. Its tags must be those that the library gives for its sound; what is played must
hold its sound's SHA-256; and no download may be missing or name another visitor. Prints how many
were wrong or lost, what the visitors waited, the processor time that each took, and the resident
memory: before, at its peak, and some minutes after they left. With `--uploads`, so many sounds are
uploaded then, by visitors who come and go, and the memory is printed as they do, and some minutes
after the last one left.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier

import numpy as np
import soundfile
from visitor import Page, Visitor

from audioset_demo import load_tagger

SAMPLE_RATE = 16_000
NAME = re.compile(rb"visitor_\d+")
UPLOADS_A_VISIT = 20
START_S, TOGETHER_S = 60.0, 120.0
DOWNLOADS = 17  # of all pages
LONGEST_S = 20.0
SCORE_TOLERANCE = 2e-3  # batches of other sizes round otherwise


@dataclass
class Sound:
    """The sound of one visitor, and its top tag."""

    name: str
    data: bytes
    label: str
    score: float


@dataclass
class Report:
    """What one visitor met: seconds to the picture and of each page, and what was not right."""

    picture_s: float = 0.0
    pages_s: list[float] = field(default_factory=list)
    fetched: int = 0
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def sounds(count: int) -> list[Sound]:
    """Tones in noise, each of other pitches and another length, and what the library hears."""
    tagger = load_tagger(encoder="compact")
    made = []
    for number in range(count):
        rng = np.random.default_rng(number)
        data, name = wav(rng, rng.uniform(3, LONGEST_S)), f"visitor_{number:03d}.wav"
        tagging = tagger.tag(data, tail="auto")  # the app's default
        top = tagging.top(1)[0]
        made.append(Sound(name, data, tagging.labels[top].name, float(tagging.scores[top])))
    return made


def wav(rng: np.random.Generator, seconds: float, rate: int = SAMPLE_RATE) -> bytes:
    """A WAV file of a tone that comes and goes, in noise."""
    times_s = np.arange(int(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * rng.uniform(100, 4000) * times_s)
    tone *= np.sin(2 * np.pi * rng.uniform(0.2, 8) * times_s)
    samples = 0.3 * tone + rng.uniform(0.001, 0.1) * rng.standard_normal(len(tone))
    file = io.BytesIO()
    soundfile.write(file, samples.clip(-1, 1), rate, format="WAV")
    return file.getvalue()


@contextmanager
def server(public: bool = True, limit_bytes: int | None = None):
    """The app on a free port, with a limit of its memory; yields its process and address."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "audioset_demo", "app", "--port", str(port), "--no-browser"]
    command += ["--public"] if public else []
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if limit_bytes:  # of what it writes to; what it maps from files is not counted
        resource.prlimit(process.pid, resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
    address = f"localhost:{port}"
    try:
        for _ in range(int(START_S / 0.2)):
            time.sleep(0.2)
            try:
                Visitor(address).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit("The server has ended.") from None
        else:
            raise SystemExit(f"The server did not answer for {START_S:.0f} s.")
        yield process, address
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def megabytes(process: subprocess.Popen, what: str = "VmRSS") -> float:
    """Resident memory of the server; `VmHWM`: its peak."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1e3


def used_s(process: subprocess.Popen) -> float:
    """Processor seconds that the server has used."""
    numbers = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def visit(address: str, sound: Sound, together: Barrier) -> Report:
    """One visitor, from the first page to the last download."""
    report = Report()
    visitor = None
    try:
        visitor = Visitor(address)
        visitor.go()
        together.wait(TOGETHER_S)
        page = visitor.upload(sound.name, sound.data)
        report.picture_s = page.seconds
        _check_picture(visitor, page, sound, report)
        n_downloads = 0
        for name in visitor.pages:
            page = visitor.go(name)
            report.pages_s.append(page.seconds)
            n_downloads += len(page.downloads)
            for label, url in page.downloads:
                _fetch(visitor, f"{name} {label}", url, sound, report)
        if n_downloads != DOWNLOADS:
            report.lost.append(f"{sound.name}: {n_downloads} downloads in place of {DOWNLOADS}")
    except Exception as error:
        report.lost.append(f"{sound.name}: {type(error).__name__}: {error}")
        together.abort()
    finally:
        if visitor:
            visitor.close()
    return report


def _check_picture(visitor: Visitor, page: Page, sound: Sound, report: Report) -> None:
    first = next((url for label, url in page.downloads if label == "JSON"), None)
    tags = first and _fetch(visitor, "tags", first, sound, report)
    if not tags:
        report.lost.append(f"{sound.name}: no tags, {page.alerts}")
        return
    found = json.loads(tags)
    top = found["tags"][0]
    if (found["file"], top["label"]) != (sound.name, sound.label) or (
        abs(top["score"] - sound.score) > SCORE_TOLERANCE
    ):
        report.wrong.append(f"{sound.name}: {found['file']}, {top}")
    if len(page.media) != 1:
        report.lost.append(f"{sound.name}: {len(page.media)} sounds to play")
    for url in page.media:
        played = _fetch(visitor, "played", url, sound, report)
        if played and hashlib.sha256(sound.data).hexdigest().encode() not in played:
            report.wrong.append(f"{sound.name}: another sound is played")


def _fetch(visitor: Visitor, what: str, url: str, sound: Sound, report: Report) -> bytes | None:
    answer = visitor.get(url)
    report.fetched += 1
    if answer.status_code != 200:
        report.lost.append(f"{sound.name}: {what}: {answer.status_code}")
        return None
    named = set(NAME.findall(answer.content))
    if not named <= {sound.name.removesuffix(".wav").encode()}:
        report.wrong.append(f"{sound.name}: {what} names {named}")
    return answer.content


def percentiles(seconds: list[float]) -> str:
    half, most, worst = np.percentile(seconds, [50, 95, 100])
    return f"median {half:.2f} s, 95 % {most:.2f} s, longest {worst:.2f} s"


def upload_many(address: str, count: int, process: subprocess.Popen) -> None:
    """Upload `count` sounds, and print the memory at each twentieth."""
    visitor = Visitor(address)
    visitor.go()
    for number in range(1, count + 1):
        if number % UPLOADS_A_VISIT == 0:
            visitor.close()
            visitor = Visitor(address)
            visitor.go()
        rng = np.random.default_rng([1, number])
        page = visitor.upload(f"visitor_{number}.wav", wav(rng, 3.0))
        if not page.media:
            raise SystemExit(f"Upload {number} was not taken: {page.alerts}")
        if number % max(1, count // 20) == 0:
            print(f"after {number} uploads: {megabytes(process):.0f} MB", flush=True)
    visitor.close()


def wait(minutes: float, process: subprocess.Popen, before_mb: float) -> None:
    """Print the memory some minutes later, and how far it is from what it was before."""
    if minutes:
        time.sleep(60 * minutes)
        after_mb = megabytes(process)
        print(f"after {minutes:g} minutes: {after_mb:.0f} MB ({after_mb / before_mb - 1:+.0%})")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=10, help="to wait after they left")
    parser.add_argument("--uploads", type=int, default=0)
    arguments = parser.parse_args()
    of_visitors = sounds(arguments.visitors)
    with server() as (process, address):
        alone = visit(address, of_visitors[0], Barrier(1))
        before_mb = megabytes(process)
        print(f"alone: picture {alone.picture_s:.2f} s; {before_mb:.0f} MB", flush=True)
        before_s = used_s(process)
        together = Barrier(len(of_visitors))
        with ThreadPoolExecutor(len(of_visitors)) as pool:
            reports = list(pool.map(lambda sound: visit(address, sound, together), of_visitors))
        peak_mb = megabytes(process, "VmHWM")
        for kind in ("wrong", "lost"):
            found = [line for report in [alone, *reports] for line in getattr(report, kind)]
            print(f"{kind}: {len(found)}", *found[:10], sep="\n  ")
        each_s = (used_s(process) - before_s) / len(of_visitors)
        print(f"processor: {each_s:.2f} s a visitor")
        print(f"fetched: {sum(report.fetched for report in reports)} files")
        print("upload to picture:", percentiles([report.picture_s for report in reports]))
        print("a page:", percentiles([s for report in reports for s in report.pages_s]))
        print(f"peak: {peak_mb:.0f} MB", flush=True)
        wait(arguments.minutes, process, before_mb)
        if arguments.uploads:
            upload_many(address, arguments.uploads, process)
            wait(arguments.minutes, process, before_mb)
        print(f"peak: {megabytes(process, 'VmHWM'):.0f} MB")
    return int(any(report.wrong or report.lost for report in [alone, *reports]))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.exit(main())
