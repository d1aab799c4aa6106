"""The documents' commands are commands: each is parsed as it stands; the tutorial is run."""

import re
import shlex
import sys

import pytest

from audioset_demo import cli
from tests.test_docs import DOCUMENTS, ROOT
from train import __main__ as train

PARSERS = {
    "audioset-demo": cli.build_parser,
    "python -m audioset_demo": cli.build_parser,
    "python -m train": train.build_parser,
}
ENDS = {"|", ">", "&&", "||", ";", "&"}  # of what the shell hands to the command


def commands(text: str) -> list[str]:
    """The lines of a document's blocks that call this project, each on one line."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    of_shell = [block for language, block in blocks if language in ("", "sh")]
    lines = "\n".join(of_shell).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith(tuple(PARSERS))]


def words(command: str) -> tuple[str, list[str]]:
    """The program, and its arguments up to a pipe or the like."""
    program = next(name for name in PARSERS if command.startswith(name))
    found = shlex.split(command[len(program) :], comments=True)
    end = next((place for place, word in enumerate(found) if word in ENDS), len(found))
    return program, found[:end]


ALL = sorted({line for page in DOCUMENTS for line in commands(page.read_text(encoding="utf-8"))})


@pytest.mark.parametrize("command", ALL)
def test_every_command_in_the_documents_is_one(command, capsys):
    program, arguments = words(command)
    try:
        PARSERS[program]().parse_args(arguments)
    except SystemExit as error:
        if error.code:
            pytest.fail(capsys.readouterr().err)


def test_the_reference_is_that_of_the_commands_and_docstrings(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    sys.modules.pop("reference", None)
    import reference

    assert reference.OUTPUT.read_text(encoding="utf-8") == reference.reference(), (
        "docs/reference.md is not up to date. Make it again with `python docs/reference.py`."
    )


def test_the_tutorial_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audioset_demo").symlink_to(ROOT / "audioset_demo", target_is_directory=True)
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    for command in commands(text):
        assert cli.main(words(command)[1]) == 0, capsys.readouterr().err
    shown = capsys.readouterr().out
    for line in re.findall(r"^  0\.\d{3}  .+$", text, re.MULTILINE):
        assert line in shown
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, {})
