"""What an executor is, and which one suits a device.

Covers: the contract, the automatic choice and its reason.
Does not cover: rendering (`torch_executor.py`, `dali_executor.py`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from fastssl.pipelines.placement import APPLE
from fastssl.pipelines.views.view import Parameters, View

ExecutorName = Literal["auto", "dali", "torch"]


class Executor(Protocol):
    """Renders batches of one view. Stateless from one batch to the next."""

    parallel: bool
    """Whether several threads may call `render` at once."""

    def render(
        self, images: Tensor, parameters: Parameters, arrays: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Render images; those in the result are channels-last and in the executor's dtype.

        Args:
            images: uint8 or uint16 `[B, H, W, C]`, on the executor's device.
            parameters: as the view's `draw` returned them.
            arrays: the parameters once more, as tensors where the images are, from a caller that moved them there with
                other things (`packing.to_device`); by default they are moved here.

        Returns:
            The batch's tensors by name.
        """


@dataclass(frozen=True, kw_only=True)
class ChosenExecutor:
    """A resolved executor and, in one line, why."""

    name: Literal["dali", "torch"]
    reason: str


def choose(executor: ExecutorName, device: torch.device) -> ChosenExecutor:
    """Resolve "auto", and say why.

    Args:
        executor: "auto", "dali" or "torch".
        device: where batches go.

    Returns:
        The executor's name and the reason for it.

    Raises:
        ValueError: the name is unknown, or DALI is asked for and not installed.
    """
    if executor not in ("auto", "dali", "torch"):
        raise ValueError(f"executor must be 'auto', 'dali' or 'torch', got {executor!r}")
    if executor == "dali" and not dali_installed():
        raise ValueError("executor='dali' needs NVIDIA DALI: pip install nvidia-dali-cuda130, or use executor='torch'")
    if executor != "auto":
        return ChosenExecutor(name=executor, reason="asked for")
    if device.type == APPLE:
        return ChosenExecutor(
            name="torch", reason="images are augmented on the CPU and then moved: an Apple GPU lacks some of it"
        )
    if device.type != "cuda":
        return ChosenExecutor(
            name="torch", reason="no GPU in use: batched torch outran DALI's CPU operators at every size measured"
        )
    if dali_installed():
        return ChosenExecutor(name="dali", reason="images are augmented on the GPU")
    return ChosenExecutor(name="torch", reason="DALI is not installed (pip install nvidia-dali-cuda130)")


def storage_addresses(tensors: Iterable[Tensor]) -> set[int]:
    """Collect the addresses of the storages behind tensors: tensors that lie in one of them share it."""
    return {tensor.untyped_storage().data_ptr() for tensor in tensors}


def as_batch_tensor(values: Tensor, dtype: torch.dtype, *, copy: bool = False) -> Tensor:
    """Convert a rendered tensor to what batches hold: floating-point ones in `dtype`, images channels-last."""
    # Cast, then lay out: the two in one step take 2 to 3 times as long (bfloat16, 28 to 224 px).
    values = values.to(dtype if values.is_floating_point() else values.dtype, copy=copy)
    return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values


def dali_installed() -> bool:
    """Say whether DALI could be imported; does not import it."""
    return importlib.util.find_spec("nvidia") is not None and importlib.util.find_spec("nvidia.dali") is not None


def create(
    name: Literal["dali", "torch"], view: View, device: torch.device, dtype: torch.dtype, batch: int
) -> Executor:
    """Make the named executor. DALI is imported here and nowhere sooner.

    Args:
        name: "dali" or "torch".
        view: what it renders.
        device: where images lie and batches go.
        dtype: of the floating-point outputs.
        batch: the largest batch that it will be given.

    Returns:
        The executor.
    """
    if name == "dali":
        from fastssl.pipelines.executors.dali_executor import DaliExecutor

        return DaliExecutor(view, device, dtype, batch)
    from fastssl.pipelines.executors.torch_executor import TorchExecutor

    return TorchExecutor(view, dtype)
