"""The device that a network runs on: the CPU, or a GPU if torch finds one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audioset_demo.errors import AudioSetDemoError

if TYPE_CHECKING:  # torch is slow to import, and the command line imports this module
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")


def resolve_device(name: str = "auto") -> torch.device:
    """The torch device of a choice; "auto" is CUDA, else MPS, else the CPU.

    Raises
    ------
    AudioSetDemoError
        If there is no such choice, or this machine lacks the device.
    """
    import torch

    if name not in DEVICES:
        raise AudioSetDemoError(
            f"There is no device '{name}'. Choose one of: {', '.join(DEVICES)}."
        )
    is_there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device in is_there if is_there[device])
    if not is_there[name]:
        found = ", ".join(device for device in is_there if is_there[device])
        raise AudioSetDemoError(
            f"torch finds no {name} device on this machine (found: {found}). Choose one of "
            "those, or install a build of torch that supports yours from "
            "https://pytorch.org/get-started/locally."
        )
    return torch.device(name)


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 in hardware; elsewhere float32 is the faster."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False
