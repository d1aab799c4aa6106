"""`audioset-demo export`: what it refuses, and that nothing is left of what it refused."""

import pytest

from audioset_demo import onnx_graph
from audioset_demo.cli import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("average", "--onnx OUT.onnx, --hf FOLDER or both"),
        ("average --hf new --encoder compact", "--encoder is of use with --onnx only"),
        ("nothing --onnx out.onnx", "There is no model 'nothing'"),
        ("average --onnx missing/out.onnx", "does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["export", *words.split()]) == 1
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_its_installation_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(onnx_graph, "find_spec", lambda name: None)
    out = tmp_path / "out.onnx"
    out.write_text("of before")
    assert main(["export", "average", "--onnx", str(out), "--encoder", "compact"]) == 1
    error = capsys.readouterr().err
    assert "onnxscript" in error and "pip install 'audioset-demo[onnx]'" in error
    assert out.read_text() == "of before"


def test_a_folder_for_the_hub_is_written_and_its_missing_licence_named(tmp_path, capsys):
    assert main(["export", "average", "--hf", str(tmp_path / "a")]) == 0
    out = capsys.readouterr().out
    assert "Nothing was uploaded" in out and "licence" not in out
    again = str(tmp_path / "a" / "checkpoint.safetensors")
    assert main(["export", again, "--hf", str(tmp_path / "b")]) == 0
    assert "states no licence" in capsys.readouterr().out
