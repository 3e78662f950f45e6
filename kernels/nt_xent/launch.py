"""Launch of the NT-Xent kernels.

Covers: the static table of tiles, the cut into slices, buffers, the three forward and two backward launches, of all
rows or of some.
What follows from shapes and settings alone is worked out once and kept (`plan`).
Does not cover: the choice of implementation and gradients (autograd.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from fastssl.kernels import scheduling
from fastssl.kernels.dispatch import on_device
from fastssl.kernels.nt_xent.kernel import (
    grad_combine_kernel,
    grad_partial_kernel,
    lse_combine_kernel,
    lse_partial_kernel,
    unit_kernel,
)
from fastssl.kernels.nt_xent.reference import NTXentResult
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


def constants(precision: Precision, tile: Tile, n_rows: int, width: int, own_rows: int | None = None) -> dict[str, Any]:
    """Compile-time arguments that `lse_partial_kernel` and `grad_partial_kernel` share; own_rows: that are computed."""
    block_width = max(16, triton.next_power_of_2(width))
    own_rows = n_rows if own_rows is None else own_rows
    return {
        "EVEN": own_rows % tile.rows == 0 and n_rows % tile.keys == 0 and width == block_width,
        "OPERANDS": precision.operands,
        "PRODUCTS": precision.products,
        "BLOCK_ROWS": tile.rows,
        "BLOCK_COLUMNS": tile.keys,
        "BLOCK_WIDTH": block_width,
    }


@dataclass(frozen=True, kw_only=True)
class NTXentPlan:
    """What both passes take from shapes and settings. The dictionaries are shared by all launches: read only.

    scratch: of the forward pass, gathered: of the backward pass, in elements. unit: for `unit_kernel`. partial: of
    either pass, without the headroom that the backward one takes too. The rest is named after its kernel.
    """

    grid: tuple[int, int]
    slice_rows: int
    scratch: tuple[int, ...]
    gathered: int
    unit: dict[str, Any]
    partial: dict[str, Any]
    lse_combine: dict[str, Any]
    grad_partial: dict[str, Any]
    grad_combine: dict[str, Any]


@lru_cache(maxsize=scheduling.PLANS)
def plan(
    device: torch.device,
    precision: Precision,
    n_rows: int,
    width: int,
    normalize: bool,
    tile: Tile | None = None,
    n_slices: int | None = None,
    own_rows: int | None = None,
) -> NTXentPlan:
    """The launches for [n_rows, width] embeddings, or for `own_rows` of them; tile and n_slices override the table."""
    tile = tile or choose_tile(precision, width)
    own_rows = n_rows if own_rows is None else own_rows
    row_tiles, column_tiles = triton.cdiv(own_rows, tile.rows), triton.cdiv(n_rows, tile.keys)
    n_slices = n_slices or scheduling.slices(row_tiles, column_tiles, scheduling.processors(device) * tile.resident)
    shared = constants(precision, tile, n_rows, width, own_rows) | {"num_warps": tile.warps, "num_stages": tile.stages}
    block_slices = triton.next_power_of_2(n_slices)
    rows = {"BLOCK_WIDTH": shared["BLOCK_WIDTH"], "num_warps": ROW_WARPS}
    return NTXentPlan(
        grid=(row_tiles, n_slices),
        slice_rows=triton.cdiv(column_tiles, n_slices) * tile.keys,
        scratch=scheduling.scratch_sizes(own_rows * n_slices, own_rows * n_slices),
        gathered=own_rows * n_slices * width,
        unit=rows,
        partial=shared,
        lse_combine=rows | {"BLOCK_SLICES": block_slices},
        grad_partial=shared | {"HEADROOM": precision.headroom},
        grad_combine=rows
        | {
            "NORMALIZE": normalize,
            "HEADROOM": precision.headroom,
            "TILE_SLICES": min(block_slices, COMBINE_TILE),
        },
    )


def launch_forward(
    embeddings: Tensor, temperature: float, normalize: bool, tile: Tile | None = None, n_slices: int | None = None
) -> NTXentResult:
    """Compute the loss of each of the embeddings [N, D] in three launches (two if they are not normalised here)."""
    n_rows, width = embeddings.shape
    raw = embeddings if embeddings.stride(1) == 1 else embeddings.contiguous()
    planned = plan(raw.device, product_precision(raw.dtype), n_rows, width, normalize, tile, n_slices)
    unit = raw.new_empty((n_rows, width) if normalize else 0)
    norm = raw.new_empty(n_rows if normalize else 0, dtype=torch.float32)
    if normalize:
        with on_device(raw):
            unit_kernel[(n_rows,)](raw, unit, norm, width, raw.stride(0), **planned.unit)
    loss, lse = _losses(unit if normalize else raw, range(n_rows), temperature, planned)
    return NTXentResult(loss=loss, lse=lse, unit=unit, norm=norm)


def launch_backward(
    forward: NTXentResult,
    grad_loss: Tensor,
    temperature: float,
    normalize: bool,
    tile: Tile | None = None,
    n_slices: int | None = None,
) -> Tensor:
    """Compute the gradient [N, D] fp32 of sum(grad_loss * loss) for the embeddings before they were normalised."""
    unit = forward.unit if forward.unit.stride(1) == 1 else forward.unit.contiguous()
    n_rows, width = unit.shape
    planned = plan(unit.device, product_precision(unit.dtype), n_rows, width, normalize, tile, n_slices)
    return _gradients(forward._replace(unit=unit), range(n_rows), grad_loss, temperature, planned)


def launch_losses(
    unit: Tensor, rows: range, temperature: float, tile: Tile | None = None, n_slices: int | None = None
) -> tuple[Tensor, Tensor]:
    """Compute loss and logsumexp [R] of some consecutive rows of all embeddings [N, D], which are normalised."""
    planned = _plan_of_rows(unit, rows, tile, n_slices)
    return _losses(unit, rows, temperature, planned)


def launch_gradients(
    forward: NTXentResult,
    rows: range,
    grad_loss: Tensor,
    temperature: float,
    tile: Tile | None = None,
    n_slices: int | None = None,
) -> Tensor:
    """Compute the gradient [R, D] fp32 of sum(grad_loss * loss) over all rows, for some consecutive normalised rows."""
    planned = _plan_of_rows(forward.unit, rows, tile, n_slices)
    return _gradients(forward, rows, grad_loss, temperature, planned)


def _plan_of_rows(unit: Tensor, rows: range, tile: Tile | None, n_slices: int | None) -> NTXentPlan:
    precision = product_precision(unit.dtype)
    return plan(unit.device, precision, *unit.shape, False, tile, n_slices, len(rows))


def _losses(unit: Tensor, rows: range, temperature: float, planned: NTXentPlan) -> tuple[Tensor, Tensor]:
    n_rows, width = unit.shape
    loss, lse = (unit.new_empty(len(rows), dtype=torch.float32) for _ in range(2))
    peak, total = scheduling.scratch(unit, planned.scratch)
    stride, scale = unit.stride(0), LOG2E / temperature
    with on_device(unit):
        lse_partial_kernel[planned.grid](
            unit,
            peak,
            total,
            rows.start,
            rows.stop,
            n_rows,
            width,
            planned.slice_rows,
            stride,
            scale,
            **planned.partial,
        )
        lse_combine_kernel[(len(rows),)](
            unit,
            peak,
            total,
            loss,
            lse,
            rows.start,
            n_rows,
            planned.grid[1],
            width,
            stride,
            scale,
            **planned.lse_combine,
        )
    return loss, lse


def _gradients(
    forward: NTXentResult, rows: range, grad_loss: Tensor, temperature: float, planned: NTXentPlan
) -> Tensor:
    unit = forward.unit
    n_rows, width = unit.shape
    grad_loss = grad_loss.float().contiguous()
    largest = torch.linalg.vector_norm(grad_loss, torch.inf)
    gathered = unit.new_empty(planned.gathered, dtype=torch.float32)
    grad = unit.new_empty((len(rows), width), dtype=torch.float32)
    stride = unit.stride(0)
    with on_device(unit):
        grad_partial_kernel[planned.grid](
            unit,
            forward.lse,
            grad_loss,
            largest,
            gathered,
            rows.start,
            rows.stop,
            n_rows,
            width,
            planned.slice_rows,
            stride,
            LOG2E / temperature,
            **planned.grad_partial,
        )
        grad_combine_kernel[(len(rows),)](
            unit,
            forward.norm,
            forward.loss,
            grad_loss,
            largest,
            gathered,
            grad,
            rows.start,
            n_rows,
            planned.grid[1],
            width,
            stride,
            1.0 / temperature,
            **planned.grad_combine,
        )
    return grad
