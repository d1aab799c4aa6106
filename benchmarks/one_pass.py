"""One pass over a sound for its pictures, its embeddings and what is played, against three.

    python benchmarks/one_pass.py FOLDER [--seconds N] [--format MP3|WAV|FLAC]

writes a stereo sound to FOLDER (deleted at the end) and reads it with the compact encoder: three
times, once for each of the three, and once for all, in turns. Prints the median seconds of both,
their ratio, and what one pass for the embeddings alone takes.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from long_sound import write_sound

from audioset_demo.audio.decoding import Sound, open_sound
from audioset_demo.audio.playback import Playback, playback
from audioset_demo.charts.overview import Overview, draw
from audioset_demo.encoders.compact import CompactEncoder


def seconds(path: Path, work: Callable[[Sound], object]) -> float:
    started = time.perf_counter()
    with open_sound(path) as sound:
        work(sound)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", type=Path, help="where the sound is written, and deleted at the end"
    )
    parser.add_argument("--seconds", type=int, default=590, help="beyond 600, Opus is played")
    parser.add_argument("--format", choices=("WAV", "MP3", "FLAC"), default="MP3")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    encoder = CompactEncoder()

    def all_at_once(sound: Sound) -> None:
        overview, played = Overview(sound), Playback(sound.sample_rate, "benchmark")
        encoder.encode(sound, listeners=(overview, played))
        overview.drawn()
        played.played()

    once, thrice, alone = [], [], []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / f"sound.{arguments.format.lower()}"
        write_sound(path, arguments.format, arguments.seconds)
        for _ in range(arguments.repeats):
            alone.append(seconds(path, encoder.encode))
            others = seconds(path, draw) + seconds(path, playback)
            thrice.append(others + seconds(path, encoder.encode))
            once.append(seconds(path, all_at_once))
    a, b = statistics.median(once), statistics.median(thrice)
    print(f"{arguments.seconds} s of {arguments.format}: one pass {a:.2f} s, three {b:.2f} s")
    print(f"ratio {a / b:.2f}; embeddings alone {statistics.median(alone):.2f} s")


if __name__ == "__main__":
    main()
