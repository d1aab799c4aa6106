"""Each command of README and docs is one as it stands, and the reference is up to date."""

import re
import sys

import pytest

from audioset_demo import cli
from tests.documents.pages import PAGES, ROOT, of_train, steps
from train import __main__ as train


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_is_one(page, capsys):
    for words in (step.words for step in steps(page) if not step.is_python):
        try:
            if words[0] == "audioset-demo":
                cli.build_parser().parse_args(words[1:])
            elif (given := of_train(words)) is not None:
                train.build_parser().parse_args(given)
            elif words[0] == "python":
                assert (ROOT / words[1]).is_file()
            elif words[0] == "make":
                makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
                assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE)
        except SystemExit as error:
            if error.code:
                pytest.fail(capsys.readouterr().err)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_script_that_a_page_names_is_there(page):
    named = re.findall(r"`python (\w+/\w+\.py)", page.read_text(encoding="utf-8"))
    assert [script for script in named if not (ROOT / script).is_file()] == []


def test_the_reference_is_that_of_the_commands_and_docstrings(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    sys.modules.pop("reference", None)
    import reference

    assert reference.OUTPUT.read_text(encoding="utf-8") == reference.reference(), (
        "docs/reference.md is not up to date. Make it again with `python docs/reference.py`."
    )
