"""One table of all recordings, in CSV and Parquet, and the lists of the files behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from audioset_demo.folder.job import Job
from audioset_demo.folder.store import Store, head_of, results_in, rows_of
from audioset_demo.folder.times import shifted
from audioset_demo.storage import csv_lines, utf_8, write_atomically, write_csv

TABLE = "table"
FAILED_FILE = "failed.csv"
FILES_FILE = "files.csv"
COLUMNS = (
    "file", "start_s", "end_s", "label", "mid", "score", "probability", "start_time", "model",
    "encoder",
)  # fmt: skip
NUMBERS = ("start_s", "end_s", "score", "probability")
BLOCK_ROWS = 2**16  # held at a time

Head = dict[str, Any]
Value = TypeVar("Value")


@dataclass(frozen=True)
class Totals:
    """How many recordings were read, how many could not be, and the rows of the table."""

    n_files: int
    n_failed: int
    n_rows: int


def write_tables(job: Job, store: Store, failed: Sequence[tuple[str, str]] = ()) -> Totals:
    """Write the table of a job that has one, `FILES_FILE` and `FAILED_FILE`.

    One process at a time: the last of several that fill one folder writes what all have done.

    Parameters
    ----------
    failed : paths that are no recordings, and why.
    """
    with store.locked(TABLE, wait=True):
        read, errors = [], dict(failed)
        results = results_in(store.folder)
        for head in map(head_of, results):
            if "error" in head:
                errors.setdefault(head["file"], head["error"])
            else:
                read.append([_cell(head.get(column)) for column in job.file_columns])
        n_rows = _write_rows(store.folder, results) if job.has_rows else 0
        write_csv(store.folder / FILES_FILE, job.file_columns, read)
        write_csv(store.folder / FAILED_FILE, ("file", "error"), sorted(errors.items()))
    return Totals(len(read), len(errors), n_rows)


def _write_rows(folder: Path, results: Sequence[Path]) -> int:
    """Write the rows of all recordings, in the order of their paths; the number of rows.

    Memory does not grow with the table.
    """
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema((name, pa.float64() if name in NUMBERS else pa.string()) for name in COLUMNS)
    n_rows = 0

    def write_both(csv_part: Path) -> None:
        with open(csv_part, "w", encoding="utf-8", newline="") as text:
            text.write(csv_lines([COLUMNS]))

            def write_parquet(part: Path) -> None:
                nonlocal n_rows
                with parquet.ParquetWriter(part, schema) as binary:
                    for block in _blocks(_rows(results)):
                        text.write(csv_lines(block))
                        columns = zip(zip(*block, strict=True), schema.types, strict=True)
                        arrays = [pa.array(values, kind) for values, kind in columns]
                        binary.write_table(pa.Table.from_arrays(arrays, schema=schema))
                        n_rows += len(block)

            write_atomically(folder / f"{TABLE}.parquet", write_parquet)

    write_atomically(folder / f"{TABLE}.csv", write_both)
    return n_rows


def _rows(results: Iterable[Path]) -> Iterator[list]:
    """Rows of `COLUMNS`; the start time is empty where that of the recording is not known."""
    for result in results:
        head = head_of(result)
        file = utf_8(head["file"])
        start = datetime.fromisoformat(head["start_time"]) if head.get("start_time") else None
        made_by = (head.get("model"), head.get("encoder"))  # of a failure, which has no rows, none
        for start_s, end_s, label, mid, score, probability in rows_of(result):
            time = None if start is None else shifted(start, start_s)
            yield [file, start_s, end_s, label, mid, score, probability, time, *made_by]


def _blocks(items: Iterable[Value]) -> Iterator[list[Value]]:
    rest = iter(items)
    while block := list(islice(rest, BLOCK_ROWS)):
        yield block


def _cell(value: Any) -> Any:
    return " ".join(value) if isinstance(value, list) else value
