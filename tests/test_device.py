"""Which device a choice stands for, on machines with and without accelerators."""

import pytest
import torch

from audioset_demo.device import DEVICES, resolve_device
from audioset_demo.errors import AudioSetDemoError


@pytest.fixture
def machine(monkeypatch):
    """Make torch find some accelerators and no others."""

    def has(*accelerators: str) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in accelerators)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in accelerators)

    return has


@pytest.mark.parametrize(
    ("accelerators", "auto"),
    [((), "cpu"), (("cuda",), "cuda"), (("mps",), "mps"), (("cuda", "mps"), "cuda")],
)
def test_auto_takes_the_accelerator_that_is_there(machine, accelerators, auto):
    machine(*accelerators)
    assert resolve_device("auto") == resolve_device(auto) == torch.device(auto)
    assert resolve_device("cpu") == torch.device("cpu")
    for missing in {"cuda", "mps"} - set(accelerators):
        with pytest.raises(AudioSetDemoError, match=f"no {missing} device.*found: .*cpu"):
            resolve_device(missing)


def test_another_device_is_refused_with_the_choices():
    with pytest.raises(AudioSetDemoError, match=f"'gpu'.*{', '.join(DEVICES)}"):
        resolve_device("gpu")
