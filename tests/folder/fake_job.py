"""A job without a model, and a program that runs it: what a file holds decides how it goes."""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from audioset_demo.errors import AudioError
from audioset_demo.folder.inputs import find_inputs
from audioset_demo.folder.job import Made, work_through
from audioset_demo.folder.store import Store
from audioset_demo.folder.table import write_tables
from audioset_demo.terminal import exit_code

ROW = [0.5, 1.5, "Dog", "/m/0bt9lr", 0.25, None]


@dataclass(frozen=True)
class FakeJob:
    """Each recording has one event, and a copy as its further file."""

    seconds: float = 0.0
    threshold: float = 0.3
    file_columns: ClassVar[tuple[str, ...]] = ("file", "size", "start_time", "rows", "notes")
    has_rows: ClassVar[bool] = True

    def settings(self) -> dict:
        return {"--model": "fake", "--threshold": self.threshold}

    def load(self):
        def make(given, progress) -> Made:
            progress(0.0, None)
            content = Path(given.path).read_bytes()
            if content == b"broken":
                raise AudioError(f"{os.path.basename(given.path)} holds text.")
            if content == b"too much":
                os.kill(os.getpid(), signal.SIGKILL)
            if content == b"defect":
                raise ZeroDivisionError("of nothing")
            time.sleep(self.seconds)
            facts = {"rows": 1, "notes": ["One.", "Two."], "model": "fake", "encoder": "none"}
            return Made(facts, [ROW], {("copy", ".txt"): content})

        return make


def run(folder: Path, out: Path, job: FakeJob = FakeJob(), **options):
    """What the commands do, without their arguments."""
    inputs = find_inputs([str(folder)], recursive=True, out=out)
    store = Store(out, job.settings())
    work_through(job, inputs, store, jobs=2, **options)
    return write_tables(job, store, inputs.failed)


def main(folder: str, out: str, dies_at: str = "0", seconds: str = "0") -> int:
    """Run it; before the given call of `os.replace` in this process, kill it."""
    replace, calls = os.replace, iter(range(1, 1000))

    def deadly(*paths) -> None:
        if next(calls) == int(dies_at):
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*paths)

    os.replace = deadly
    return exit_code(lambda: run(Path(folder), Path(out), FakeJob(float(seconds))) and 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
