"""The reference's PyTorch checkpoints: outputs equal to an independent formulation."""

import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from audioset_demo import export
from audioset_demo.cli import main
from audioset_demo.errors import CheckpointError
from audioset_demo.models.checkpoint import load_checkpoint, save_checkpoint
from audioset_demo.tagging import load_tagger

POOLINGS = ("average", "max", "single_attention", "multi_attention", "feature_attention")
BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


def make_state(pooling: str, units: int = 8, classes: int = 527, depth: int = 3, seed: int = 0):
    """Random weights, and BatchNorm statistics that matter, under the reference's keys."""
    generator = torch.Generator().manual_seed(seed)
    state = {}

    def layer(name: str, *shape: int, bias: bool = True) -> None:
        state[f"{name}.weight"] = 2 * torch.randn(shape, generator=generator) / shape[1] ** 0.5
        if bias:
            state[f"{name}.bias"] = torch.randn(shape[0], generator=generator)

    def norm(name: str, width: int) -> None:
        for key in BATCH_NORM:
            state[f"{name}.{key}"] = torch.rand(width, generator=generator) + 0.2

    norm("emb.bn0", 128)
    for i, width in enumerate([128] + [units] * (depth - 1), start=1):
        layer(f"emb.conv{i}", units, width, 1, 1, bias=False)
        norm(f"emb.bn{i}", units)
    if "attention" in pooling:
        width = units if pooling == "feature_attention" else classes
        layer("attention.att", width, units, 1, 1)
        layer("attention.cla", width, units, 1, 1)
    if pooling == "feature_attention":
        norm("bn_attention", units)
    if pooling != "single_attention":
        layer("fc_final", classes, 2 * classes if pooling == "multi_attention" else units)
    return state


def reference_scores(pooling: str, state: dict, clips: torch.Tensor) -> torch.Tensor:
    """(B, T, 128) -> (B, K), over (B, channels, T) as in arXiv 1803.02353 and 1903.00765."""

    def conv(x, name):
        weight = state[f"{name}.weight"]
        return F.conv1d(x, weight.reshape(*weight.shape[:2], 1), state.get(f"{name}.bias"))

    def norm(x, name):
        weight, bias, mean, variance = (state[f"{name}.{key}"] for key in BATCH_NORM)
        return F.batch_norm(x, mean, variance, weight, bias)

    def attend(x, activation):
        attention = conv(x, "attention.att").sigmoid().clip(1e-7, 1 - 1e-7)
        values = activation(conv(x, "attention.cla"))
        return (attention / attention.sum(2, keepdim=True) * values).sum(2, keepdim=True)

    x = norm(clips.transpose(1, 2), "emb.bn0")
    levels = []
    while f"emb.conv{len(levels) + 1}.weight" in state:
        i = len(levels) + 1
        x = norm(conv(x, f"emb.conv{i}"), f"emb.bn{i}").relu()
        levels.append(x)
    if pooling == "average":
        return conv(x, "fc_final").sigmoid().mean(2)
    if pooling == "max":
        return conv(x, "fc_final").sigmoid().amax(2)
    if pooling == "single_attention":
        return attend(x, torch.sigmoid)[:, :, 0]
    if pooling == "multi_attention":
        pooled = [attend(level, torch.sigmoid) for level in (levels[-1], levels[-2])]
        return conv(torch.cat(pooled, 1), "fc_final").sigmoid()[:, :, 0]
    pooled = norm(attend(x, lambda values: values), "bn_attention").relu()
    return conv(pooled, "fc_final").sigmoid()[:, :, 0]


def write(folder: Path, state: dict, name: str = "md_10000_iters.tar", **settings) -> Path:
    folder.mkdir(exist_ok=True)
    torch.save({"iteration": 10000, "state_dict": state}, folder / name, **settings)
    return folder / name


class Torch03Pickler(pickle.Pickler):
    """Writes a tensor by the call that PyTorch 0.3 had."""

    def reducer_override(self, value):
        if not isinstance(value, torch.Tensor):
            return NotImplemented
        where = (value._typed_storage(), value.storage_offset(), tuple(value.shape), value.stride())
        return torch._utils._rebuild_tensor, where


