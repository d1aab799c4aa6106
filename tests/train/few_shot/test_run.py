"""The command `few-shot`: its run is scored and published as any other."""

import h5py
import numpy as np

from audioset_demo.models.published import MODELS_VARIABLE
from audioset_demo.tagging import load_tagger
from tests.train.few_shot.examples import easy_examples
from train import __main__ as train_cli


def write_file(path, examples) -> None:
    longest = max(map(len, examples.embeddings))
    with h5py.File(path, "w") as file:
        file["x"] = np.stack([np.pad(f, ((0, longest - len(f)), (0, 0)))
                              for f in examples.embeddings])  # fmt: skip
        file["y"], file["n_frames"] = examples.labels, list(map(len, examples.embeddings))
        file["video_id_list"] = [name.encode() for name in examples.groups]
        file.create_dataset("labels", data=examples.names, dtype=h5py.string_dtype())
        file.attrs["encoder"] = "compact"


def test_a_run_is_published_with_the_figures_of_clips_held_out(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "models"))
    data, run = tmp_path / "own.h5", tmp_path / "kitchen"
    write_file(data, easy_examples(background=2))
    for words in (["few-shot", "--data", str(data), "--output", str(run)], ["publish", str(run)]):
        assert train_cli.main(words) == 0, capsys.readouterr().err
    assert "the highest class is right for" in capsys.readouterr().out
    card = load_tagger(tmp_path / "models" / "kitchen").card
    assert card.encoder == "compact encoder (not VGGish)"
    assert card.training["clips_of_class"] == [5, 5, 5]
    figures = card.metrics["eval"]
    assert figures["clips"] == 17 and figures["clips_of_class"] == [5, 5, 5]
    assert figures["set"] == "own, cross-validation over the recordings in 5 parts"
    assert train_cli.main(["few-shot", "--data", str(data), "--output", str(run)]) == 1
    assert "already holds a run" in capsys.readouterr().err
