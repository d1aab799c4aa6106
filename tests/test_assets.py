"""The published models and the bundled encoder themselves: small, cheap, and right of known sounds.

Of all tests, these and those of the documents alone hold figures of what is published in this
copy. Publishing another model or encoder may change their figures, and those of no other tests.
"""

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from torch.utils.flop_counter import FlopCounterMode

from audioset_demo import load_tagger
from audioset_demo.audio.samples import synthesise
from audioset_demo.encoders.compact import BUNDLED, CARD_FILE, WEIGHTS_FILE, load_compact
from audioset_demo.labels import audioset_labels
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.published import DEFAULT_MODEL, default_model, published_models
from train.compact_encoder import evaluate, held_out
from train.compact_encoder.sounds.categories import CategoryTable
from train.compact_encoder.sounds.recordings import read_recordings

# --- the models --------------------------------------------------------------------------------


def test_published_models_stay_small():
    assert max(model.bytes for model in published_models()) < 20e6
    assert sum(model.bytes for model in published_models()) < 64e6


def test_the_default_model_is_published():
    assert default_model().name == DEFAULT_MODEL
    assert default_model().card.labels is None  # AudioSet's


@pytest.mark.parametrize("model", published_models(), ids=lambda model: model.name)
def test_the_card_counts_the_parameters_of_its_model(model):
    network, card = load_checkpoint(model.path)
    assert card.parameters == sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("model", [model.name for model in published_models()])
def test_contributions_of_every_published_model_add_up(model):
    features = np.random.default_rng(0).integers(0, 256, (12, 128), dtype=np.uint8)
    tagging = load_tagger(model).tag_features(features)
    total = tagging.contributions.sum(0, dtype=np.float64) + tagging.constants
    total_score = expit(total) if tagging.adds_up_to == "logit" else total
    assert np.abs(total_score - tagging.scores).max() <= 1e-5
    if tagging.adds_up_to == "logit":
        # Near 1, a float32 probability no longer determines its logit.
        clear = tagging.scores < 0.99
        assert np.abs(total - logit(tagging.scores.astype(np.float64)))[clear].max() <= 1e-4
    assert np.allclose(tagging.attention.sum(0), 1, atol=1e-4)


# --- the bundled encoder -----------------------------------------------------------------------


def test_the_bundled_encoder_is_small_and_its_card_describes_it():
    network, card = load_compact()
    assert sum(len((BUNDLED / name).read_bytes()) for name in (WEIGHTS_FILE, CARD_FILE)) <= 12e6
    assert card["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert card["title"] == "compact encoder (not VGGish)"


def test_the_bundled_encoder_is_cheap():
    """A frame of 0.96 s in 0.2 GFLOP: a minute of sound in a second on one core of today's."""
    network, _ = load_compact()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 96, 64))
    assert counter.get_total_flops() < 0.2e9


# --- both --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tagger():
    return load_tagger(encoder="compact")


@pytest.mark.parametrize(
    ("sample", "label"),
    [
        ("siren", "Siren"),
        ("dial_tone", "Dial tone"),
        ("church_bell", "Bell"),
        ("heartbeat", "Heart sounds, heartbeat"),
        ("rain", "Rain"),
        ("white_noise", "Noise"),
        ("sweep", "Sine wave"),
        ("silence", "Silence"),
    ],
)
def test_samples_are_tagged_as_what_they_are(tagger, sample, label):
    tagging = tagger.tag(synthesise(sample))
    assert label in [tagging.labels[k].name for k in tagging.top(3)]


@pytest.mark.data
@pytest.mark.slow
def test_sounds_of_sources_never_trained_on_are_tagged_as_the_card_says(shared_data):
    """Every fourth held-out clip through the default model; the card holds the whole figures."""
    network, card = load_compact()
    labels = audioset_labels()
    recordings = [
        item
        for item in read_recordings(
            shared_data / "audio",
            CategoryTable(labels),
            card["config"]["hold_out"],
            card["guessed"],
        )
        if item.collection in card["trained_on"]  # else the figures would not be the card's
    ]
    scored = [item for item in recordings if item.scored]
    excerpts = [item for item in recordings if item.held_out and not item.scored]
    found = held_out.read_held_out(scored[::4] + excerpts[::4], labels)
    model = load_checkpoint(default_model().path)[0]
    figures = evaluate.judge(evaluate.EncoderScorer(network, model), found)
    of_card = card["held_out"]["figures"][default_model().card.title]
    assert figures["all"]["top1"] >= of_card["all"]["top1"] - 0.1
    assert figures["all"]["top5"] >= of_card["all"]["top5"] - 0.1
    assert figures["in_time"]["in_own_part"] >= 0.85
    assert figures["calm"]["greatest_other_score"] < 0.5
    assert {name.split(":")[0] for name in figures["excerpts"]} == {"speech", "music"}
    assert all(
        group["top3"] >= (0.95 if name.startswith("speech") else 0.85)  # of a few of music
        for name, group in figures["excerpts"].items()
    )
