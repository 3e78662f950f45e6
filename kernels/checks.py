"""What a caller may get wrong, said in one line.

Covers: checks shared by the operations. They read metadata only, so none of them makes the host wait for the device,
and `torch.compile` turns them into guards. Does not cover: what belongs to a single operation.
"""

from __future__ import annotations

from numbers import Real

import torch
from torch import Tensor

IMPLEMENTATIONS = ("auto", "triton", "torch")
REDUCTIONS = ("mean", "sum", "none")
MAX_WIDTH = 256  # the contrastive kernels hold whole rows of embeddings in registers and shared memory
FLOATING = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
# Beyond, float32 loses what the loss is about: unit vectors have logits of up to 1 / temperature, of which it keeps
# 24 bits, and exp() of the difference of two needs an absolute error well below 1.
TEMPERATURES = (1e-6, 1e6)


def check_tensors(**tensors: Tensor) -> None:
    """Raise TypeError unless every argument is a dense tensor."""
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(tensor).__name__}")
        if tensor.layout != torch.strided:
            raise TypeError(f"{name} must be dense, got {tensor.layout}: call .to_dense()")


def check_floating(**tensors: Tensor) -> None:
    """Raise TypeError unless every argument is a dense tensor of a supported floating dtype."""
    check_tensors(**tensors)
    for name, tensor in tensors.items():
        if tensor.dtype not in FLOATING:
            raise TypeError(f"{name} must be float32, bfloat16, float16 or float64, got {tensor.dtype}")


def check_same_device(**tensors: Tensor) -> None:
    """Raise TypeError or ValueError unless all arguments are dense tensors on one device."""
    check_tensors(**tensors)
    (first, reference), *rest = tensors.items()
    for name, tensor in rest:
        if tensor.device != reference.device:
            raise ValueError(f"{name} is on {tensor.device} but {first} is on {reference.device}: move one of them")


def check_constant(**tensors: Tensor) -> None:
    """Raise ValueError where a tensor that gets no gradient requires one: it would be left out in silence."""
    for name, tensor in tensors.items():
        if tensor.requires_grad:
            raise ValueError(f"{name} must not require a gradient: it is a constant here; pass {name}.detach()")


def as_number(name: str, value: object) -> float:
    """A number of Python or NumPy, or a tensor of no dimensions, as a float. Raises TypeError or ValueError."""
    if type(value) is float:
        return value
    if isinstance(value, Tensor):
        if value.dim() or value.is_meta or value.dtype == torch.bool or value.is_complex():
            raise TypeError(f"{name} must be a number, got a tensor of {value.dtype} {list(value.shape)}")
        check_constant(**{name: value})
    elif isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    return float(value)


def as_temperature(value: object) -> float:
    """A temperature as a float. Raises TypeError where it is no number, ValueError where float32 cannot follow."""
    temperature = as_number("temperature", value)
    smallest, largest = TEMPERATURES
    if not smallest <= temperature <= largest:
        raise ValueError(f"temperature must be positive, from {smallest:g} to {largest:g}, got {temperature}")
    return temperature


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
