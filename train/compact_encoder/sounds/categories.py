"""Which AudioSet classes a category of a labelled sound collection stands for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from audioset_demo.errors import DataError
from audioset_demo.labels import Label
from train.data.tables import Row, read_table, tidy_name

DEFAULT_TABLE = Path(__file__).with_name("categories.csv")
PARENT_TARGET = 0.3  # classes above the category's own in the ontology: true, but less specific
ALSO_TARGET = 0.5  # classes that may well hold for the category
EXCERPTS = ("", "speech", "music")


@dataclass(frozen=True)
class Category:
    """A category and its classes, as indices into the label set.

    `classes` hold for every sound of the category, `also` may hold; either is a hit when figures
    are taken. `files` are patterns of file names, for collections that list no categories.
    `weight` says how often its sounds are drawn: categories with few but long recordings need it.
    `excerpts` is "speech" or "music" where held-out recordings also show how well those do.
    """

    name: str
    files: tuple[str, ...]
    classes: tuple[int, ...]
    also: tuple[int, ...]
    weight: float = 1.0
    excerpts: str = ""

    @property
    def expected(self) -> tuple[int, ...]:
        return self.classes + self.also


class CategoryTable:
    """The categories of one table, found by name or by file name.

    The table is a CSV file with the columns `category` and `classes` and, where needed, `files`,
    `also`, `weight` and `excerpts`; lists in a cell are separated by `|`. A category that is an
    AudioSet class needs no row.

    Raises
    ------
    DataError : if it can't be read, or a class of the table is not in the label set.
    """

    def __init__(self, labels: tuple[Label, ...], path: Path = DEFAULT_TABLE):
        self.labels = labels
        self._by_class = {label.name: label.index for label in labels}
        self._by_name: dict[str, Category] = {}
        for row in read_table(path, needed=("category", "classes")):
            category = self._read(row)
            if category.name in self._by_name:
                raise row.error(f"names the category '{category.name}' again. Join the two rows.")
            self._by_name[category.name] = category
        self.categories = list(self._by_name.values())

    def _read(self, row: Row) -> Category:
        excerpts = row["excerpts"]
        if excerpts not in EXCERPTS:
            raise row.error(
                f"has the excerpts '{excerpts}'. Write {' or '.join(filter(None, EXCERPTS))}, or "
                "leave the cell empty."
            )
        return Category(
            name=tidy_name(row["category"]),
            files=tuple(_names(row["files"])),
            classes=self._indices(row, "classes"),
            also=self._indices(row, "also"),
            weight=_weight(row),
            excerpts=excerpts,
        )

    def _indices(self, row: Row, column: str) -> tuple[int, ...]:
        names = [tidy_name(name) for name in _names(row[column])]
        for name in names:
            if name not in self._by_class:
                raise row.error(
                    f"names '{name}' for the category '{row['category']}', which is not one of the "
                    "model's classes. Give one that `audioset-demo classes` lists."
                )
        return tuple(self._by_class[name] for name in names)

    def find(self, name: str, file: str) -> Category | None:
        """The category called `name`, else the one whose file patterns match, else None."""
        if name in self._by_name:
            return self._by_name[name]
        if name in self._by_class:
            return Category(name, (), (self._by_class[name],), ())
        if name:
            raise DataError(
                f"'{file}' is of category '{name}', which is neither an AudioSet class nor in the "
                "table of categories. Add a row for it and give the table with --categories."
            )
        for category in self.categories:
            if any(fnmatch(file, pattern) for pattern in category.files):
                return category
        return None

    def targets(self, category: Category) -> np.ndarray:
        """(K,) float32 target scores of a sound of this category."""
        wanted = np.zeros(len(self.labels), np.float32)
        for index in category.classes:
            for path in self.labels[index].paths:
                for name in path[:-1]:
                    if name in self._by_class:
                        wanted[self._by_class[name]] = PARENT_TARGET
        wanted[list(category.also)] = ALSO_TARGET
        wanted[list(category.classes)] = 1.0
        return wanted


def relatives(labels: tuple[Label, ...]) -> list[frozenset[int]]:
    """For each class, the indices of itself and of its parents and children in the ontology."""
    by_name = {label.name: label.index for label in labels}
    found = [{label.index} for label in labels]
    for label in labels:
        for path in label.paths:
            parent = by_name.get(path[-2]) if len(path) > 1 else None
            if parent is not None:
                found[label.index].add(parent)
                found[parent].add(label.index)
    return [frozenset(family) for family in found]


def _names(cell: str) -> list[str]:
    return [name.strip() for name in cell.split("|") if name.strip()]


def _weight(row: Row) -> float:
    try:
        weight = float(row["weight"] or 1)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise row.error(
            f"has the weight '{row['weight']}'. Write a number above 0, or leave the cell empty."
        )
    return weight
