"""Cards and checkpoints from elsewhere: they load, or are refused with the value and the remedy."""

import copy
import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from audioset_demo.errors import CheckpointError
from audioset_demo.models.card import CARD_FORMAT, ModelCard, load_card, save_card
from audioset_demo.models.checkpoint import load_checkpoint, save_checkpoint
from audioset_demo.models.settings import ModelSettings
from tests.models.toy_models import model_that_has_seen_data

SETTINGS = ModelSettings("feature_attention", n_classes=3, hidden_units=8, hidden_layers=2)
CARD = ModelCard(
    "own",
    SETTINGS,
    parameters=1,
    labels=("kettle", "cat", "door"),
    training={
        "set": "my sounds (9 clips)",
        "backend": "torch",
        "iteration": 5,
        "config": {"model": "feature_attention", "teacher": []},
        "command": "python -m train fit",
    },
    metrics={
        "eval": {"mAP": 0.5, "AUC": 0.9, "d_prime": 1.8, "clips": 4, "set": "eval"},
        "half_precision_max_difference": 1e-4,
    },
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 10**12)
    | st.sampled_from([10**400, 0.5, math.inf, math.nan, "", "527", "a text", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "checkpoint.safetensors"
    save_checkpoint(path, model_that_has_seen_data(SETTINGS), CARD)
    return path


def places(value, path=()):
    """The place of every value in a JSON value, itself first."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    for key, item in items if isinstance(value, dict) else enumerate(value or ()):
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))
        else:
            yield (*path, key)


def with_value(card: dict, place: tuple, value) -> object:
    if not place:
        return value
    changed = copy.deepcopy(card)
    inside = changed
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    return changed


PLAIN = json.loads(json.dumps(CARD.to_json()))


@given(place=st.sampled_from(list(places(PLAIN))), value=JSON)
def test_a_card_with_any_other_value_is_read_or_refused(checkpoint, place, value):
    path = checkpoint.with_name("other.safetensors")
    path.write_bytes(checkpoint.read_bytes())
    path.with_suffix(".json").write_text(json.dumps(with_value(PLAIN, place, value)))
    try:
        model, card = load_checkpoint(path)
    except CheckpointError as error:
        assert "other.json" in str(error) or "other.safetensors" in str(error)
        return
    assert isinstance(card.title, str)
    model.explain(torch.zeros(2, 128))


@given(place=st.sampled_from([place for place in places(PLAIN) if place]))
def test_a_card_without_one_of_its_values_is_read_or_refused(checkpoint, place):
    card = with_value(PLAIN, place[:-1], {}) if len(place) > 1 else {**PLAIN}
    if len(place) == 1:
        del card[place[0]]
    path = checkpoint.with_name("less.safetensors")
    path.with_suffix(".json").write_text(json.dumps(card))
    try:
        assert isinstance(load_card(path).title, str)
    except CheckpointError as error:
        assert "less.json" in str(error)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((), [], r"It is \[\], and must be a table"),
        (("format",), CARD_FORMAT + 1, "format 2, made by a newer version.*pip install --upgrade"),
        (("format",), "1", "format is '1', and must be a whole number"),
        (("settings", "n_classes"), "527", "n_classes is '527', and must be a whole number"),
        (("settings", "hidden_units"), 10**9, "hidden_units must be between 1 and 100,000"),
        (("settings", "hidden_layers"), -1, "hidden_layers must be between 0 and 100, not -1"),
        (("settings", "hidden_layers"), True, "hidden_layers is True, and must be a whole number"),
        (("settings", "dropout"), math.nan, "dropout is None, and must be a finite number"),
        (("settings", "n_dims"), 64, "n_dims must be 128, .*not 64"),
        (("settings", "width"), 8, "fields are not those of a card .*width"),
        (("settings",), 3, "settings is 3, and must be a table"),
        (("labels",), ["cat", "cat", "door"], "label 'cat' is empty or occurs twice"),
        (("labels",), ["cat", " ", "door"], "label ' ' is empty"),
        (("labels",), ["cat", "door"], "n_classes is 3, but there are 2 labels"),
        (("labels", 1), 7, r"labels is \('kettle', 7, 'door'\), and must be a list of texts"),
        (("training",), ["bal_train"], r"training is \['bal_train'\], and must be a table"),
        (("training", "set"), 5, "training.set is 5, and must be text"),
        (("metrics", "eval", "mAP"), "0.5", "metrics.eval.mAP is '0.5', and must be a finite"),
        (("metrics", "eval"), 0.5, "metrics.eval is 0.5, and must be a table"),
    ],
)
def test_a_wrong_card_is_refused_with_the_wrong_value(tmp_path, place, value, message):
    path = tmp_path / "checkpoint.safetensors"
    path.with_suffix(".json").write_text(json.dumps(with_value(PLAIN, place, value)))
    with pytest.raises(CheckpointError, match=rf"checkpoint\.json does not .*{message}"):
        load_card(path)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"n": 1' + "0" * 5000 + "}", "\udcff"])
def test_a_file_that_is_not_json_is_refused(tmp_path, text):
    (tmp_path / "checkpoint.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CheckpointError, match="checkpoint.json is not JSON that can be read"):
        load_card(tmp_path / "checkpoint.safetensors")


def test_a_figure_that_is_infinite_is_left_out_and_the_others_stay(tmp_path):
    figures = {"mAP": 1.0, "AUC": 1.0, "d_prime": math.inf, "clips": 4}
    path = tmp_path / "checkpoint.safetensors"
    save_card(path, ModelCard("own", SETTINGS, 1, CARD.labels, metrics={"eval": figures}))
    assert "Infinity" not in path.with_suffix(".json").read_text()
    assert load_card(path).metrics["eval"] == {"mAP": 1.0, "AUC": 1.0, "clips": 4}


@pytest.mark.parametrize(
    ("name", "backend", "title"),
    [
        ("max", "torch", "Max pooling"),
        ("max_keras", "keras", "Max pooling (Keras)"),
        ("two", "torch", "Max pooling: two"),
        ("two", "keras", "Max pooling (Keras): two"),
        ("md_1_iters.tar of another", "reference", "Max pooling (checkpoint of the reference)"),
    ],
)
def test_the_title_of_a_model_not_named_after_its_kind_holds_its_name(name, backend, title):
    assert ModelCard(name, ModelSettings("max"), 1, training={"backend": backend}).title == title


# --- the tensors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trained_on", "labels", "shown"),
    [
        ("bal_train (22,160 clips)", None, "bal_train (22,160 clips), balanced-only"),
        ("fit part of bal_train (19,911 clips)", None,
         "fit part of bal_train (19,911 clips), balanced-only"),
        ("5,000 clips of fit part of bal_train", None,
         "5,000 clips of fit part of bal_train, balanced-only"),
        ("unbal_train (2,041,789 clips)", None, "unbal_train (2,041,789 clips)"),
        ("bal_train and unbal_train (2,063,949 clips)", None,
         "bal_train and unbal_train (2,063,949 clips)"),
        ("bal_train (9 clips)", ("a", "b", "c"), "bal_train (9 clips)"),
        (None, None, "an unnamed set"),
    ],
)  # fmt: skip
def test_a_model_is_balanced_only_by_the_set_of_its_card_alone(trained_on, labels, shown):
    training = {} if trained_on is None else {"set": trained_on}
    assert ModelCard("own", SETTINGS, 1, labels, training=training).training_set == shown


def test_a_checkpoint_scores_as_the_model_that_was_saved(checkpoint):
    model, card = load_checkpoint(checkpoint)
    clips = torch.rand(2, 4, 128)
    with torch.inference_mode():
        expected = model_that_has_seen_data(SETTINGS)(clips)
        assert torch.allclose(model(clips), expected, atol=2e-3)
    assert card == CARD and not model.training
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert all(tensor.device.type == "cpu" for tensor in model.state_dict().values())


def rewritten(checkpoint, change, **settings):
    """A copy of a checkpoint with other tensors, and a card with other settings."""
    tensors = load_file(checkpoint)
    change(tensors)
    path = checkpoint.with_name("changed.safetensors")
    save_file(tensors, path)
    card = with_value(PLAIN, ("settings",), PLAIN["settings"] | settings)
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


WEIGHT = "head.classify.weight"


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (lambda t: None, {"hidden_units": 16}, r"\(8, 128\), and by its card must be \(16, 128\)"),
        (lambda t: None, {"hidden_units": 100_000}, "by its card must be"),
        (lambda t: None, {"hidden_layers": 3}, r"missing .*trunk\.layers\.2"),
        (lambda t: None, {"hidden_layers": 1}, r"unexpected .*trunk\.layers\.1"),
        (lambda t: None, {"pooling": "average"}, r"unexpected .*head\.attend"),
        (lambda t: t.pop(WEIGHT), {}, r"missing \['head\.classify\.weight'\], unexpected nothing"),
        (lambda t: t.update(extra=torch.ones(2)), {}, r"unexpected \['extra'\]"),
        (lambda t: t.update({WEIGHT: t[WEIGHT].T.contiguous()}), {}, r"\(8, 3\).*\(3, 8\)"),
        (lambda t: t.update({WEIGHT: t[WEIGHT][None]}), {}, r"\(1, 3, 8\).*\(3, 8\)"),
        (lambda t: t.update({WEIGHT: t[WEIGHT].int()}), {}, "int32, and must hold floating-point"),
        (lambda t: t.update({WEIGHT: t[WEIGHT] * torch.nan}), {}, f"{WEIGHT} .*holds NaN"),
        (lambda t: t.update({WEIGHT: t[WEIGHT].double() * 1e300}), {}, "infinity"),
        (lambda t: t["head.norm.running_var"].neg_(), {}, "a variance below zero"),
    ],
)
def test_weights_that_do_not_fit_the_card_are_refused_by_name(
    checkpoint, change, settings, message
):
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(rewritten(checkpoint, change, **settings))


@given(data=st.data())
def test_tensors_of_any_shape_and_type_load_or_are_refused(checkpoint, data):
    names = sorted(load_file(checkpoint))
    name = data.draw(st.sampled_from([*names, "extra"]))
    shape = data.draw(st.lists(st.integers(0, 9), max_size=4))
    dtype = data.draw(
        st.sampled_from([torch.float64, torch.bfloat16, torch.float8_e4m3fn, torch.bool])
        | st.sampled_from([torch.int8, torch.complex64, torch.float32])
    )

    def change(tensors):
        tensors[name] = torch.zeros(shape).to(dtype)

    try:
        load_checkpoint(rewritten(checkpoint, change))[0].explain(torch.zeros(2, 128))
    except CheckpointError as error:
        assert "changed.safetensors" in str(error)


@given(place=st.floats(0, 1), byte=st.integers(0, 255))
def test_a_file_with_any_other_byte_loads_or_is_refused(checkpoint, place, byte):
    content = bytearray(checkpoint.read_bytes())
    content[int(place * 600)] = byte  # its table of tensors comes first
    path = checkpoint.with_name("byte.safetensors")
    path.write_bytes(content)
    path.with_suffix(".json").write_text(json.dumps(PLAIN))
    try:
        load_checkpoint(path)[0].explain(torch.zeros(2, 128))
    except CheckpointError as error:
        assert "byte.safetensors" in str(error)
