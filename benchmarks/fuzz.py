"""Wrong files by the thousand, read where the app and the commands read those of others.

    python benchmarks/fuzz.py FOLDER [--inputs 1000] [--kind sound embeddings ...] [--seed 0]
        [--jobs 1] [--sounds FOLDER...] [--only NUMBER]

makes right files of each kind (`fuzzing/originals.py`), changes them (`fuzzing/mutations.py`) and
has processes with limits read them (`fuzzing/worker.py`, `fuzzing/borders.py`). An input must end
within 5 s of processor time in a result, or in an error of ours of at most 300 characters, and
nothing may be written outside its folder. All else is a finding: FOLDER/findings keeps each as
files, and FOLDER/report.json and report.md the numbers. The exit code is 1 if there was any.

The same seed and number give the same input; with --sounds, as long as those files are the same.
"""

import argparse
import json
import multiprocessing
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from fuzzing.mutations import Files
from fuzzing.originals import ORIGINALS, real_sounds
from fuzzing.worker import REFUSED, RESULT, Outcome, last_words, make_input, work

A_PROCESS = 5_000  # inputs that one process reads, at most
KEPT = 5  # findings of one sort
REPORT_S = 60  # from one report to the next
WALL_S = 300  # without an answer, on a busy machine
# Of 100 inputs. Those of a kind that is slow to read, or that only the owner reads, are fewer.
SHARES = {
    "sound": 30, "embeddings": 15, "packed": 10, "tfrecord": 5, "checkpoint": 8, "reference": 5,
    "published": 5, "run": 4, "table": 6, "text": 11, "query": 1,
}  # fmt: skip


@dataclass
class Tally:
    """What became of the inputs of one kind."""

    outcomes: Counter = field(default_factory=Counter)
    slowest_s: float = 0.0
    findings: dict[str, list[int]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        found = outcome.what not in (RESULT, REFUSED)
        self.outcomes["findings" if found else outcome.what] += 1
        self.slowest_s = max(self.slowest_s, outcome.cpu_s)
        if found:
            self.findings.setdefault(outcome.what, []).append(outcome.number)

    def join(self, other: "Tally") -> None:
        """Add what became of other inputs."""
        self.outcomes += other.outcomes
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        for what, numbers in other.findings.items():
            self.findings.setdefault(what, []).extend(numbers)


def read_all(
    kind: str, originals: list[Files], seed: int, numbers: Sequence[int]
) -> Iterator[Outcome]:
    """The outcome of each number. A process that ends is replaced by another."""
    spawn, waiting = multiprocessing.get_context("spawn"), list(numbers)
    while waiting:
        ours, theirs = spawn.Pipe(duplex=False)
        with tempfile.TemporaryDirectory() as place:
            given = waiting[:A_PROCESS]
            process = spawn.Process(
                target=work, args=(kind, originals, seed, given, Path(place), theirs)
            )
            process.start()
            theirs.close()
            for number in given:
                outcome = _answer(ours, process, number, Path(place))
                waiting.pop(0)
                yield outcome
                if not process.is_alive() and outcome.what.startswith("ended"):
                    break
            process.join(WALL_S)


def _answer(pipe, process, number: int, place: Path) -> Outcome:
    try:
        if pipe.poll(WALL_S):
            return pipe.recv()
        process.kill()
    except EOFError:
        pass
    process.join()
    words = "\n".join(last_words(place))
    return Outcome(number, f"ended the process by signal {-process.exitcode}", words, 0.0)


def fuzz(
    kind: str, originals: list[Files], seed: int, numbers: Sequence[int], tally: Tally, folder: Path
) -> None:
    """Count what becomes of some inputs of a kind, and keep the first findings of each sort."""
    for outcome in read_all(kind, originals, seed, numbers):
        tally.add(outcome)
        if outcome.what not in (RESULT, REFUSED):
            print(f"{kind} {outcome.number}: {outcome.what}", file=sys.stderr, flush=True)
            if len(tally.findings[outcome.what]) <= KEPT:
                files = make_input(originals, kind, seed, outcome.number)
                _keep(folder / "findings" / f"{kind}-{outcome.number}", outcome, files)


def fuzz_parts(
    kind: str, originals: list[Files], seed: int, parts: Sequence[Sequence[int]],
    tallies: Sequence[Tally], folder: Path,
) -> Iterator[None]:  # fmt: skip
    """Read parts of the inputs at the same time; yields when a report is due, and at the end."""
    with ThreadPoolExecutor(len(parts)) as pool:
        jobs = [
            pool.submit(fuzz, kind, originals, seed, numbers, tally, folder)
            for numbers, tally in zip(parts, tallies, strict=True)
        ]
        while wait(jobs, REPORT_S).not_done:
            yield
        for job in jobs:
            job.result()  # raises what it raised
        yield


def _keep(folder: Path, outcome: Outcome, files: Files) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "finding.txt").write_text(
        f"{outcome.what}\n{outcome.detail}\n", encoding="utf-8", errors="backslashreplace"
    )


