"""Which AudioSet classes a category of a labelled sound collection stands for."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from audioset_demo.errors import DataError
from audioset_demo.labels import Label

DEFAULT_TABLE = Path(__file__).with_name("categories.csv")
PARENT_TARGET = 0.3  # classes above the category's own in the ontology: true, but less telling
ALSO_TARGET = 0.5  # classes that may well hold for the category


@dataclass(frozen=True)
class Category:
    """A category and its classes, as indices into the label set.

    `classes` hold for every sound of the category, `also` may hold; either is a hit when figures
    are taken. `files` are patterns of file names, for collections that list no categories.
    `weight` says how often its sounds are drawn: categories with few but long recordings need it.
    `excerpts` is "speech" or "music" where held-out recordings also tell how well those are known.
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

    The table is a CSV file with the columns `category`, `files`, `classes`, `also`, `weight` and
    `excerpts`; lists in a cell are separated by `|`. A category that is an AudioSet class needs
    no row.

    Raises
    ------
    DataError : if a class of the table is not in the label set.
    """

    def __init__(self, labels: tuple[Label, ...], path: Path = DEFAULT_TABLE):
        self.labels = labels
        self._by_class = {label.name: label.index for label in labels}
        with open(path, encoding="utf-8", newline="") as file:
            self.categories = [self._read(row, path) for row in csv.DictReader(file)]
        self._by_name = {category.name: category for category in self.categories}

    def _read(self, row: dict, path: Path) -> Category:
        def indices(cell: str | None) -> tuple[int, ...]:
            names = [name for name in (cell or "").split("|") if name]
            for name in names:
                if name not in self._by_class:
                    raise DataError(
                        f"{path}: category '{row['category']}' names '{name}', which is not one "
                        "of the model's classes. `audioset-demo classes` lists them."
                    )
            return tuple(self._by_class[name] for name in names)

        files = tuple(pattern for pattern in (row["files"] or "").split("|") if pattern)
        return Category(
            name=row["category"],
            files=files,
            classes=indices(row["classes"]),
            also=indices(row["also"]),
            weight=float(row.get("weight") or 1.0),
            excerpts=row.get("excerpts") or "",
        )

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
        """(K,) float32 wanted scores of a sound of this category."""
        wanted = np.zeros(len(self.labels), np.float32)
        for index in category.classes:
            for path in self.labels[index].paths:
                for name in path[:-1]:
                    if name in self._by_class:
                        wanted[self._by_class[name]] = PARENT_TARGET
        wanted[list(category.also)] = ALSO_TARGET
        wanted[list(category.classes)] = 1.0
        return wanted
