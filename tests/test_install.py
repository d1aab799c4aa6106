"""The installation without extras holds what the library and the app import, and nothing else."""

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from audioset_demo.errors import DataError
from train.commands import encoder

ROOT = Path(__file__).parents[1]
# `--resampler resampy` and `export --onnx` name their extras; for the types alone.
OPTIONAL = {"resampy", "onnxruntime", "_typeshed"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_dependencies_are_what_the_library_imports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {normal(re.split("[><=;]", line)[0]) for line in project["dependencies"]}
    modules = {name for path in (ROOT / "audioset_demo").rglob("*.py") for name in imports(path)}
    foreign = modules - sys.stdlib_module_names - {"audioset_demo", *OPTIONAL}
    distributions = packages_distributions()
    found = {normal(name) for module in foreign for name in distributions.get(module, [module])}
    assert found == needed


def test_without_scipy_the_training_of_the_compact_encoder_names_the_extra(monkeypatch):
    monkeypatch.setattr(encoder, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"SciPy.*audioset-demo\[speech\]"):
        encoder.run(argparse.Namespace())
