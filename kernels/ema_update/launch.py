"""Launch of the flat moving average. Covers: the grid. Does not cover: the choice of when to launch (op.py)."""

from __future__ import annotations

from torch import Tensor

from fastssl.kernels.dispatch import on_device
from fastssl.kernels.ema_update.kernel import ema_kernel

# 8 fp32 elements per thread: two 128-bit loads in flight for each operand.
BLOCK = 1024
WARPS = 4


def launch_ema(target: Tensor, source: Tensor, momentum: float | Tensor) -> None:
    """Update the 1-D contiguous target in place. Graph-safe: fixed grid, no allocation, no wait."""
    n_elements = target.numel()
    with on_device(target):
        ema_kernel[(-(-n_elements // BLOCK),)](
            target,
            source,
            momentum,
            n_elements,
            MOMENTUM_IN_MEMORY=isinstance(momentum, Tensor),
            BLOCK=BLOCK,
            num_warps=WARPS,
        )
