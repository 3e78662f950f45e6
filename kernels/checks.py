"""What a caller may get wrong, said in one line.

Covers: checks shared by the operations. They read metadata only, so none of them makes the host wait for the device,
and `torch.compile` turns them into guards. Does not cover: what belongs to a single operation.
"""

from __future__ import annotations

import torch
from torch import Tensor

IMPLEMENTATIONS = ("auto", "triton", "torch")
REDUCTIONS = ("mean", "sum", "none")
MAX_WIDTH = 256  # the contrastive kernels hold whole rows of embeddings in registers and shared memory
FLOATING = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def check_floating(**tensors: Tensor) -> None:
    """Raise TypeError unless every argument is a tensor of a supported floating dtype."""
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(tensor).__name__}")
        if tensor.dtype not in FLOATING:
            raise TypeError(f"{name} must be float32, bfloat16, float16 or float64, got {tensor.dtype}")


def check_same_device(**tensors: Tensor) -> None:
    """Raise ValueError unless all arguments lie on one device."""
    (first, reference), *rest = tensors.items()
    for name, tensor in rest:
        if tensor.device != reference.device:
            raise ValueError(f"{name} is on {tensor.device} but {first} is on {reference.device}: move one of them")


def check_temperature(temperature: float) -> None:
    """Raise TypeError or ValueError unless the temperature is a positive number."""
    if isinstance(temperature, bool) or not isinstance(temperature, (int, float)):
        raise TypeError(f"temperature must be a number, got {type(temperature).__name__}")
    if not 0.0 < temperature < float("inf"):
        raise ValueError(f"temperature must be positive and finite, got {temperature}")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