def write_as_torch_03(folder: Path, state: dict) -> Path:
    module = SimpleNamespace(__name__="pickle", Pickler=Torch03Pickler, dump=pickle.dump)
    legacy = {"pickle_module": module, "_use_new_zipfile_serialization": False}
    path = write(folder, state, **legacy)
    # It was trained on a graphics card.
    content = path.read_bytes().replace(b"ctorch\nFloatStorage\n", b"ctorch.cuda\nFloatStorage\n")
    assert b"_rebuild_tensor\n" in content and b"cuda\nFloatStorage" in content
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("pooling", POOLINGS)
@given(
    units=st.integers(2, 40),
    classes=st.integers(1, 30),
    depth=st.integers(2, 4),
    frames=st.integers(1, 12),
    seed=st.integers(0, 2**31),
)
def test_the_outputs_are_those_of_the_reference(
    tmp_path_factory, pooling, units, classes, depth, frames, seed
):
    state = make_state(pooling, units, classes, depth, seed)
    path = write(tmp_path_factory.getbasetemp() / "outputs", state)
    clips = torch.rand(3, frames, 128, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    asked = pooling if pooling in ("average", "max") else None
    model, card = load_checkpoint(path, asked)
    assert card.settings.pooling == pooling
    assert (card.settings.hidden_units, card.settings.hidden_layers) == (units, depth)
    with torch.inference_mode():
        error = (model(clips) - reference_scores(pooling, state, clips)).abs().max()
    assert error < 1e-5


@pytest.mark.parametrize("form", ["now", "torch 0.3", "DataParallel"])
def test_every_form_of_the_file_loads_the_same_model(tmp_path, form):
    state = make_state("feature_attention", classes=5)
    if form == "now":
        path = write(tmp_path, state | {"emb.bn0.num_batches_tracked": torch.tensor(7)})
    elif form == "torch 0.3":
        path = write_as_torch_03(tmp_path, state)
    else:
        path = write(tmp_path, {f"module.{key}": value for key, value in state.items()})
    model, card = load_checkpoint(path)
    clips = torch.rand(2, 10, 128)
    with torch.inference_mode():
        expected = reference_scores("feature_attention", state, clips)
        assert torch.allclose(model(clips), expected, atol=1e-5)
    assert card.training["iteration"] == 10000


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_average_or_max_is_read_from_the_folder_or_must_be_stated(tmp_path, pooling):
    state = make_state(pooling, classes=5)
    named = write(tmp_path / f"model_type=decision_level_{pooling}_pooling", state)
    assert load_checkpoint(named)[1].settings.pooling == pooling
    assert load_checkpoint(named, "max")[1].settings.pooling == "max"
    nameless = write(tmp_path / "models", state)
    with pytest.raises(CheckpointError, match="--pooling average or --pooling max"):
        load_checkpoint(nameless)


def test_a_pooling_that_the_checkpoint_contradicts_is_refused(tmp_path):
    path = write(tmp_path, make_state("single_attention", classes=5))
    with pytest.raises(CheckpointError, match="is a single_attention model, not max"):
        load_checkpoint(path, "max")
    ours = tmp_path / "ours.safetensors"
    save_checkpoint(ours, *load_checkpoint(path))
    with pytest.raises(CheckpointError, match="is a single_attention model, not max"):
        load_checkpoint(ours, "max")


@given(share=st.floats(0, 0.999), legacy=st.booleans())
def test_a_file_truncated_anywhere_is_refused(tmp_path_factory, share, legacy):
    folder = tmp_path_factory.getbasetemp() / "truncated"
    state = make_state("max", classes=5)
    path = write_as_torch_03(folder, state) if legacy else write(folder, state)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match="read as a complete PyTorch checkpoint"):
        load_checkpoint(path, "max")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda state: state.pop("emb.bn2.weight"), "missing emb.bn2.weight, unexpected nothing"),
        (lambda state: state.update(extra=torch.ones(1)), "missing nothing, unexpected extra"),
        (lambda state: state.update({"emb.bn1.bias": torch.ones(3)}), r"emb.bn1.bias in .* \(3,\)"),
        (lambda state: state.pop("emb.conv1.weight"), "lacks emb.conv1.weight"),
        (lambda state: state.clear(), "It holds nothing"),
        (lambda state: state.update(extra=1), "no `state_dict` of tensors"),
    ],
)
def test_a_state_that_is_not_the_reference_s_is_refused_by_name(tmp_path, damage, message):
    state = make_state("max", classes=5)
    damage(state)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(write(tmp_path, state), "max")


LAST = "fc_final.weight"


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (
            torch.ones(1, 1).expand(99_999, 8),
            r"does not hold all values of fc_final.weight, \(99999",
        ),
        (torch.ones(1).expand(2**40, 8), "n_classes must be between 1 and 100,000"),
        (torch.ones(5, 8).to_sparse(), "is not a complete PyTorch file"),
        (torch.ones(5, 8, device="meta"), "does not hold all values of fc_final.weight"),
        (torch.ones(5, 8, dtype=torch.complex64), "holds torch.complex64"),
        (torch.full((5, 8), torch.nan), "holds NaN"),
        (torch.nn.Parameter(torch.ones(5, 8)), None),
    ],
)
def test_tensors_of_any_kind_load_or_are_refused(tmp_path, tensor, message):
    state = make_state("max", classes=5) | {LAST: tensor}
    if len(tensor) > 5:
        state["fc_final.bias"] = torch.ones(1).expand(len(tensor))
    path = write(tmp_path, state)
    if message is None:
        load_checkpoint(path, "max")[0].explain(torch.zeros(2, 128))
        return
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(path, "max")
    assert str(path) in str(caught.value)


def test_an_archive_with_compressed_parts_is_refused_unread(tmp_path, monkeypatch):
    path = write(tmp_path, make_state("max") | {LAST: torch.zeros(527, 8, 100)})
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(CheckpointError, match="read as a complete PyTorch checkpoint .ValueError"):
        load_checkpoint(path, "max")


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "whole_model.pth"
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(CheckpointError, match="never pickled models"):
        load_checkpoint(path)


def test_results_name_a_checkpoint_of_the_reference(tmp_path):
    path = write(tmp_path, make_state("max"))
    features = np.random.default_rng(0).integers(0, 256, (10, 128), np.uint8)
    tagging = load_tagger(path, pooling="max").tag_features(features)
    record = export.tagging_record(tagging)
    assert record["model"] == "md_10000_iters.tar of qiuqiangkong/audioset_classification"


def test_the_command_line_asks_which_pooling_it_is(tmp_path, capsys):
    path = write(tmp_path, make_state("max"))
    sound = tmp_path / "none.wav"
    assert main(["tag", str(sound), "--model", str(path)]) == 1
    assert "--pooling max" in capsys.readouterr().err
    assert main(["tag", str(sound), "--model", str(path), "--pooling", "max"]) == 1
    assert "none.wav" in capsys.readouterr().err  # the model is loaded; the sound is not there
