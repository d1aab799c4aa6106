"""Checkpoints: weights as safetensors, and a JSON card that says what they are.

The card stands in a file beside the weights. A model that is handed on as one file holds it itself.
"""

import io
import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load, save, save_file

from audioset_demo.errors import AudioSetDemoError, CheckpointError
from audioset_demo.models.card import ModelCard, card_header, card_within, load_card, save_card
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.reference import is_reference, load_reference
from audioset_demo.models.tensors import trained_values
from audioset_demo.storage import write_atomically

SAME_TRAINING = "The checkpoint and its card must come from the same training. Copy both again."


def half_precision(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Matrices as float16; vectors (biases, BatchNorm) are few and stay as they are."""
    return {
        name: (tensor.half() if tensor.ndim > 1 else tensor).contiguous()
        for name, tensor in tensors.items()
    }


def save_checkpoint(path: Path, model: TaggingModel, card: ModelCard) -> None:
    """Write `path` (safetensors, half precision) and its card; readers never see half of either."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda part: save_file(half_precision(model.state_dict()), part))
    save_card(path, card)


def checkpoint_bytes(model: TaggingModel, card: ModelCard) -> bytes:
    """A checkpoint that is one file: weights in half precision, and their card in its header."""
    return save(half_precision(model.state_dict()), metadata=card_header(card))


def checkpoint_from_bytes(data: bytes, name: str) -> tuple[TaggingModel, ModelCard]:
    """The model of `checkpoint_bytes`, in float32 and in evaluation mode.

    Raises
    ------
    CheckpointError
        If `data`, which messages call `name`, is no such file, or damaged.
    """
    card = card_within(io.BytesIO(data), name)
    if card is None:
        raise CheckpointError(f"{name} is not a model that holds its card. Save the model again.")
    with torch.device("meta"):
        model = TaggingModel(card.settings)
    try:
        state = {
            key: tensor if _is_counter(key) else trained_values(tensor, key, Path(name))
            for key, tensor in load(data).items()
        }
        model.load_state_dict(state, assign=True)
    except AudioSetDemoError:
        raise
    except Exception as error:  # damaged bytes raise errors of any type
        raise CheckpointError(
            f"{name} does not hold the model of its card ({error}). Save the model again."
        ) from None
    return model.eval(), card


def load_checkpoint(
    path: str | os.PathLike, pooling: str | None = None
) -> tuple[TaggingModel, ModelCard]:
    """Build the model that a checkpoint describes, in float32 and in evaluation mode.

    Parameters
    ----------
    path : a checkpoint of ours, or one of the reference's PyTorch code (`md_*_iters.tar`)
    pooling : "average" or "max", for a checkpoint of the reference that does not say which it is

    Raises
    ------
    CheckpointError
        If a file is missing or damaged, if the two do not match, or hold another model.
    """
    path = Path(path)
    if not os.path.isfile(path):  # not Path.is_file: a name may be too long
        raise CheckpointError(f"There is no checkpoint {path}. Check the path.")
    try:
        return load_reference(path, pooling) if is_reference(path) else _load_ours(path, pooling)
    except AudioSetDemoError:
        raise
    except Exception as error:  # damaged bytes raise errors of any type
        kind = "PyTorch" if is_reference(path) else "safetensors"
        raise CheckpointError(
            f"{path} is not a complete {kind} file ({error}). Copy or train it again."
        ) from error


def _load_ours(path: Path, pooling: str | None) -> tuple[TaggingModel, ModelCard]:
    card = load_card(path)
    if pooling not in (None, card.settings.pooling):
        raise CheckpointError(
            f"{path} is a {card.settings.pooling} model, not {pooling}. Leave the pooling out."
        )
    with torch.device("meta"):  # the file's tensors take the place of the parameters
        model = TaggingModel(card.settings)
    state = _state_of(path, model.state_dict())
    model.load_state_dict(state, assign=True)
    return model.eval(), card


def _state_of(path: Path, expected: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of a file in float32, those that the model of its card has and no others.

    Names and shapes are compared before any tensor is read.
    """
    # Not counted by the backends, and of use in training only.
    counters = {name for name in expected if _is_counter(name)}
    state = {name: torch.tensor(0) for name in counters}
    with safe_open(path, "pt") as file:
        found = set(file.keys())
        missing = sorted(set(expected) - counters - found)
        unexpected = sorted(found - set(expected))
        if missing or unexpected:
            raise CheckpointError(
                f"{path} does not hold the model of its card: missing {missing or 'nothing'}, "
                f"unexpected {unexpected or 'nothing'}. {SAME_TRAINING}"
            )
        names = [name for name in expected if name not in counters]
        for name in names:
            shape = tuple(file.get_slice(name).get_shape())
            if shape != tuple(expected[name].shape):
                raise CheckpointError(
                    f"{name} in {path} is {shape}, and by its card must be "
                    f"{tuple(expected[name].shape)}. {SAME_TRAINING}"
                )
        state.update({name: trained_values(file.get_tensor(name), name, path) for name in names})
    return state


def _is_counter(name: str) -> bool:
    return name.endswith("num_batches_tracked")
