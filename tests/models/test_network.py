"""The six models: scores from features, masking of padding, and contributions that add up."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.errors import CheckpointError
from audioset_demo.models import network
from audioset_demo.models.attention import attention_pool
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ATTENTION_ACTIVATIONS, POOLINGS, ModelSettings
from tests.models.toy_models import model_that_has_seen_data
from train.tagger.cpu_layers import Dropout

VARIANTS = [
    *(ModelSettings(pooling, n_classes=7, hidden_units=24) for pooling in POOLINGS),
    *(
        ModelSettings(
            pooling, n_classes=7, hidden_units=24, attention_activation=activation,
            shared_head=True, input_norm=False, hidden_bias=True, norm_epsilon=1e-2,
        )
        for pooling in ("single_attention", "multi_attention", "feature_attention")
        for activation in ATTENTION_ACTIVATIONS
    ),
    ModelSettings("single_attention", n_classes=7, hidden_units=128, hidden_layers=0),
]  # fmt: skip
PARAMETERS = {
    "average": 2_774_799,
    "max": 2_774_799,
    "single_attention": 3_314_974,
    "feature_attention": 4_876_047,
}


@pytest.fixture(params=VARIANTS, ids=lambda s: f"{s.pooling}-{s.attention_activation}")
def model(request) -> TaggingModel:
    return model_that_has_seen_data(request.param)


@pytest.mark.parametrize("pooling", PARAMETERS)
def test_models_have_as_many_parameters_as_the_reference(pooling):
    model = TaggingModel(ModelSettings(pooling))
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[pooling]


def test_multi_attention_with_a_shared_head_has_the_reference_s_parameters():
    model = TaggingModel(ModelSettings("multi_attention", shared_head=True))
    assert sum(p.numel() for p in model.parameters()) == 3_870_959


def test_contributions_and_constants_add_up_to_the_score(model):
    for n_frames in (1, 2, 10, 40):
        explanation = model.explain(torch.rand(n_frames, 128) * 2 - 1)
        total = explanation.contributions.sum(0) + explanation.constants
        target = explanation.scores
        if explanation.adds_up_to == "logit":
            target = torch.logit(target.double()).float()
        assert (total - target).abs().max() <= 1e-5
        assert torch.allclose(explanation.attention.sum(0), torch.ones(7), atol=1e-5)


def test_a_single_frame_scores_as_the_clip_that_holds_it_alone(model):
    frames = torch.rand(5, 128) * 2 - 1
    alone = torch.cat([model(frame[None, None]) for frame in frames]).detach()
    assert torch.allclose(model.explain(frames).frame_scores, alone, atol=1e-6)


@pytest.mark.parametrize(
    ("n_frames", "silenced"), [(1, True), (2, True), (10, True), (2, False), (10, False)]
)
def test_occlusion_is_the_score_drop_of_the_clip_without_the_frame(model, n_frames, silenced):
    frames, silence = torch.rand(n_frames, 128) * 2 - 1, torch.rand(128)
    whole = model(frames[None])[0].detach()
    drops = model.occlude(frames, silence if silenced else None)
    for t in range(n_frames):
        clip = torch.cat([frames[:t], silence[None][: int(silenced)], frames[t + 1 :]])
        without = model(clip[None])[0].detach()
        assert (drops[t] - (whole - without)).abs().max() <= 1e-6


def parts_of(explanation) -> dict[str, torch.Tensor]:
    return {name: v for name, v in vars(explanation).items() if isinstance(v, torch.Tensor)}


@pytest.mark.parametrize("n_frames", [1, 2, 6, 7, 40])
def test_a_clip_is_explained_in_blocks_as_in_one_piece(model, n_frames, monkeypatch):
    frames, silence = torch.rand(n_frames, 128) * 2 - 1, torch.rand(128)
    frames[n_frames // 2 :] = frames[n_frames // 2]  # equal frames, in several blocks
    whole = parts_of(model.explain(frames))
    drops = model.occlude(frames, silence)
    assert torch.allclose(whole["scores"], model(frames[None])[0], atol=1e-6)
    rows = []
    for layer in model.modules():
        layer.register_forward_hook(lambda layer, given, out: rows.append(len(given[0])))
    monkeypatch.setattr(network, "BLOCK_FRAMES", 3)
    blocks = parts_of(model.explain(frames))
    assert whole.keys() == blocks.keys()
    for name, values in whole.items():
        assert torch.allclose(values, blocks[name], rtol=1e-6, atol=1e-6), name
    assert (model.occlude(frames, silence) - drops).abs().max() <= 1e-6
    assert max(rows) <= 3, "no layer sees more frames at once, however long the clip is"


def test_strands_add_up_to_the_contributions_of_their_class(model, monkeypatch):
    """Two levels, or all hidden units; other models have one attention a class."""
    monkeypatch.setattr(network, "BLOCK_FRAMES", 4)
    frames = torch.rand(10, 128) * 2 - 1
    explained = model.explain(frames)
    for k in (0, 6):
        strands = model.strands(frames, k, most=24)
        number = {"multi_attention": 2, "feature_attention": 24}
        assert len(strands) == number.get(model.settings.pooling, 0)
        if strands:
            total = torch.stack([strand.contributions for strand in strands]).sum(0)
            assert (total - explained.contributions[:, k]).abs().max() <= 1e-5
            weights = torch.stack([strand.attention for strand in strands], 1).sum(0)
            assert torch.allclose(weights, torch.ones(len(strands)), atol=1e-5)
    if model.settings.pooling == "feature_attention":
        first = model.strands(frames, 6, most=3)
        assert [strand.name for strand in first] == [strand.name for strand in strands[:3]]
        sizes = [abs(strand.contributions.sum().item()) for strand in strands]
        assert sizes == sorted(sizes, reverse=True)


def test_the_top_classes_are_explained_as_among_all(model):
    frames = torch.rand(10, 128) * 2 - 1
    every, some = parts_of(model.explain(frames)), parts_of(model.explain(frames, top=3))
    classes = torch.argsort(every["scores"], descending=True, stable=True)[:3].tolist()
    for name, values in every.items():
        assert torch.equal(some[name], values[..., classes]), name
    drops = model.occlude(frames, classes=classes)
    assert torch.equal(drops, model.occlude(frames)[:, classes])


def test_padding_changes_nothing_in_evaluation(model):
    clips = torch.rand(3, 8, 128) * 2 - 1
    lengths = torch.tensor([8, 3, 1])
    mask = torch.arange(8) < lengths[:, None]
    clips[~mask] = torch.nan
    with torch.no_grad():
        padded = model(clips, mask)
        alone = torch.cat([model(clips[i : i + 1, :n]) for i, n in enumerate(lengths)])
    assert (padded - alone).abs().max() <= 1e-6


def test_padding_changes_nothing_in_training(model):
    """Batch statistics and gradients see real frames alone."""
    clips, mask = torch.rand(4, 6, 128), torch.ones(4, 6, dtype=torch.bool)
    longer = torch.cat([clips, torch.full((4, 3, 128), 9.0)], dim=1)
    longer_mask = torch.cat([mask, torch.zeros(4, 3, dtype=torch.bool)], dim=1)
    results = []
    for x, m in ((clips, mask), (longer, longer_mask)):
        twin = copy.deepcopy(model).train()
        for module in twin.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        twin(x, m).sum().backward()
        layer, norm = (
            twin.trunk.layers[0][:2]
            if twin.trunk.layers
            else (twin.head.classify, twin.trunk.input_norm)
        )
        results.append((layer.weight.grad, norm.running_mean, norm.running_var))
    for short, long in zip(*results, strict=True):
        assert (short - long).abs().max() <= 1e-4 * short.abs().max()


@given(
    n_frames=st.integers(1, 12),
    n_real=st.integers(1, 12),
    activation=st.sampled_from(ATTENTION_ACTIVATIONS),
    scale=st.floats(0, 50),
)
def test_attention_pools_the_real_frames_alone(n_frames, n_real, activation, scale):
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(0, scale, (1, n_frames, 5)))
    values = torch.from_numpy(rng.normal(size=(1, n_frames, 5)))
    mask = (torch.arange(n_frames) < n_real)[None]
    real = values[:, :n_real]
    pooled = attention_pool(logits, values, activation, mask)
    alone = attention_pool(logits[:, :n_real], real, activation, mask[:, :n_real])
    assert torch.allclose(pooled, alone)
    assert (real.amin(1) - 1e-9 <= pooled).all() and (pooled <= real.amax(1) + 1e-9).all()


def test_max_pooling_gives_the_whole_score_to_the_winning_frame():
    model = TaggingModel(ModelSettings("max", n_classes=3, hidden_units=8)).eval()
    explanation = model.explain(torch.rand(6, 128))
    assert ((explanation.contributions > 0).sum(0) == 1).all()
    assert torch.equal(explanation.contributions.amax(0), explanation.frame_scores.amax(0))


def test_dropout_keeps_the_stated_share_and_the_mean():
    torch.manual_seed(0)
    ones = torch.ones(1000, 1003)
    dropped = Dropout(0.25)(ones)
    assert float((dropped == 0).float().mean()) == pytest.approx(0.25, abs=2e-3)
    assert float(dropped.mean()) == pytest.approx(1, abs=5e-3)
    assert torch.equal(Dropout(0.25).eval()(ones), ones)


@pytest.mark.parametrize(
    "settings",
    [{"pooling": "mean"}, {"pooling": "max", "attention_activation": "tanh"},
     {"pooling": "max", "dropout": 1.0}, {"pooling": "multi_attention", "hidden_layers": 1},
     {"pooling": "max", "hidden_layers": 0, "hidden_units": 64}],
)  # fmt: skip
def test_invalid_settings_are_refused_by_value(settings):
    value = str(list(settings.values())[-1])
    with pytest.raises(CheckpointError, match=value):
        ModelSettings(**settings)
