"""Pixel transforms as one Triton kernel: one read of the stored integers, one write of the network's input.

Covers: tile permutation, intensity look-up, normalisation, mask. Does not cover: launch geometry (launch.py).

Stored [B, H, W, C] and channels-last output have the same order of elements. A program makes BLOCK_RUNS x BLOCK
elements of one tile of one image: runs of `run` elements that follow each other in memory. Without a permutation the
image is a single tile of a single run. Shapes that divide are compile-time constants, so no division is left.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def transform_kernel(
    images,  # [B, H, W, C] uint8 or uint16, contiguous
    lut,  # [B, 256 or 257] fp32, read if LUT
    permutation,  # [B, GRID * GRID] int32 or int64, read if PERMUTE
    mask,  # [B, M, h, w], contiguous, read if MASK
    output,  # [B, H, W, C]
    LUT: tl.constexpr,
    PERMUTE: tl.constexpr,
    MASK: tl.constexpr,
    WIDE: tl.constexpr,  # uint16
    MEAN: tl.constexpr,  # one per channel
    INVERSE_STD: tl.constexpr,  # one per channel
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    GRID: tl.constexpr,
    MASK_ROWS: tl.constexpr,
    MASK_COLUMNS: tl.constexpr,
    MASK_CHANNELS: tl.constexpr,
    RUNS: tl.constexpr,  # per tile
    RUN: tl.constexpr,  # elements per run
    BLOCK_RUNS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Transform one band of one tile of one image."""
    # Image, tile and block share the grid's first axis: the others end at 65535.
    blocks: tl.constexpr = (RUN + BLOCK - 1) // BLOCK
    per_tile: tl.constexpr = blocks * ((RUNS + BLOCK_RUNS - 1) // BLOCK_RUNS)
    cells: tl.constexpr = GRID * GRID
    i_p = tl.program_id(0)
    i_t, i_cell, i_b = i_p % per_tile, i_p // per_tile % cells, (i_p // (per_tile * cells)).to(tl.int64)
    o_run = (i_t // blocks) * BLOCK_RUNS + tl.arange(0, BLOCK_RUNS)[:, None]
    o_in_run = (i_t % blocks) * BLOCK + tl.arange(0, BLOCK)[None, :]
    m_tile = (o_run < RUNS) & (o_in_run < RUN)
    image_size: tl.constexpr = HEIGHT * WIDTH * CHANNELS

    o_out = ((i_cell // GRID) * RUNS + o_run) * (WIDTH * CHANNELS) + (i_cell % GRID) * RUN + o_in_run
    o_in = o_out
    m_in = m_tile
    if PERMUTE:
        i_from = tl.load(permutation + i_b * (GRID * GRID) + i_cell).to(tl.int32)
        o_in = ((i_from // GRID) * RUNS + o_run) * (WIDTH * CHANNELS) + (i_from % GRID) * RUN + o_in_run
        m_in = m_tile & (i_from >= 0) & (i_from < GRID * GRID)

    b_stored = tl.load(images + i_b * image_size + o_in, mask=m_in, other=0).to(tl.int32)
    if LUT and WIDE:
        p_entry = lut + i_b * 257 + (b_stored >> 8)
        b_low, b_high = tl.load(p_entry), tl.load(p_entry + 1)
        b_value = b_low + (b_high - b_low) * ((b_stored & 255).to(tl.float32) * 0.00390625)
    elif LUT:
        b_value = tl.load(lut + i_b * 256 + b_stored)
    elif WIDE:
        b_value = b_stored.to(tl.float32) * (1.0 / 65535.0)
    else:
        b_value = b_stored.to(tl.float32) * (1.0 / 255.0)

    o_channel = o_out % CHANNELS
    b_mean = tl.full(b_value.shape, MEAN[0], tl.float32)
    b_inverse_std = tl.full(b_value.shape, INVERSE_STD[0], tl.float32)
    for c in tl.static_range(1, CHANNELS):
        b_mean = tl.where(o_channel == c, MEAN[c], b_mean)
        b_inverse_std = tl.where(o_channel == c, INVERSE_STD[c], b_inverse_std)
    b_value = (b_value - b_mean) * b_inverse_std

    if MASK:
        o_pixel = o_out // CHANNELS
        o_row, o_column = o_pixel // WIDTH, o_pixel % WIDTH
        o_entry = (o_row // (HEIGHT // MASK_ROWS)) * MASK_COLUMNS + o_column // (WIDTH // MASK_COLUMNS)
        if MASK_CHANNELS > 1:
            o_entry += o_channel * (MASK_ROWS * MASK_COLUMNS)
        p_mask = mask + i_b * (MASK_CHANNELS * MASK_ROWS * MASK_COLUMNS) + o_entry
        b_value = tl.where(tl.load(p_mask, mask=m_tile, other=0) != 0, 0.0, b_value)
    tl.store(output + i_b * image_size + o_out, b_value.to(output.dtype.element_ty), mask=m_tile)
