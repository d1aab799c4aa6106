"""Values from files, checked against the types that a dataclass states."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import TYPE_CHECKING, get_args, get_origin, get_type_hints

from audioset_demo.errors import CheckpointError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    str: "text",
    dict: "a table of names and values",
    tuple: "a list of texts",
    NoneType: "nothing",
}


def check_fields(instance: DataclassInstance) -> None:
    """Raise CheckpointError unless every field of a dataclass has the type that it states."""
    hints = get_type_hints(type(instance))
    check_values(
        {field.name: getattr(instance, field.name) for field in fields(instance)},
        {field.name: hints[field.name] for field in fields(instance)},
    )


def check_values(values: Mapping, types: Mapping[str, type | UnionType], place: str = "") -> None:
    """Raise CheckpointError if a value has another type than `types` states for its name.

    Names that are in one of the two only are skipped; `place` comes before a name in the message.
    """
    for name, kind in types.items():
        if name in values and not _is(values[name], kind):
            raise CheckpointError(
                f"{place}{name} is {shown(values[name])}, and must be {_in_words(kind)}."
            )


def shown(value: object) -> str:
    """A value in a message: its beginning, if it is long."""
    return reprlib.repr(value)


def _is(value: object, kind: type | UnionType) -> bool:
    if isinstance(kind, UnionType):
        return any(_is(value, part) for part in get_args(kind))
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    if kind is float:  # no bool, NaN, or whole number beyond a float
        return isinstance(value, int | float) and type(value) is not bool and abs(value) < 1e300
    if kind is int:
        return type(value) is int
    return isinstance(value, kind)


def _in_words(kind: type | UnionType) -> str:
    parts = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    return " or ".join(WORDS.get(get_origin(part) or part, part.__name__) for part in parts)
