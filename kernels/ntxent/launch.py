"""Launch of the NT-Xent kernels.

Covers: the static table of tiles, the cut into slices, buffers, the three forward and two backward launches.
Does not cover: the choice of implementation and autograd (op.py).
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from fastssl.kernels import scheduling
from fastssl.kernels.dispatch import on_device
from fastssl.kernels.ntxent.kernel import (
    grad_combine_kernel,
    grad_partial_kernel,
    lse_combine_kernel,
    lse_partial_kernel,
    unit_kernel,
)
from fastssl.kernels.precision import Precision, product_precision
from fastssl.kernels.scheduling import Tile

LOG2E = 1.4426950408889634
ROW_WARPS = 4
COMBINE_TILE = 32


def choose_tile(precision: Precision, width: int) -> Tile:
    """The launch table, for both passes. No entry that uses tensor cores spills; timings: not yet measured.

    Two weights per logit leave no room for the 128 x 128 tiles of InfoNCE: they spill 88 bytes on sm_100.
    """
    if precision.operands == tl.float32:
        if precision.products == "ieee":
            return Tile(16, 16, 4, 2, 1)
        return Tile(64, 64, 8, 2, 1) if width <= 128 else Tile(32, 32, 8, 1, 1)
    return Tile(128, 64, 8, 3, 1) if width <= 128 else Tile(64, 32, 8, 2, 1)


def constants(precision: Precision, tile: Tile, n_rows: int, width: int) -> dict[str, Any]:
    """Compile-time arguments that `lse_partial_kernel` and `grad_partial_kernel` share."""
    block_width = max(16, triton.next_power_of_2(width))
    return {
        "EVEN": n_rows % tile.rows == 0 and n_rows % tile.keys == 0 and width == block_width,
        "OPERANDS": precision.operands,
        "PRODUCTS": precision.products,
        "BLOCK_ROWS": tile.rows,
        "BLOCK_COLUMNS": tile.keys,
        "BLOCK_WIDTH": block_width,
    }


def launch_forward(
    embeddings: Tensor, temperature: float, normalize: bool, tile: Tile | None = None, n_slices: int | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Loss, logsumexp [N], and, if they are normalised here, unit rows [N, D] and norms [N] (else empty)."""
    n_rows, width = embeddings.shape
    raw = embeddings if embeddings.stride(1) == 1 else embeddings.contiguous()
    unit = raw.new_empty((n_rows, width) if normalize else 0)
    norm = raw.new_empty(n_rows if normalize else 0, dtype=torch.float32)
    block_width = max(16, triton.next_power_of_2(width))
    with on_device(raw):
        if normalize:
            unit_kernel[(n_rows,)](raw, unit, norm, width, raw.stride(0), BLOCK_WIDTH=block_width, num_warps=ROW_WARPS)
        rows = unit if normalize else raw
        precision, tile, n_slices, slice_rows = _plan(rows, tile, n_slices)
        loss, lse = (raw.new_empty(n_rows, dtype=torch.float32) for _ in range(2))
        peak, total = (raw.new_empty(n_rows, n_slices, dtype=torch.float32) for _ in range(2))
        scale = LOG2E / temperature
        lse_partial_kernel[(triton.cdiv(n_rows, tile.rows), n_slices)](
            rows,
            peak,
            total,
            n_rows,
            width,
            slice_rows,
            rows.stride(0),
            scale,
            **constants(precision, tile, n_rows, width),
            num_warps=tile.warps,
            num_stages=tile.stages,
        )
        lse_combine_kernel[(n_rows,)](
            rows,
            peak,
            total,
            loss,
            lse,
            n_rows,
            n_slices,
            width,
            rows.stride(0),
            scale,
            BLOCK_SLICES=triton.next_power_of_2(n_slices),
            BLOCK_WIDTH=block_width,
            num_warps=ROW_WARPS,
        )
    return loss, lse, unit, norm


def launch_backward(
    unit: Tensor,
    norm: Tensor,
    loss: Tensor,
    lse: Tensor,
    grad_loss: Tensor,
    temperature: float,
    normalize: bool,
    tile: Tile | None = None,
    n_slices: int | None = None,
) -> Tensor:
    """Gradient [N, D] fp32 of sum(grad_loss * loss) for the embeddings as they were before normalisation."""
    unit = unit if unit.stride(1) == 1 else unit.contiguous()
    n_rows, width = unit.shape
    precision, tile, n_slices, slice_rows = _plan(unit, tile, n_slices)
    grad_loss = grad_loss.float().contiguous()
    largest = grad_loss.abs().amax().clamp_min_(torch.finfo(torch.float32).tiny)
    gathered = unit.new_empty(n_rows, n_slices, width, dtype=torch.float32)
    grad = unit.new_empty(n_rows, width, dtype=torch.float32)
    with on_device(unit):
        grad_partial_kernel[(triton.cdiv(n_rows, tile.rows), n_slices)](
            unit,
            lse,
            grad_loss,
            largest,
            gathered,
            n_rows,
            width,
            slice_rows,
            unit.stride(0),
            LOG2E / temperature,
            **constants(precision, tile, n_rows, width),
            HEADROOM=precision.headroom,
            num_warps=tile.warps,
            num_stages=tile.stages,
        )
        grad_combine_kernel[(n_rows,)](
            unit,
            norm,
            loss,
            grad_loss,
            largest,
            gathered,
            grad,
            n_rows,
            n_slices,
            width,
            unit.stride(0),
            1.0 / temperature,
            NORMALIZE=normalize,
            HEADROOM=precision.headroom,
            TILE_SLICES=min(triton.next_power_of_2(n_slices), COMBINE_TILE),
            BLOCK_WIDTH=max(16, triton.next_power_of_2(width)),
            num_warps=ROW_WARPS,
        )
    return grad


def _plan(rows: Tensor, tile: Tile | None, n_slices: int | None) -> tuple[Precision, Tile, int, int]:
    """Precision, tile, number of slices, and columns per slice."""
    n_rows, width = rows.shape
    precision = product_precision(rows.dtype)
    tile = tile or choose_tile(precision, width)
    row_tiles, column_tiles = triton.cdiv(n_rows, tile.rows), triton.cdiv(n_rows, tile.keys)
    slots = scheduling.processors(rows.device) * tile.resident
    n_slices = n_slices or scheduling.slices(row_tiles, column_tiles, slots)
    return precision, tile, n_slices, triton.cdiv(column_tiles, n_slices) * tile.keys
