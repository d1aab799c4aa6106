"""PyTorch checkpoints of the reference (`md_*_iters.tar`), read as models of ours.

The reference is the public repository qiuqiangkong/audioset_classification (arXiv 1711.00927,
1803.02353, 1903.00765). Despite its name such a file is not an archive but the output of
`torch.save`: a dict whose `state_dict` holds 1x1 convolutions (out, in, 1, 1) where ours have
matrices. The keys identify the type of the model, except that average and max pooling share theirs.

On clips without padding the outputs equal the reference's, which treats padding as sound.
"""

import re
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from audioset_demo.errors import CheckpointError
from audioset_demo.models.card import ModelCard
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.settings import ModelSettings
from audioset_demo.models.tensors import trained_values
from audioset_demo.names import shortened

REFERENCE = "qiuqiangkong/audioset_classification"
SUFFIXES = (".tar", ".pth", ".pt")
# Its folders are named after the model: .../model_type=decision_level_max_pooling/md_*_iters.tar
AMBIGUOUS = {"average": "decision_level_average_pooling", "max": "decision_level_max_pooling"}

# Modules of each head: ours, and the reference's.
HEADS = {
    "average": {"head.classify": "fc_final"},
    "max": {"head.classify": "fc_final"},
    "single_attention": {
        "head.attend": "attention.att",
        "head.classify": "attention.cla",
    },
    "multi_attention": {
        "head.heads.0.attend": "attention.att",
        "head.heads.0.classify": "attention.cla",
        "head.join": "fc_final",
    },
    "feature_attention": {
        "head.attend": "attention.att",
        "head.transform": "attention.cla",
        "head.norm": "bn_attention",
        "head.classify": "fc_final",
    },
}


def is_reference(path: Path) -> bool:
    """Whether a checkpoint is one of the reference, by its file name."""
    return path.suffix.lower() in SUFFIXES


def load_reference(path: Path, pooling: str | None = None) -> tuple[TaggingModel, ModelCard]:
    """The model of a checkpoint of the reference, in evaluation mode, and a card for it.

    Parameters
    ----------
    pooling : "average" or "max" where neither the keys nor a folder's name says which

    Raises
    ------
    CheckpointError
        If the file is damaged or holds another model, or if its pooling is not known.
    """
    checkpoint = _read(path)
    state = _state_of(checkpoint, path)
    iteration = checkpoint.get("iteration")
    pooling = _pooling_of(state, path, pooling)
    with torch.device("meta"):  # the file's tensors take the place of the parameters
        model = TaggingModel(_settings_of(state, pooling, path))
    model.load_state_dict(_converted(state, model, path), assign=True)
    card = ModelCard(
        name=f"{path.name} of {REFERENCE}",
        settings=model.settings,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        training={
            "set": "a set that the checkpoint does not name",
            "backend": "reference",
            "code": REFERENCE,
            "iteration": iteration if type(iteration) is int else None,
        },
    )
    return model.eval(), card


