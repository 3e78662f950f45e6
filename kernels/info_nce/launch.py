"""Launch of the InfoNCE kernels.

Covers: the static table of tiles, the cut of the queue into slices, buffers and both launches. Everything that follows
from shapes and settings alone is worked out once and kept (`plan`): the kernels take tens of microseconds, and so did
the working out. Does not cover: the choice of implementation and gradients (autograd.py).
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
from fastssl.kernels.info_nce.kernel import combine_kernel, partial_kernel
from fastssl.kernels.info_nce.options import InfoNCEOptions, SampleIds
from fastssl.kernels.info_nce.reference import InfoNCEResult
from fastssl.kernels.precision import Precision, product_precision
from fastssl.kernels.scheduling import Tile

LOG2E = 1.4426950408889634
COMBINE_WARPS = 4
# 32 slices x 128 columns fp32 = 16 KB in flight per program of four warps: 32 registers per thread.
COMBINE_TILE = 32


def choose_tile(
    capability: tuple[int, int], precision: Precision, n_rows: int, width: int, options: InfoNCEOptions
) -> Tile:
    """The launch table. No entry that uses tensor cores spills (kernels/aot_budget.json); timings: not yet measured.

    Large tiles on sm_90 and sm_100, whose shared memory and tensor units ask for them. Counting ranks costs 32
    registers or more, so it runs on the next smaller tile. Leaving out own keys costs 30 to 45; every tile has room for
    them, except with ranks on sm_80. "ieee" products are made without tensor cores: slow, and never chosen by
    impl="auto".
    """
    large, rank = capability[0] in (9, 10), options.rank
    if precision.operands == tl.float32:
        if precision.products == "ieee":
            return Tile(16, 32, 8, 2, 1) if width <= 128 else Tile(16, 16, 4, 2, 1)
        return Tile(64, 64, 8, 2, 1) if width <= 128 else Tile(32, 32, 8, 1, 1)
    if width > 128:
        return Tile(128, 64, 8, 2, 1) if large and not rank else Tile(64, 32, 8, 2, 1)
    if n_rows <= 64:
        return Tile(64, 64, 4, 3 if large else 2, 2)
    if rank and options.mask_own and not large:
        return Tile(64, 64, 8, 3, 1)
    return Tile(128, 128, 8, 3, 1) if large and not rank else Tile(128, 64, 8, 3, 1)


def partial_constants(
    precision: Precision, tile: Tile, n_keys: int, width: int, options: InfoNCEOptions
) -> dict[str, Any]:
    """Compile-time arguments of `partial_kernel`; the ahead-of-time gate compiles the same ones."""
    block_width = max(16, triton.next_power_of_2(width))
    return {
        "NORMALIZE": options.normalize,
        "GRAD": options.query_grad,
        "RANK": options.rank,
        "MASK_OWN": options.mask_own,
        "EVEN_KEYS": n_keys % tile.keys == 0,
        "EVEN_WIDTH": width == block_width,
        "COMPUTE": precision.operands,
        "PRECISION": precision.products,
        "HEADROOM": precision.headroom,
        "BLOCK_ROWS": tile.rows,
        "BLOCK_KEYS": tile.keys,
        "BLOCK_WIDTH": block_width,
    }


@dataclass(frozen=True, kw_only=True)
class InfoNCEPlan:
    """What a launch takes from shapes and settings. The dictionaries are shared by all its launches: read only."""

    grid: tuple[int, int]
    slice_keys: int
    scratch: tuple[int, ...]
    partial: dict[str, Any]
    combine: dict[str, Any]


@lru_cache(maxsize=scheduling.PLANS)
def plan(
    device: torch.device,
    precision: Precision,
    n_rows: int,
    n_keys: int,
    width: int,
    options: InfoNCEOptions,
    tile: Tile | None = None,
    n_slices: int | None = None,
) -> InfoNCEPlan:
    """The launch of [n_rows, width] queries against [n_keys, width]; tile and n_slices override the table."""
    tile = tile or choose_tile(scheduling.capability(device), precision, n_rows, width, options)
    row_tiles, key_tiles = triton.cdiv(n_rows, tile.rows), triton.cdiv(n_keys, tile.keys)
    n_slices = n_slices or scheduling.slices(row_tiles, key_tiles, scheduling.processors(device) * tile.resident)
    cells = n_rows * n_slices
    launch_options = {"num_warps": tile.warps, "num_stages": tile.stages}
    return InfoNCEPlan(
        grid=(row_tiles, n_slices),
        slice_keys=triton.cdiv(key_tiles, n_slices) * tile.keys,
        scratch=scheduling.scratch_sizes(
            cells, cells, cells * width if options.query_grad else 0, cells if options.rank else 0
        ),
        partial=partial_constants(precision, tile, n_keys, width, options) | launch_options,
        combine=combine_constants(n_slices, width, options) | {"num_warps": COMBINE_WARPS},
    )


def launch_info_nce(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    temperature: float,
    options: InfoNCEOptions,
    tile: Tile | None = None,
    n_slices: int | None = None,
    ids: SampleIds | None = None,
) -> InfoNCEResult:
    """Compute loss and gradients per row in two launches; tile and n_slices override the table (tests, benchmarks)."""
    query, key, queue = (t if t.stride(1) == 1 else t.contiguous() for t in (query, key, queue))
    (n_rows, width), n_keys = query.shape, queue.shape[0]
    precision = product_precision(queue.dtype, query.dtype)
    planned = plan(query.device, precision, n_rows, n_keys, width, options, tile, n_slices)
    peak, total, weighted, partial_rank = scheduling.scratch(query, planned.scratch)
    partial_rank = partial_rank.view(torch.int32) if options.rank else partial_rank
    loss = query.new_empty(n_rows, dtype=torch.float32)
    grad_query = query.new_empty((n_rows, width) if options.query_grad else 0, dtype=torch.float32)
    grad_key = query.new_empty((n_rows, width) if options.key_grad else 0, dtype=torch.float32)
    rank = query.new_empty(n_rows if options.rank else 0, dtype=torch.int64)
    query_ids, queue_ids = (query, query) if ids is None else (ids.query.contiguous(), ids.queue.contiguous())

    stride_query, stride_key = query.stride(0), key.stride(0)
    scale = LOG2E / temperature
    with on_device(query):
        partial_kernel[planned.grid](
            query,
            key,
            queue,
            query_ids,
            queue_ids,
            peak,
            total,
            weighted,
            partial_rank,
            n_rows,
            n_keys,
            width,
            planned.slice_keys,
            stride_query,
            stride_key,
            queue.stride(0),
            scale,
            **planned.partial,
        )
        combine_kernel[(n_rows,)](
            query,
            key,
            peak,
            total,
            weighted,
            partial_rank,
            loss,
            grad_query,
            grad_key,
            rank,
            planned.grid[1],
            width,
            stride_query,
            stride_key,
            scale,
            1.0 / temperature,
            **planned.combine,
        )
    return InfoNCEResult(loss=loss, grad_query=grad_query, grad_key=grad_key, rank=rank)


def combine_constants(n_slices: int, width: int, options: InfoNCEOptions) -> dict[str, Any]:
    """Compile-time arguments of `combine_kernel`."""
    block_slices = triton.next_power_of_2(n_slices)
    return {
        "NORMALIZE": options.normalize,
        "GRAD": options.query_grad,
        "KEY_GRAD": options.key_grad,
        "RANK": options.rank,
        "MASK_OWN": options.mask_own,
        "BLOCK_SLICES": block_slices,
        "TILE_SLICES": min(block_slices, COMBINE_TILE),
        "BLOCK_WIDTH": max(16, triton.next_power_of_2(width)),
    }
