"""What a person says of finds, kept in a table beside OUT: human work outlives a folder of results.

`OUT.answers.csv` is a table of labelled parts of recordings, as training reads it.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from audioset_demo.errors import StorageError
from audioset_demo.recordings.finds import Find, Key
from audioset_demo.storage import LOCK_FILE, held, write_csv

YES, NO, SKIP = "yes", "no", "skip"
COLUMNS = ("file", "label", "onset", "offset", "answer", "mid", "score", "answered")


class Answers:
    """The answers to the finds of one OUT, one each, in the order in which they were given.

    Every answer is on the disk, whole, before the call returns. Several processes may answer.

    Parameters
    ----------
    out : the folder of results, in which and in whose recordings nothing is changed.
    """

    def __init__(self, out: Path):
        self.path = out.with_name(f"{out.name}.answers.csv")

    def given(self) -> dict[Key, str]:
        """The answers so far: "yes", "no" or "skip", by `Find.key`.

        Raises
        ------
        StorageError
            If the table cannot be read.
        """
        return {key: row["answer"] for key, row in self._rows().items()}

    def give(self, find: Find, answer: str) -> None:
        """Answer a find; a new answer replaces the former one.

        Raises
        ------
        StorageError
            If the table cannot be read or written.
        """
        with self._held():
            rows = self._rows()
            rows.pop(find.key, None)
            file, label, onset, offset = find.key
            rows[find.key] = {
                "file": file,
                "label": label,
                "onset": repr(onset),
                "offset": repr(offset),
                "answer": answer,
                "mid": find.label.mid,
                "score": "" if find.score is None else repr(find.score),
                "answered": datetime.now().isoformat(timespec="seconds"),
            }
            self._write(rows)

    def undo(self) -> Key | None:
        """Take the last answer back; what it was of, or None where there is none.

        Raises
        ------
        StorageError
            If the table cannot be read or written.
        """
        with self._held():
            rows = self._rows()
            if not rows:
                return None
            key, _ = rows.popitem()
            self._write(rows)
            return key

    def _rows(self) -> dict[Key, dict[str, str]]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StorageError(f"{self.path} cannot be read ({error}). {_REMEDY}") from None
        table = csv.DictReader(io.StringIO(text, newline=""))
        if missing := [name for name in COLUMNS if name not in (table.fieldnames or ())]:
            raise StorageError(f"{self.path} has no column '{missing[0]}'. {_REMEDY}")
        rows = {}
        for row in table:
            rows[_key(row, f"{self.path}, line {table.line_num},")] = row
        return rows

    def _write(self, rows: dict[Key, dict[str, str]]) -> None:
        write_csv(self.path, COLUMNS, ([row[name] for name in COLUMNS] for row in rows.values()))

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Answers of two processes come one after the other."""
        try:
            with held(self.path.with_name(f"{LOCK_FILE}-{self.path.name}"), self.path, wait=True):
                yield
        except OSError as error:
            raise StorageError(
                f"{self.path} cannot be written ({error.strerror}). Answers are kept beside the "
                "folder of results: make the folder that holds it writable."
            ) from error


_REMEDY = "Repair it, or move it elsewhere to start with no answers."


def _key(row: dict[str, str], where: str) -> Key:
    """What a row is of."""
    try:
        onset, offset = float(row["onset"]), float(row["offset"])
        if not (math.isfinite(onset) and math.isfinite(offset)):
            raise ValueError
    except (TypeError, ValueError):
        raise StorageError(f"{where} holds no onset and offset in seconds. {_REMEDY}") from None
    if row["answer"] not in (YES, NO, SKIP):
        raise StorageError(f"{where} holds neither yes, no nor skip. {_REMEDY}")
    return row["file"], row["label"], onset, offset
