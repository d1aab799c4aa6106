"""How long decoding takes, against plain libsndfile on the same file in the same run.

    python benchmarks/decoding.py FOLDER [--seconds 3600]

writes stereo noise and tones to FOLDER in each format (635 MB an hour as WAV; deleted at the end)
and reads them with `open_sound` and with libsndfile in turns, block by block, with the mean over
channels. Prints the seconds of each, the best of several rounds, and their ratio.
"""

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
from long_sound import write_sound

from audioset_demo.audio.decoding import open_sound

FORMATS = ("MP3", "WAV", "FLAC", "OGG")
BLOCK_FRAMES = 2**14


def ours(path: Path) -> Iterator[np.ndarray]:
    with open_sound(path) as sound:
        yield from sound.blocks()


def libsndfile(path: Path) -> Iterator[np.ndarray]:
    with soundfile.SoundFile(path) as file:
        while len(block := file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            yield (block[:, 0] + block[:, 1]) * np.float32(0.5)


def seconds(read: Callable[[Path], Iterator[np.ndarray]], path: Path) -> float:
    started = time.perf_counter()
    deque(read(path), maxlen=0)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the sounds are written for the while")
    parser.add_argument("--seconds", type=int, default=3600, help="length of the sound")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for form in arguments.formats:
            path = Path(folder) / f"sound.{form.lower()}"
            write_sound(path, form, arguments.seconds)
            rounds = [
                (seconds(ours, path), seconds(libsndfile, path)) for _ in range(arguments.rounds)
            ]
            of_ours, of_libsndfile = map(min, zip(*rounds, strict=True))
            print(
                f"{arguments.seconds} s of {form}: {of_ours:.2f} s, libsndfile "
                f"{of_libsndfile:.2f} s, ratio {of_ours / of_libsndfile:.2f}"
            )
            path.unlink()


if __name__ == "__main__":
    main()
