"""Every command in README and docs can be parsed as written; those of minutes are run."""

import re
import shlex
from pathlib import Path

import pytest

from audioset_demo import cli
from audioset_demo.audio.samples import synthesise
from audioset_demo.models.published import published_models
from tests.sounds import file_of, wav
from train import __main__ as train_cli

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(document: Path) -> list[str]:
    """The fenced blocks without a language: they hold commands."""
    text = document.read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.M)
    return [block for language, block in fenced if not language]


def commands(block: str) -> list[list[str]]:
    lines = block.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def run(words: list[str]) -> int:
    if words[0] == "audioset-demo":
        return cli.main(words[1:])
    assert words[:3] == ["python", "-m", "train"]
    return train_cli.main(words[3:])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_command_of_a_document_can_be_parsed(document):
    for words in (words for block in blocks(document) for words in commands(block)):
        if words[0] == "audioset-demo":
            cli.build_parser().parse_args(words[1:])
        elif words[:3] == ["python", "-m", "train"]:
            train_cli.build_parser().parse_args(words[3:])
        elif words[0] == "make":
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            assert re.search(rf"^{words[1]}:", makefile, re.M)
        else:
            assert words[0] == "python" and (ROOT / words[1]).is_file()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_script_that_a_document_names_is_there(document):
    named = re.findall(r"`python (\w+/\w+\.py)", document.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Where the documents' commands find the files that they name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDIOSET_DEMO_CACHE", str(tmp_path / "cache"))
    for name in ("street.wav", "talk.m4a", "new.wav"):
        Path(name).write_bytes(file_of(synthesise("siren")))
    return tmp_path


def block_with(document: str, command: str) -> list[list[str]]:
    (found,) = [block for block in blocks(ROOT / document) if command in block]
    return commands(found)


def test_the_readme_s_commands_run(folder, capsys):
    for words in block_with("README.md", "audioset-demo embed"):
        if words[1:] != ["weights", "get"]:  # a download
            assert run(words) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert "street.wav" in out and "talk.m4a" in out


@pytest.mark.slow
def test_a_model_of_one_s_own_classes_is_made_as_their_page_says(folder, capsys, monkeypatch):
    monkeypatch.setenv("AUDIOSET_DEMO_MODELS", str(folder / "models"))
    Path("SOUNDS").mkdir()
    rows = ["file,label"]
    for n, (label, hertz) in enumerate([("low", 200.0), ("high", 2_000.0)] * 20):
        path = Path("SOUNDS") / f"{n}.wav"
        path.write_bytes(wav(1, 16_000, hertz + 3 * n))
        rows.append(f"{path.name},{label}")
    Path("labels.csv").write_text("\n".join(rows) + "\n")
    for words in block_with("docs/own_classes.md", "train extract SOUNDS"):
        published_models.cache_clear()
        assert run(words) == 0, capsys.readouterr().err
    published_models.cache_clear()
    assert "high" in capsys.readouterr().out


@pytest.mark.slow
def test_a_model_runs_elsewhere_as_the_page_says(folder, capsys):
    pytest.importorskip("onnxscript", reason="needs pip install 'audioset-demo[onnx]'")
    for command in ("--onnx tags.onnx", "--format hf", "--hf my-tagger"):
        for words in block_with("docs/elsewhere.md", command):
            assert run(words) == 0, capsys.readouterr().err
    page = (ROOT / "docs" / "elsewhere.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    capsys.readouterr()
    exec(code, {})
    by_graph = capsys.readouterr().out.splitlines()
    assert run(["audioset-demo", "tag", "street.wav", "--encoder", "compact", "--top", "5"]) == 0
    by_us = capsys.readouterr().out
    assert len(by_graph) == 5
    assert all(line.split(" ", 1)[1] in by_us for line in by_graph)
    assert cli.main(["tag", "street.wav", "--model", "my-tagger", "--encoder", "compact"]) == 0
