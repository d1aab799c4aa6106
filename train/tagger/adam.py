"""AdamW over a network, and the state of both as named tensors."""

import torch
from torch import Tensor, nn

MOMENTS = ("exp_avg", "exp_avg_sq")


def adamw(
    network: nn.Module,
    learning_rate: float,
    weight_decay: float,
    eps: float = 1e-8,
    shares: dict[str, float] | None = None,
) -> torch.optim.AdamW:
    """The optimizer of what is not frozen; only matrices and kernels decay.

    `shares` are shares of the learning rate for parameters whose names begin so; for others 1.
    """
    groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for name, parameter in _trained(network):
        share = next((s for start, s in (shares or {}).items() if name.startswith(start)), 1.0)
        # Biases and BatchNorm have few parameters and gain nothing from decay.
        groups.setdefault((parameter.ndim > 1, share), []).append(parameter)
    optimizer = torch.optim.AdamW(
        [
            {"params": parameters, "weight_decay": weight_decay if decays else 0.0, "share": share}
            for (decays, share), parameters in groups.items()
        ],
        eps=eps,
        fused=True,
    )
    set_learning_rate(optimizer, learning_rate)
    return optimizer


def _trained(network: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [item for item in network.named_parameters() if item[1].requires_grad]


def set_learning_rate(optimizer: torch.optim.AdamW, learning_rate: float) -> None:
    """The learning rate of an optimizer by `adamw`, of which each group has its share."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["share"]


def training_state(
    network: nn.Module, name: str, optimizer: torch.optim.AdamW
) -> dict[str, Tensor]:
    """Everything that a step changes, by name, on the CPU.

    Parameters
    ----------
    name : prefix of the names of the network's own tensors
    """
    tensors = {f"{name}.{key}": value for key, value in network.state_dict().items()}
    for key, parameter in _trained(network):
        for moment, value in optimizer.state[parameter].items():
            tensors[f"adam.{moment}.{key}"] = value
    return {key: tensor.cpu().contiguous() for key, tensor in tensors.items()}


def restore_training(
    network: nn.Module, name: str, optimizer: torch.optim.AdamW, state: dict[str, Tensor]
) -> None:
    """Restore what `training_state` returned."""
    network.load_state_dict(part_of(state, name))
    for key, parameter in _trained(network):
        optimizer.state[parameter] = {"step": state[f"adam.step.{key}"].to(parameter.device)}
        for moment in MOMENTS:
            # The fused optimizer walks memory: moments need the layout of their parameter.
            value = torch.empty_like(parameter, requires_grad=False)
            optimizer.state[parameter][moment] = value.copy_(state[f"adam.{moment}.{key}"])


def part_of(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `name` and a dot, without that prefix."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