def numbers_of(kind: str, inputs: int, kinds: Sequence[str], jobs: int) -> list[range]:
    """The numbers of a kind's inputs, divided among the jobs."""
    count = max(1, round(inputs * SHARES[kind] / sum(SHARES[other] for other in kinds)))
    size = -(-count // jobs)
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def write_report(folder: Path, tallies: dict[str, list[Tally]], about: dict) -> str:
    """Both forms of the report; the table is returned."""
    rows = [
        "| kind | inputs | results | refused | findings | slowest, s |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    record = {}
    every = [tally for parts in tallies.values() for tally in parts]
    for kind, parts in [*tallies.items(), ("all", every)]:
        tally = Tally()
        for part in parts:
            tally.join(part)
        counts = [tally.outcomes[what] for what in (RESULT, REFUSED, "findings")]
        cells = " | ".join(f"{count:,}" for count in (sum(counts), *counts))
        rows.append(f"| {kind} | {cells} | {tally.slowest_s:.1f} |")
        record[kind] = {
            "inputs": sum(counts), **dict(zip((RESULT, REFUSED, "findings"), counts, strict=True)),
            "slowest_cpu_s": round(tally.slowest_s, 3), "found": tally.findings,
        }  # fmt: skip
    table = "\n".join(rows) + "\n"
    (folder / "report.md").write_text(table, encoding="utf-8")
    report = json.dumps({**about, "kinds": record}, indent=1) + "\n"
    (folder / "report.json").write_text(report, encoding="utf-8")
    return table


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="for the report and the findings")
    parser.add_argument("--inputs", type=int, default=1_000, help="of all kinds together")
    parser.add_argument("--kind", nargs="+", choices=SHARES, default=list(SHARES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes at the same time")
    parser.add_argument("--sounds", type=Path, nargs="+", default=[], metavar="FOLDER",
                        help="real sounds, changed beside those that are made")  # fmt: skip
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this input alone")
    arguments = parser.parse_args()
    folder, real = arguments.folder, real_sounds(arguments.sounds)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    tallies: dict[str, list[Tally]] = {}
    about = {"seed": arguments.seed, "real_sounds": len(real), "python": platform.python_version()}
    for kind in arguments.kind:
        parts = numbers_of(kind, arguments.inputs, arguments.kind, arguments.jobs)
        if arguments.only is not None:
            parts = [range(arguments.only, arguments.only + 1)]
        tallies[kind] = [Tally() for _ in parts]
        originals = list(ORIGINALS[kind](real))
        for _ in fuzz_parts(kind, originals, arguments.seed, parts, tallies[kind], folder):
            about["seconds"] = round(time.monotonic() - started)
            table = write_report(folder, tallies, about)
    print(table)
    return 1 if any(tally.findings for parts in tallies.values() for tally in parts) else 0


if __name__ == "__main__":
    sys.exit(main())
