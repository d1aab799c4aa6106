"""A card beside each installed file: its hash, and what it was made from.

A card is JSON with `source`, `source_sha256`, `verified` (what that hash was checked against) and
`sha256`, the hash of the file itself.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

from audioset_demo.storage import sha256_of, write_atomically, write_json

KEYS = ("source", "source_sha256", "verified", "sha256")


def write_with_card(path: Path, make: Callable[[Path], object], card: dict[str, str]) -> None:
    """Write a file, and its card with the file's hash beside it.

    The card waits under a name of its own until the file is there; if the process is killed in
    between, its hash says whether it is the card of the file.
    """

    def write(part: Path) -> None:
        make(part)
        write_json(_waiting_path(path), {**card, "sha256": sha256_of(part)})

    write_atomically(path, write)
    os.replace(_waiting_path(path), card_path(path))


def settle_card(path: Path) -> None:
    """Give a file the card that a killed process has left waiting, or delete that card."""
    waiting = _waiting_path(path)
    if waiting.exists() and _has_waiting_card(path):
        os.replace(waiting, card_path(path))
    waiting.unlink(missing_ok=True)


def read_card(path: Path) -> dict[str, str]:
    """The card beside a file; empty where there is none that can be read."""
    return _card_in(_waiting_path(path) if _has_waiting_card(path) else card_path(path))


def card_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _waiting_path(path: Path) -> Path:
    return path.with_suffix(".new.json")


def _has_waiting_card(path: Path) -> bool:
    card = _card_in(_waiting_path(path))
    return bool(card) and path.is_file() and card["sha256"] == sha256_of(path)


def _card_in(path: Path) -> dict[str, str]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    is_card = isinstance(card, dict) and all(isinstance(card.get(key), str) for key in KEYS)
    return card if is_card else {}
