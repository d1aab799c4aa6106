"""A reader who gives the commands of a page, in order, gets through it; so does its Python."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from audioset_demo import cli
from audioset_demo.audio.samples import synthesise
from audioset_demo.folder import work
from audioset_demo.models.published import published_models
from tests.documents.pages import PAGES, ROOT, steps
from tests.documents.running import NOT_RUN, RUN_BY, reason_not_to_run, run
from tests.documents.toy_files import make_files, make_sounds
from tests.train.children import PROCESSES

CHECKED_BELOW = ("tutorial", "elsewhere")
TO_RUN = [
    page
    for page in PAGES
    if page.stem not in (*RUN_BY, *CHECKED_BELOW) and not all(map(reason_not_to_run, steps(page)))
]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """What else the pages' commands name, made once."""
    folder = tmp_path_factory.mktemp("files")
    make_files(folder)
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """Where a page's commands run: with the sounds that it names, models and a cache of its own."""
    make_sounds(tmp_path)
    monkeypatch.setattr(work, "CONTEXT", PROCESSES)  # not from scratch
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDIOSET_DEMO_MODELS", str(tmp_path / "published"))
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "cache"))
    yield tmp_path
    published_models.cache_clear()


@pytest.fixture
def full_folder(files, folder) -> Path:
    """The same, with all that pages name."""
    shutil.copytree(files, folder, dirs_exist_ok=True, symlinks=True)
    return folder


def follow(page: Path, capfd) -> str:
    """Run what a page says, and return what was printed."""
    names = {"audio": torch.from_numpy(synthesise("siren").samples)[None]}
    printed = ""
    for step in steps(page):
        if not reason_not_to_run(step):
            code = run(step, names)
            out, error = capfd.readouterr()
            assert code == 0, f"{step.text}\n{error}"
            printed += out
    return printed


@pytest.mark.slow
@pytest.mark.parametrize("page", TO_RUN, ids=lambda page: page.stem)
def test_a_page_s_commands_run(page, full_folder, capfd):
    follow(page, capfd)


def test_the_tutorial_prints_what_it_shows(folder, capfd):
    page = ROOT / "docs" / "tutorial.md"
    printed = follow(page, capfd)
    for line in re.findall(r"^  0\.\d{3}  .+$", page.read_text(encoding="utf-8"), re.MULTILINE):
        assert line in printed


@pytest.mark.slow
def test_a_model_elsewhere_prints_the_tags_that_it_has_here(folder, capfd):
    pytest.importorskip("onnxscript", reason="needs pip install 'audioset-demo[onnx]'")
    printed = follow(ROOT / "docs" / "elsewhere.md", capfd)
    by_graph = re.findall(r"^[01]\.\d\d (.+)$", printed, re.MULTILINE)
    given = ["tag", "street.wav", "--model", "my-tagger", "--encoder", "compact", "--top", "5"]
    assert cli.main(given) == 0
    here = re.findall(r"^  [01]\.\d{3}  (.+)$", capfd.readouterr().out, re.MULTILINE)
    assert by_graph == here and len(here) == 5


def test_every_reason_not_to_run_is_of_a_command():
    texts = [step.text for page in PAGES for step in steps(page)]
    assert [start for start in NOT_RUN if not any(text.startswith(start) for text in texts)] == []
    assert [test for test in RUN_BY.values() if not (ROOT / test).is_dir()] == []
