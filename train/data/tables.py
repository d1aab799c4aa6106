"""The CSV tables that users write: labels, lists of recordings, categories.

They come from spreadsheets as often as from programs: a byte-order mark, semicolons or tabs between
the cells, spaces around them, capitals in the header and empty rows change nothing.
"""

import csv
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audioset_demo.errors import DataError

DELIMITERS = (",", ";", "\t")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SAVE_AS = "Save it as CSV in UTF-8 (in a spreadsheet: Save as, CSV UTF-8)."


@dataclass(frozen=True)
class Row:
    """One row: the cells by column, lower case, and the line where it begins.

    A cell that the row lacks, or whose column the table lacks, is empty.
    """

    path: Path
    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def error(self, fault: str) -> DataError:
        """An error about the row; `fault` completes "Line 3 of FILE" and ends with the remedy."""
        return DataError(f"Line {self.line} of {self.path} {fault}")


def read_table(path: Path, needed: Sequence[str]) -> list[Row]:
    """The rows of a table, in order; empty rows are left out.

    Parameters
    ----------
    needed : columns that the table must have and each row must fill

    Raises
    ------
    DataError
        If the file cannot be read, lacks a needed column or has no rows, or a row is malformed.
    """
    text = _text(path)
    header, rows = _parse(path, text, _delimiter(text, needed))
    _check_header(path, header, needed)
    found = []
    for line, cells in rows:
        row = Row(path, line, dict(zip(header, cells, strict=False)))
        if any(cells[len(header) :]):
            raise row.error(
                f"has {len(cells)} cells, and the header has {len(header)}. Put a cell that holds "
                "the separator between double quotes."
            )
        for column in needed:
            if not row[column]:
                raise row.error(f"has no {column}. Fill it in, or delete the row.")
        found.append(row)
    if not found:
        raise DataError(f"{path} has a header and no rows. Write a row for each entry.")
    return found


def tidy_name(name: str) -> str:
    """A name as it is compared: one space between words, accented letters in one form."""
    return unicodedata.normalize("NFC", " ".join(name.split()))


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"The table {path} cannot be read ({reason}). Check the path.") from None
    if content.startswith(_UTF_16) or b"\0" in content:
        raise DataError(f"{path} is not UTF-8 text, but UTF-16 or not text at all. {_SAVE_AS}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        byte = content[error.start]
        raise DataError(
            f"{path} is not UTF-8 text, because line {line} holds the byte 0x{byte:02x}. {_SAVE_AS}"
        ) from None


def _delimiter(text: str, needed: Sequence[str]) -> str:
    """The separator of the cells: the first with which the header has the needed columns."""
    first_line = text.lstrip().splitlines()[:1]
    for delimiter in DELIMITERS:
        for header in csv.reader(first_line, delimiter=delimiter, skipinitialspace=True):
            if set(needed) <= {_column(cell) for cell in header}:
                return delimiter
    return DELIMITERS[0]


def _parse(path: Path, text: str, delimiter: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The columns, and the rows that are not empty with the lines where they begin."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    rows, line = [], 1
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"Line {line} of {path} cannot be read as CSV ({error}). Check its double quotes."
        ) from None
    if not rows:
        return [], []
    return [_column(cell) for cell in rows[0][1]], rows[1:]


def _column(cell: str) -> str:
    return cell.strip().lower()


def _check_header(path: Path, header: list[str], needed: Sequence[str]) -> None:
    missing = [column for column in needed if column not in header]
    if missing:
        raise DataError(
            f"{path} must have the columns {' and '.join(needed)}, and its first line has "
            f"{', '.join(header) or 'nothing'}. Name the columns in the first line."
        )
    twice = [column for column in header if column and header.count(column) > 1]
    if twice:
        raise DataError(f"{path} has the column {twice[0]} twice. Delete or rename one.")
