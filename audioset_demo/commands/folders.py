"""What `tag` and `embed` share where they work on many recordings, with results in a folder."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audioset_demo.arguments import positive, shard
from audioset_demo.errors import AudioSetDemoError

if TYPE_CHECKING:  # these commands are parsed without what the work needs
    from audioset_demo.folder.job import Job
    from audioset_demo.folder.table import Totals

NEEDS_FOLDER = ("--recursive", "--jobs", "--shard")
ENDS_OF_FILES = (".csv", ".tsv", ".json", ".parquet", ".txt", ".rttm", ".xlsx")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recursive",
        action="store_true",
        help="with a folder as --output: take folders within folders, too",
    )
    parser.add_argument(
        "--jobs",
        type=positive,
        metavar="N",
        help="with a folder as --output: number of processes (default: the cores of the machine, "
        "or 1 with a GPU)",
    )
    parser.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="with a folder as --output: take each N-th recording from the I-th on; so N tasks of "
        "a cluster fill one OUT",
    )


def refuse_without_folder(arguments: argparse.Namespace, others: Sequence[str] = ()) -> None:
    """Refuse what only a folder of results can hold.

    Raises
    ------
    AudioSetDemoError
        If there are such options, or a clip is a folder.
    """
    for option in (*NEEDS_FOLDER, *others):
        if getattr(arguments, option[2:]):
            raise AudioSetDemoError(
                f"{option} is of use with a folder of results only. Add --output OUT."
            )
    for clip in arguments.clips:
        if os.path.isdir(clip):
            raise AudioSetDemoError(
                f"{clip} is a folder. Add --output OUT, a folder for the results of all its sounds."
            )


def work_through_folder(job: Job, arguments: argparse.Namespace) -> Totals:
    """Work on all recordings, then list them and their rows.

    Raises
    ------
    AudioSetDemoError
        If there are no recordings, or the output is no folder that can take their results.
    """
    from audioset_demo.folder.inputs import find_inputs
    from audioset_demo.folder.job import work_through
    from audioset_demo.folder.store import Store
    from audioset_demo.folder.table import write_tables
    from audioset_demo.folder.work import default_jobs

    out: Path = arguments.output
    if out.suffix.lower() in ENDS_OF_FILES and not out.is_dir():
        raise AudioSetDemoError(
            f"--output {out} ends as a file does, and the results are a folder. Give the name of a "
            "folder."
        )
    inputs = find_inputs(arguments.clips, arguments.recursive, out)
    store = Store(out.absolute(), job.settings())
    jobs = arguments.jobs or default_jobs(arguments.device)
    work_through(job, inputs, store, jobs, arguments.shard)
    return write_tables(job, store, inputs.failed)


def exit_code(totals: Totals, out: Path) -> int:
    """1 where a recording failed, with the place of the reasons on stderr."""
    from audioset_demo.folder.table import FAILED_FILE

    if totals.n_failed:
        print(
            f"{totals.n_failed:,} could not be read: see {out / FAILED_FILE}. The same command "
            "tries them again.",
            file=sys.stderr,
        )
    return 1 if totals.n_failed else 0


def settings_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """How sounds are read, as fields of a job."""
    return {
        "device": arguments.device,
        "hop_s": arguments.hop,
        "tail": arguments.tail,
        "resampler": arguments.resampler,
    }
