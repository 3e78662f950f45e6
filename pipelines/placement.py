"""Where a batch is rendered, and how it comes to a device that renders none.

Covers: Apple's GPUs ("mps"): batches are rendered on the CPU and then moved, in dtypes and an order in memory that
these GPUs have. Does not cover: CPUs and CUDA, where a batch is rendered in place (`executors/`).

An Apple GPU has neither float64 nor unsigned integers wider than a byte, some of the views' operations are missing
there, and channels-last memory has been a source of silent faults. Rendered on the CPU, a batch has a CPU's bits.
Not yet run on such a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

APPLE = "mps"
NARROWER = {
    torch.float64: torch.float32,
    torch.uint16: torch.int32,
    torch.uint32: torch.int64,
    torch.uint64: torch.int64,
}
"""Dtype that an Apple GPU lacks -> the one that takes its place there; of uint64 the values below 2^63."""


def rendering_device(device: torch.device) -> torch.device:
    """Find out where batches for a device are rendered.

    Args:
        device: where batches go.

    Returns:
        The device itself; for an Apple GPU the CPU.
    """
    return torch.device("cpu") if device.type == APPLE else device


def hand_over(batch: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Move a batch that was rendered on the CPU; returns once it is there.

    Args:
        batch: tensors by name.
        device: where to.

    Returns:
        Row-major tensors of dtypes that an Apple GPU has.
    """
    return {name: for_apple(values).to(device) for name, values in batch.items()}


def for_apple(values: Tensor) -> Tensor:
    """Give a tensor a dtype and an order in memory that an Apple GPU has.

    Args:
        values: on the CPU.

    Returns:
        Row-major, on the CPU; `values` itself where nothing has to change.
    """
    return values.to(NARROWER.get(values.dtype, values.dtype)).contiguous()
