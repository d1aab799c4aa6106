"""Experiments with the published models: effects of settings and averaging, and faithfulness."""

import csv
import json
from functools import cache
from importlib.resources import files
from pathlib import Path

from audioset_demo.models.settings import POOLINGS

ASSETS = Path(str(files("audioset_demo"))) / "assets" / "experiments"


@cache
def ablations() -> dict[str, tuple[dict[str, str], ...]]:
    """By model, the rows of `python -m train compare`, the base first.

    Figures are those on the validation part.
    """
    tables = {}
    for model in POOLINGS:
        table = ASSETS / f"{model}.csv"
        if table.is_file():
            with table.open(encoding="utf-8", newline="") as file:
                tables[model] = tuple(csv.DictReader(file))
    return tables


@cache
def averages() -> dict[str, dict]:
    """By what was averaged, the record of `python -m train average`."""
    records = sorted((ASSETS / "averages").iterdir(), key=lambda path: path.name)
    return {
        record.name.removesuffix(".json"): json.loads(record.read_text(encoding="utf-8"))
        for record in records
    }


@cache
def occlusion() -> dict:
    """The record of `python -m train occlude`: how faithful attention is to the score."""
    return json.loads((ASSETS / "occlusion.json").read_text(encoding="utf-8"))
