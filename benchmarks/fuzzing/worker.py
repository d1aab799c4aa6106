"""The process that reads one wrong file after the other, and what it says of each.

It stands for a server: it has limits of memory and of processor time, and writes into one folder.
A file that ends or hangs it is known to its parent by the number that was never answered.
"""

import faulthandler
import hashlib
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from audioset_demo.errors import AudioSetDemoError
from fuzzing.borders import BORDERS
from fuzzing.mutations import Files, mutated

CPU_S = 5.0
MEMORY_BYTES = 1536 * 2**20  # beyond what is taken when the first file comes
LONGEST_MESSAGE = 300
RESULT, REFUSED = "results", "refused"  # any other outcome is a finding
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGING = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chmod",
            "os.truncate")  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """Of one input: `what` is a result, refused, or what was found; `detail` explains that."""

    number: int
    what: str
    detail: str
    cpu_s: float


def make_input(originals: list[Files], kind: str, seed: int, number: int) -> dict[str, bytes]:
    """The same for the same arguments."""
    random = Random(hashlib.sha256(f"{kind} {seed} {number}".encode()).digest())
    return mutated(originals[number % len(originals)], originals, random)


def work(
    kind: str, originals: list[Files], seed: int, numbers: Iterable[int], place: Path,
    pipe: Connection,
) -> None:  # fmt: skip
    """Answer each number with its outcome."""
    outside: list[str] = []
    _stay_in(place, outside)
    read = BORDERS[kind]()
    _limit()
    for number in numbers:
        outside.clear()
        folder = place / "inside" / "input"
        with _written(make_input(originals, kind, seed, number), folder):
            pipe.send(_outcome(read, folder, number, outside))
    pipe.close()


def _outcome(read, folder: Path, number: int, outside: list[str]) -> Outcome:
    signal.setitimer(signal.ITIMER_PROF, CPU_S)  # then the system ends this process
    started = time.process_time()
    what, detail = RESULT, ""
    try:
        read(folder, number)
    except AudioSetDemoError as error:
        what, detail = _checked(error)
    except (Exception, SystemExit) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        detail = "".join(traceback.format_exception(error))[-4_000:]
    finally:
        cpu_s = time.process_time() - started
        signal.setitimer(signal.ITIMER_PROF, 0)
    strays = outside + [name for name in os.listdir(folder.parents[1]) if name not in PLACES]
    if strays:
        what, detail = "writes outside its folder", ", ".join(strays)
    return Outcome(number, what, detail, cpu_s)


def _checked(error: AudioSetDemoError) -> tuple[str, str]:
    message = str(error)
    if len(message) > LONGEST_MESSAGE or not message.isprintable():
        kind = type(error).__name__
        return f"{kind} of more than {LONGEST_MESSAGE} printable characters", message
    return REFUSED, message


PLACES = ("inside", "last words")


def _stay_in(place: Path, outside: list[str]) -> None:
    """Work in `place`/inside, and note what is written outside it."""
    inside = place / "inside"
    inside.mkdir(parents=True, exist_ok=True)
    os.chdir(inside)
    for variable in ("TMPDIR", "HOME", "AUDIOSET_DEMO_CACHE", "AUDIOSET_DEMO_MODELS"):
        os.environ[variable] = str(inside / variable.lower())
        Path(os.environ[variable]).mkdir(exist_ok=True)

    def watch(event: str, arguments: tuple) -> None:
        changes = event in CHANGING or (event == "open" and (arguments[2] or 0) & WRITING)
        if changes and isinstance(arguments[0], str | bytes):
            path = os.path.abspath(os.fsdecode(arguments[0]))
            if path != os.devnull and not Path(path).is_relative_to(inside):
                outside.append(f"{event} {path}")

    sys.addaudithook(watch)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    words = (place / "last words").open("w")
    faulthandler.enable(words)
    faulthandler.register(signal.SIGPROF, words, chain=True)


def _limit() -> None:
    with open("/proc/self/statm", encoding="ascii") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    limit = taken + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class _written:
    """The files of an input in an empty folder, gone at the end."""

    def __init__(self, files: dict[str, bytes], folder: Path):
        self._files, self._folder = files, folder

    def __enter__(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        for name, data in self._files.items():
            path = self._folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)

    def __exit__(self, *_) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def last_words(place: Path) -> Iterator[str]:
    """What the process last worked on, if it was ended by a signal."""
    with suppress(OSError):
        yield (place / "last words").read_text(encoding="utf-8", errors="replace")[:4_000]
