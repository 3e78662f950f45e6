"""Masked mean squared error as Triton kernels: prediction and target are read once, the gradient written once.

Covers: the count of masked elements, which must come first for the gradient to be final; squared error and gradient in
one pass; the fold of the per-program sums in fixed order; the factor that reaches backward, applied only where it is
not 1. Does not cover: layouts and tiles (launch.py).

An image is `planes` runs of `plane` elements: C runs of H*W (contiguous), or one run of H*W*C in which C channels
interleave (channels-last). Shapes that divide are compile-time constants, so no division is left in the loop.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def count_kernel(mask, counts, n_entries, per_program, BLOCK: tl.constexpr):
    """Count one share of the mask's entries that are not zero."""
    i_p = tl.program_id(0)
    first = i_p.to(tl.int64) * per_program
    b_count = tl.zeros([BLOCK], tl.int32)
    for i_n in range(0, per_program, BLOCK):
        o_n = first + i_n + tl.arange(0, BLOCK)
        b_count += (tl.load(mask + o_n, mask=o_n < n_entries, other=0) != 0).to(tl.int32)
    tl.store(counts + i_p, tl.sum(b_count, 0))


@triton.jit
def _inverse_count(counts, n_counts, per_entry, BLOCK_COUNTS: tl.constexpr):
    o_c = tl.arange(0, BLOCK_COUNTS)
    n_masked = tl.sum(tl.load(counts + o_c, mask=o_c < n_counts, other=0).to(tl.int64), 0) * per_entry
    return 1.0 / tl.maximum(n_masked, 1).to(tl.float32)


@triton.jit
def error_kernel(
    prediction,
    target,
    mask,  # [B, M, h, w] bool or uint8, contiguous
    counts,
    sums,  # [programs] fp32, out
    grad,  # like prediction, out if GRAD
    planes,
    plane,
    n_counts,
    per_entry,  # elements of the image per entry of the mask
    mask_image,  # entries per image
    mask_plane,  # entries per channel, 0 where the channels share one mask
    TILES: tl.constexpr,  # programs per image
    MEAN: tl.constexpr,
    GRAD: tl.constexpr,
    GRAD_SCALED: tl.constexpr,  # the gradient is stored with its factor 2 / count
    INTERLEAVED: tl.constexpr,  # channels per pixel in a run
    IMAGE_WIDTH: tl.constexpr,
    PATCH_ROWS: tl.constexpr,
    PATCH_COLUMNS: tl.constexpr,
    CONSTANCY: tl.constexpr,  # neighbours that share a mask entry: predicated loads are that wide
    EVEN: tl.constexpr,  # plane is a multiple of BLOCK
    BLOCK: tl.constexpr,
    BLOCK_COUNTS: tl.constexpr,
):
    """Add up squared errors of one tile of one image, and write their gradient."""
    # Image and tile share the grid's first axis: the others end at 65535.
    i_p = tl.program_id(0)
    i_t, i_b = i_p % TILES, (i_p // TILES).to(tl.int64)
    o_n = i_t * BLOCK + tl.arange(0, BLOCK)
    m_n = o_n < plane
    o_pixel = o_n // INTERLEAVED
    o_entry = o_pixel
    if PATCH_ROWS * PATCH_COLUMNS > 1:
        o_row, o_column = o_pixel // IMAGE_WIDTH, o_pixel % IMAGE_WIDTH
        o_entry = (o_row // PATCH_ROWS) * (IMAGE_WIDTH // PATCH_COLUMNS) + o_column // PATCH_COLUMNS
    if INTERLEAVED > 1:
        o_entry += (o_n % INTERLEAVED) * mask_plane

    factor = 1.0
    if GRAD_SCALED:
        factor = 2.0
        if MEAN:
            factor = 2.0 * _inverse_count(counts, n_counts, per_entry, BLOCK_COUNTS)
    b_sum = tl.zeros([BLOCK], tl.float32)
    for i_c in range(0, planes):
        m_hit = tl.load(mask + i_b * mask_image + i_c * mask_plane + o_entry, mask=m_n, other=0) != 0
        o_image = (i_b * planes + i_c) * plane + o_n
        if CONSTANCY > 1:
            # Whole vectors are masked or not, so the loads of what is not masked are left out.
            m_load = tl.max_constancy(m_hit, CONSTANCY)
            b_prediction = tl.load(prediction + o_image, mask=m_load, other=0.0)
            b_target = tl.load(target + o_image, mask=m_load, other=0.0)
        elif EVEN:
            b_prediction = tl.load(prediction + o_image)
            b_target = tl.load(target + o_image)
        else:
            b_prediction = tl.load(prediction + o_image, mask=m_n, other=0.0)
            b_target = tl.load(target + o_image, mask=m_n, other=0.0)
        b_error = tl.where(m_hit, b_prediction.to(tl.float32) - b_target.to(tl.float32), 0.0)
        b_sum += b_error * b_error
        if GRAD:
            b_grad = (b_error * factor).to(grad.dtype.element_ty)
            if EVEN:
                tl.store(grad + o_image, b_grad)
            else:
                tl.store(grad + o_image, b_grad, mask=m_n)
    tl.store(sums + i_p, tl.sum(b_sum, 0))


@triton.jit
def finish_kernel(
    sums,
    counts,
    loss,  # fp32 scalar, out
    rest,  # fp32 scalar, out: what the stored gradient still lacks
    n_sums,
    n_counts,
    per_entry,
    MEAN: tl.constexpr,
    GRAD_SCALED: tl.constexpr,
    BLOCK: tl.constexpr,
    BLOCK_COUNTS: tl.constexpr,
):
    """Fold all programs' sums into the loss."""
    b_sum = tl.zeros([BLOCK], tl.float32)
    for i_n in range(0, n_sums, BLOCK):
        o_n = i_n + tl.arange(0, BLOCK)
        b_sum += tl.load(sums + o_n, mask=o_n < n_sums, other=0.0)
    weight = 1.0
    if MEAN:
        weight = _inverse_count(counts, n_counts, per_entry, BLOCK_COUNTS)
    tl.store(loss, tl.sum(b_sum, 0) * weight)
    tl.store(rest, 1.0 if GRAD_SCALED else 2.0 * weight)


@triton.jit
def scale_kernel(values, factor, rest, n_elements, per_program, BLOCK: tl.constexpr):
    """Multiply values in place by the product of two scalars."""
    multiplier = tl.load(factor).to(tl.float32) * tl.load(rest)
    first = tl.program_id(0).to(tl.int64) * per_program
    # With a factor of 1 nothing is read or written: no pass, and no question asked of the device by the host.
    n_here = tl.where(multiplier == 1.0, 0, per_program)
    for i_n in range(0, n_here, BLOCK):
        o_n = first + i_n + tl.arange(0, BLOCK)
        b_value = tl.load(values + o_n, mask=o_n < n_elements, other=0.0)
        tl.store(values + o_n, (b_value.to(tl.float32) * multiplier).to(b_value.dtype), mask=o_n < n_elements)
