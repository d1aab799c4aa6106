"""The folder for the Hugging Face Hub: it loads as the model it was made from, its card is true."""

import csv
import re
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.errors import StorageError
from audioset_demo.hub_card import hub_card
from audioset_demo.hub_folder import write_hub_folder
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import save_checkpoint
from audioset_demo.models.published import FIGURES, default_model, published_models
from audioset_demo.models.settings import ModelSettings
from audioset_demo.tagging import load_tagger
from tests.models.test_reference import make_state, write
from tests.models.toy_models import model_that_has_seen_data

FEATURES = np.random.default_rng(0).integers(0, 256, (4, 128), dtype=np.uint8)


def same_scores(model, other) -> bool:
    taggings = [load_tagger(each).tag_features(FEATURES) for each in (model, other)]
    return np.array_equal(*(tagging.scores for tagging in taggings))


def test_a_published_model_keeps_its_scores_calibration_and_figures(tmp_path):
    published = default_model()
    write_hub_folder(tmp_path / "new", published.path)
    assert same_scores(tmp_path / "new", published.name)
    assert load_tagger(tmp_path / "new").calibration is not None
    text = (tmp_path / "new" / "README.md").read_text(encoding="utf-8")
    figures = published.card.metrics["eval"]
    assert text.startswith("---\nlicense: apache-2.0\n") and "pipeline_tag: audio-class" in text
    for name in ("mAP", "AUC", "d_prime"):
        (value,) = re.findall(rf"type: {name}, value: ([\d.]+)", text)
        assert float(value) == pytest.approx(figures[name], rel=1e-5)
    assert "balanced-only" in text and published.card.training["command"] in text
    with open(tmp_path / "new" / "labels.csv", encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 527


@pytest.fixture
def hub():
    return pytest.importorskip("huggingface_hub", reason="needs pip install huggingface_hub")


@pytest.mark.parametrize("model", published_models(), ids=lambda model: model.name)
def test_the_hub_s_own_package_reads_the_figures_and_takes_the_files(tmp_path, hub, model):
    write_hub_folder(tmp_path / "new", model.path)
    said = hub.ModelCard.load(tmp_path / "new" / "README.md").data
    assert (said.license, said.pipeline_tag) == ("apache-2.0", "audio-classification")
    assert said.model_name == model.name
    read = {result.metric_type: result.metric_value for result in said.eval_results}
    figures = model.card.metrics["eval"]
    assert read == pytest.approx({name: figures[name] for name in FIGURES}, rel=1e-5)
    for file in (tmp_path / "new").iterdir():
        assert hub.CommitOperationAdd(file.name, file).upload_info.size == file.stat().st_size


@given(st.text(min_size=1))
def test_the_hub_s_own_package_reads_a_card_whatever_the_names_in_it(name):
    hub = pytest.importorskip("huggingface_hub", reason="needs pip install huggingface_hub")
    card = ModelCard(name, ModelSettings("average"), 1, metrics={"eval": {"set": name, "mAP": 0.5}})
    (result,) = hub.ModelCard(hub_card(card, {}, None)).data.eval_results
    assert (result.dataset_name, result.metric_value) == (name, 0.5)


def test_a_folder_of_links_loads_as_the_hub_s_cache_keeps_it(tmp_path):
    write_hub_folder(tmp_path / "new", default_model().path)
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    for number, file in enumerate(sorted((tmp_path / "new").iterdir())):
        shutil.move(file, tmp_path / "blobs" / str(number))
        (tmp_path / "snapshot" / file.name).symlink_to(f"../blobs/{number}")
    assert same_scores(tmp_path / "snapshot", default_model().name)
    assert load_tagger(tmp_path / "snapshot").calibration is not None


def test_own_classes_without_figures_and_a_reference_s_checkpoint_have_a_folder(tmp_path):
    settings = ModelSettings("average", n_classes=2, hidden_units=8)
    card = ModelCard("own", settings, 1, labels=('A "quoted" | name', "Ü"))
    save_checkpoint(tmp_path / "own.safetensors", model_that_has_seen_data(settings), card)
    write_hub_folder(tmp_path / "own", tmp_path / "own.safetensors")
    assert same_scores(tmp_path / "own", tmp_path / "own.safetensors")
    text = (tmp_path / "own" / "README.md").read_text(encoding="utf-8")
    assert "license" not in text and "model-index" not in text and "None were published" in text

    reference = write(tmp_path / "reference", make_state("max"))
    write_hub_folder(tmp_path / "theirs", reference, "max")
    tagger = load_tagger(tmp_path / "theirs")
    assert tagger.card.settings.pooling == "max" and len(tagger.labels) == 527


def test_what_is_there_is_not_replaced(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="not an empty folder"):
        write_hub_folder(tmp_path, default_model().path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
