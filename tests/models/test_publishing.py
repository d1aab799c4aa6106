"""A model that is one file is published under a name that is free, with its figures."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_demo.errors import StorageError
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import checkpoint_bytes, load_checkpoint
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.published import MODELS_VARIABLE, published_models
from audioset_demo.models.publishing import publish_file
from audioset_demo.models.settings import ModelSettings
from audioset_demo.views.own_models import OwnModel
from train.tagger.publish import NAME

SETTINGS = ModelSettings("single_attention", 2, hidden_units=128, hidden_layers=0)
NETWORK = TaggingModel(SETTINGS)
FIGURES = {"average_precision": [0.75, None], "auc": [0.5, None]}
CARD = ModelCard("own", SETTINGS, 512, labels=("low", "high"), metrics={"eval": FIGURES})


def model(name: str) -> tuple[OwnModel, bytes]:
    card = replace(CARD, name=name)
    data = checkpoint_bytes(NETWORK, card)
    return OwnModel("own-1", Path(name), card, len(data)), data


@pytest.fixture(scope="module")
def environment():
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    published_models.cache_clear()


names = st.text(max_size=80) | st.sampled_from(["own", "feature_attention", "../own", "wört er"])


@settings(max_examples=20)
@given(wanted=st.lists(names, max_size=4))
def test_whatever_it_is_called_it_is_found_and_nothing_is_replaced(
    tmp_path_factory, environment, wanted
):
    folder = tmp_path_factory.mktemp("models")
    environment.setenv(MODELS_VARIABLE, str(folder))
    published_models.cache_clear()
    found = [publish_file(*model(name)) for name in wanted]
    assert len({each.name for each in found}) == len(found)
    for each in found:
        assert NAME.fullmatch(each.name) and each.path.parent == folder / each.name
        assert load_checkpoint(each.path)[1].labels == CARD.labels
        assert each.average_precision()[0] == 0.75 and each.auc()[0] == 0.5


def test_a_folder_that_cannot_be_written_is_said(tmp_path, environment):
    (tmp_path / "file").write_text("")
    environment.setenv(MODELS_VARIABLE, str(tmp_path / "file" / "models"))
    with pytest.raises(StorageError, match="cannot be written"):
        publish_file(*model("own"))