def _read(path: Path) -> dict:
    try:
        _check_size(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on damaged bytes torch raises errors of any type
        raise CheckpointError(
            f"{path} cannot be read as a complete PyTorch checkpoint ({type(error).__name__}). "
            "Copy it again. Only files of tensors are read, never pickled models."
        ) from None


def _check_size(path: Path) -> None:
    """Raise ValueError for an archive with compressed parts: their size in memory is any."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > path.stat().st_size:
                raise ValueError("torch.save compresses nothing")


def _state_of(checkpoint: object, path: Path) -> dict[str, Tensor]:
    """The state dict, without the prefix that `DataParallel` gives each key."""
    state = checkpoint.get("state_dict") if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise CheckpointError(
            f"{path} holds no `state_dict` of tensors. Give a checkpoint (md_*_iters.tar) of "
            f"{REFERENCE}, or a .safetensors of ours."
        )
    return {
        key.removeprefix("module."): value
        for key, value in state.items()
        # Kept by later versions of PyTorch; no output depends on it.
        if not key.endswith("num_batches_tracked")
    }


def _pooling_of(state: dict[str, Tensor], path: Path, asked: str | None) -> str:
    found = _pooling_by_keys(state)
    if found is None:
        if asked in AMBIGUOUS:
            return asked
        found = _pooling_by_folders(path)
    if found is None:
        raise CheckpointError(
            f"{shortened(str(path), 80)} may be average or max pooling. State it with --pooling "
            "average or --pooling max (in Python, pooling=...), or keep it in a folder named "
            f"{' or '.join(AMBIGUOUS.values())}."
        )
    if asked not in (None, found):
        raise CheckpointError(f"{path} is a {found} model, not {asked}. Leave the pooling out.")
    return found


def _pooling_by_keys(state: dict[str, Tensor]) -> str | None:
    """The type of the model; None where it may be average or max pooling."""
    if "bn_attention.weight" in state:
        return "feature_attention"
    if "attention.att.weight" in state:
        return "multi_attention" if "fc_final.weight" in state else "single_attention"
    return None


def _pooling_by_folders(path: Path) -> str | None:
    for name in reversed(path.absolute().parts):
        for pooling, folder in AMBIGUOUS.items():
            if folder in name:
                return pooling
    return None


def _settings_of(state: dict[str, Tensor], pooling: str, path: Path) -> ModelSettings:
    first = state.get("emb.conv1.weight")
    last = state.get("fc_final.weight", state.get("attention.cla.weight"))
    if first is None or last is None or first.ndim != 4 or not last.ndim:
        raise CheckpointError(
            f"{shortened(str(path), 60)} is not a model of {REFERENCE}: it lacks emb.conv1.weight "
            "(units, inputs, 1, 1) or fc_final.weight. It holds "
            f"{shortened(', '.join(list(state)[:4]), 80) or 'nothing'}. Give a checkpoint that its "
            "training wrote."
        )
    try:
        return ModelSettings(
            pooling=pooling,
            n_classes=last.shape[0],
            n_dims=first.shape[1],
            hidden_units=first.shape[0],
            hidden_layers=sum(bool(re.fullmatch(r"emb\.conv\d+\.weight", key)) for key in state),
            shared_head=pooling == "multi_attention",
        )
    except CheckpointError as error:
        raise CheckpointError(
            f"{path} is not a model of {REFERENCE}: {error} Give a checkpoint that its training "
            "wrote."
        ) from None


def _converted(state: dict[str, Tensor], model: TaggingModel, path: Path) -> dict[str, Tensor]:
    """The state dict in our names and shapes."""
    modules = _modules(model.settings)
    converted, names = model.state_dict(), {}
    for key in converted:
        module, name = key.rsplit(".", 1)
        if name == "num_batches_tracked":
            converted[key] = torch.tensor(0)
        else:
            names[key] = f"{modules[module]}.{name}"
    _check_keys(state, set(names.values()), model.settings.pooling, path)
    for key, name in names.items():
        expected, tensor = converted[key].shape, state[name]
        if tensor.shape not in (expected, (*expected, 1, 1)):
            raise CheckpointError(
                f"{name} in {path} has shape {tuple(tensor.shape)}, and to fit the other layers it "
                f"must have {tuple(expected)}, or that with (1, 1) appended. Give a checkpoint "
                "that its training wrote."
            )
        converted[key] = trained_values(tensor.reshape(expected), name, path)
    if model.settings.pooling == "multi_attention":
        # The reference joins the last layer's scores with those of the one before, in that order.
        join = converted["head.join.weight"]
        converted["head.join.weight"] = join.roll(join.shape[1] // 2, dims=1)
    return converted


def _check_keys(state: dict[str, Tensor], expected: set[str], pooling: str, path: Path) -> None:
    missing, unexpected = sorted(expected - set(state)), sorted(set(state) - expected)
    if missing or unexpected:
        raise CheckpointError(
            f"{path} is not the {pooling} model of {REFERENCE}: missing "
            f"{', '.join(missing) or 'nothing'}, unexpected {', '.join(unexpected) or 'nothing'}. "
            "Give a checkpoint that its training wrote."
        )


def _modules(settings: ModelSettings) -> dict[str, str]:
    """Our modules' names, and the reference's."""
    trunk = {"trunk.input_norm": "emb.bn0"}
    for layer in range(settings.hidden_layers):
        trunk[f"trunk.layers.{layer}.0"] = f"emb.conv{layer + 1}"
        trunk[f"trunk.layers.{layer}.1"] = f"emb.bn{layer + 1}"
    return trunk | HEADS[settings.pooling]
