"""What an executor is, and which one suits a device.

Covers: the contract, the automatic choice and its reason.
Does not cover: rendering (`torch_executor.py`, `dali_executor.py`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from fastssl.pipelines.views.view import Parameters, View

ExecutorName = Literal["auto", "dali", "torch"]


class Executor(Protocol):
    """Renders batches of one view. Stateless from one batch to the next."""

    parallel: bool
    """Whether several threads may call `render` at once."""

    def render(
        self, images: Tensor, parameters: Parameters, arrays: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Render uint8 or uint16 images `[B, H, W, C]`; pictures come back channels-last and in the dtype.

        arrays: the parameters once more, as tensors where the images are, from a caller that moved them there with
        other things (`packing.to_device`); by default they are moved here.
        """


class Choice(NamedTuple):
    """A resolved executor and, in one line, why."""

    name: Literal["dali", "torch"]
    reason: str


def choose(executor: ExecutorName, device: torch.device) -> Choice:
    """Resolve "auto". Raises ValueError if DALI is asked for by name and is not installed."""
    if executor not in ("auto", "dali", "torch"):
        raise ValueError(f"executor must be 'auto', 'dali' or 'torch', got {executor!r}")
    if executor == "dali" and not dali_installed():
        raise ValueError("executor='dali' needs NVIDIA DALI: pip install nvidia-dali-cuda130, or use executor='torch'")
    if executor != "auto":
        return Choice(executor, "asked for")
    if device.type != "cuda":
        return Choice("torch", "no GPU in use: batched torch outran DALI's CPU operators at every size measured")
    if dali_installed():
        return Choice("dali", "images are augmented on the GPU")
    return Choice("torch", "DALI is not installed (pip install nvidia-dali-cuda130)")


def places(tensors: Iterable[Tensor]) -> set[int]:
    """The addresses of the storages behind tensors: who lies in one of them shares it."""
    return {tensor.untyped_storage().data_ptr() for tensor in tensors}


def lay_out(values: Tensor, dtype: torch.dtype, *, copy: bool = False) -> Tensor:
    """A rendered tensor as batches hold it: floating-point ones in `dtype`, pictures channels-last."""
    # Cast, then lay out: the two in one step take 2 to 3 times as long (bfloat16, 28 to 224 px).
    values = values.to(dtype if values.is_floating_point() else values.dtype, copy=copy)
    return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values


def dali_installed() -> bool:
    """Whether DALI could be imported; does not import it."""
    return importlib.util.find_spec("nvidia") is not None and importlib.util.find_spec("nvidia.dali") is not None


def create(
    name: Literal["dali", "torch"], view: View, device: torch.device, dtype: torch.dtype, batch: int
) -> Executor:
    """Make the named executor. batch: the largest batch it will be given. DALI is imported here and nowhere sooner."""
    if name == "dali":
        from fastssl.pipelines.executors.dali_executor import DaliExecutor

        return DaliExecutor(view, device, dtype, batch)
    from fastssl.pipelines.executors.torch_executor import TorchExecutor

    return TorchExecutor(view, dtype)
