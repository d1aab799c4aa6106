"""A head from few clips: it finds a class and its frames, and is judged on other recordings."""

import re

import numpy as np
import pytest
import torch

from audioset_demo.errors import DataError
from audioset_demo.models.checkpoint import checkpoint_bytes
from audioset_demo.tagging import load_tagger
from tests.train.few_shot.examples import NAMES, easy_examples, frames_of
from train.few_shot.card import card_of
from train.few_shot.examples import Examples
from train.few_shot.head import fit_head


@pytest.fixture(scope="module")
def examples() -> Examples:
    return easy_examples(background=5)


@pytest.fixture(scope="module")
def fitted(examples):
    return fit_head(examples)


def test_held_out_clips_are_found_and_background_is_not(examples, fitted):
    assert np.isfinite(fitted.scores).all()
    of_class = examples.labels.any(axis=1)
    assert (fitted.scores.argmax(1) == examples.labels.argmax(1))[of_class].mean() > 0.9
    assert fitted.scores[of_class].max(axis=1).min() > fitted.scores[~of_class].max()


def test_the_saved_model_tags_explains_and_names_its_classes(tmp_path, examples, fitted):
    card = card_of(fitted, examples, "kitchen", "compact", {"set": "20 clips"})
    path = tmp_path / "kitchen.safetensors"
    path.write_bytes(checkpoint_bytes(fitted.model, card))
    tagger = load_tagger(path)
    assert [label.name for label in tagger.labels] == list(NAMES)
    assert card.metrics["eval"]["mAP"] > 0.9
    frames = frames_of(1, np.random.default_rng(9), 8, 1)
    tagging = tagger.tag_features(frames)
    assert tagging.labels[tagging.top(1)[0]].name == "siren"
    total = tagging.contributions.sum(0) + tagging.constants
    np.testing.assert_allclose(total, tagging.scores, atol=1e-5)
    with_siren = frames[:, 16:32].mean(axis=1).argmax()
    assert tagging.contributions[:, 1].argmax() == with_siren == tagging.attention[:, 1].argmax()


def test_a_clip_is_never_judged_by_a_head_that_heard_its_recording():
    """All clips of one class are of one recording: held out, nothing is left to find it by."""
    examples = easy_examples()
    groups = ("one recording",) * 5 + examples.groups[5:]
    scores = fit_head(Examples(examples.embeddings, examples.labels, examples.names, groups)).scores
    assert np.isnan(scores[:5]).all() and np.isfinite(scores[5:]).all()


def test_floats_as_models_read_them_give_what_bytes_give(examples, fitted):
    floats = [(frames.astype(np.float32) - 128) / 128 for frames in examples.embeddings]
    again = fit_head(Examples(floats, examples.labels, examples.names, examples.groups))
    for key, value in fitted.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[key])


def test_progress_rises_to_the_end_and_can_stop_the_work(examples):
    shares = []

    def progress(share: float) -> None:
        shares.append(share)
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_head(examples, progress=progress)
    assert shares == sorted(shares) and shares[0] == 0


ONE = np.zeros((1, 128), np.uint8)


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        (np.zeros((2, 0), bool), (), "no class to learn"),
        ([[1, 0], [1, 0], [0, 0]], ("a", "b"), "The class 'b' has no clip"),
        ([[1, 0], [1, 0], [0, 1]], ("a", "b"), "The class 'b' has one clip, and needs at least 2"),
        ([[1], [1]], ("a",), "All clips are of the class 'a'.*or background"),
        ([[1], [1]], ("a", "b"), r"labels are bool of shape \(2, 1\). Give bool \(2, 2\)"),
    ],
)
def test_too_little_to_learn_from_is_refused_in_words(labels, names, message):
    labels = np.array(labels, bool)
    with pytest.raises(DataError, match=message):
        Examples([ONE] * len(labels), labels, names, tuple(map(str, range(len(labels)))))


@pytest.mark.parametrize(
    "frames",
    [ONE[:, :64], ONE[:0], ONE.astype(np.float64), np.full((1, 128), np.nan, np.float32)],
)
def test_what_is_no_embedding_is_refused(frames):
    with pytest.raises(DataError, match=re.escape("The embeddings of clip 1")):
        Examples([ONE, frames], np.array([[True], [False]]), ("a",), ("1", "2"))
