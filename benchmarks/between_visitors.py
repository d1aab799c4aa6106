"""What visitors could do to each other, tried on the real server by Streamlit's own protocol.

    python benchmarks/between_visitors.py [exports] [alike] [zip] [large]

exports: one visitor fetches 40 downloads while three others open a page every 0.2 s.
alike: two visitors open sounds of one name and length, above 1 MB, that differ only in places that
    Streamlit leaves out when it compares media.
zip: one visitor makes and saves the ZIP while three others open pages.
large: one visitor opens 24 files of 95 MB at once, on a server that may write to 2.5 GB.
"""

from __future__ import annotations

import hashlib
import io
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import numpy as np
import soundfile
from load import megabytes, server, wav
from visitor import Visitor

N_EXPORTS, N_OTHERS, PAUSE_S = 40, 3, 0.2
RATE, ALIKE_S = 16_000, 60
N_LARGE, LARGE_BYTES, LARGE_RATE, LIMIT_BYTES = 24, 95_000_000, 192_000, 2_500_000_000


@contextmanager
def others(address: str) -> Iterator[None]:
    """Other visitors, each of whom opens a page every so often."""
    left = Event()

    def walk() -> None:
        visitor = Visitor(address)
        visitor.go()
        while not left.wait(PAUSE_S):
            visitor.go("visit")
        visitor.close()

    threads = [Thread(target=walk) for _ in range(N_OTHERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        left.set()
        for thread in threads:
            thread.join()


def exports(address: str, count: int = N_EXPORTS) -> str:
    """Downloads, each fetched a while after its page was drawn."""
    visitor, codes = Visitor(address), []
    visitor.go()
    visitor.upload("mine.wav", wav(np.random.default_rng(0), 5.0))
    with others(address):
        while len(codes) < count:
            for name in ("", "embeddings", "visit"):
                for _, url in visitor.go(name).downloads[: count - len(codes)]:
                    time.sleep(PAUSE_S)
                    codes.append(visitor.get(url).status_code)
    visitor.close()
    return f"{sum(code != 200 for code in codes)} of {len(codes)} downloads lost"


def alike(address: str) -> str:
    """Two sounds that Streamlit's key for media does not distinguish."""
    visitors, sounds, own = [], [], 0
    for pitch_hz in (300, 500):
        samples = np.zeros(ALIKE_S * RATE)
        times_s = np.arange(5 * RATE) / RATE
        samples[10 * RATE : 15 * RATE] = 0.5 * np.sin(2 * np.pi * pitch_hz * times_s)
        file = io.BytesIO()
        soundfile.write(file, samples, RATE, format="WAV")
        sounds.append(file.getvalue())
        visitors.append(Visitor(address))
        visitors[-1].go()
    media = [v.upload("same.wav", sound).media for v, sound in zip(visitors, sounds, strict=True)]
    for visitor, sound, (url,) in zip(visitors, sounds, media, strict=True):
        played = visitor.get(url).content
        own += hashlib.sha256(sound).hexdigest().encode() in played and sound[44:] in played
        visitor.close()
    return f"{own} of 2 visitors play their own sound of {len(sounds[0]):,} bytes"


def zip_pressed(address: str) -> str:
    """The ZIP, made on a click and saved."""
    visitor = Visitor(address)
    visitor.go()
    visitor.upload("mine.wav", wav(np.random.default_rng(0), 5.0))
    with others(address):
        visitor.go("visit")
        page = visitor.press("Make the ZIP")
        url = dict(page.downloads)["Save the ZIP"]
        time.sleep(5 * PAUSE_S)
        answer = visitor.get(url)
    visitor.close()
    with zipfile.ZipFile(io.BytesIO(answer.content)) as made:
        damaged, names = made.testzip(), made.namelist()
    return f"ZIP of {len(answer.content):,} bytes: {len(names)} files, damaged: {damaged}"


def large() -> str:
    """Large files of one visitor."""
    # At a high rate it is short, and read fast.
    samples = np.random.default_rng(0).normal(0, 0.1, (LARGE_BYTES // 4, 2)).clip(-1, 1)
    file = io.BytesIO()
    soundfile.write(file, samples, LARGE_RATE, format="WAV")
    sound = file.getvalue()
    with server(public=False, limit_bytes=LIMIT_BYTES) as (process, address):
        visitor = Visitor(address)
        visitor.go()
        page = visitor.upload_all({f"{n}.wav": sound for n in range(N_LARGE)})
        for alert in page.alerts:
            print("  said:", alert)
        visitor.close()
        later = Visitor(address)
        drawn = bool(later.go().texts)
        later.close()
        return f"peak {megabytes(process, 'VmHWM'):.0f} MB; the next visitor gets a page: {drawn}"


def main() -> None:
    cases = {"exports": exports, "alike": alike, "zip": zip_pressed}
    chosen = sys.argv[1:] or [*cases, "large"]
    if wrong := set(chosen) - {*cases, "large"}:
        raise SystemExit(f"There is no case {', '.join(sorted(wrong))}.\n{__doc__}")
    if set(chosen) & set(cases):
        with server(public=False) as (_, address):
            for name in chosen:
                if name in cases:
                    print(f"{name}: {cases[name](address)}", flush=True)
    if "large" in chosen:
        print(f"large: {large()}")


if __name__ == "__main__":
    main()
