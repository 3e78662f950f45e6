"""NT-Xent within a batch as Triton kernels: two products per logit forward, four backward, nothing of size N x N.

Covers: normalising the rows; logsumexp of the negatives over slices of the batch and its fold into the loss; the
gradient from one recomputation of the logits, whose symmetry (see reference.py) makes it serve both factors, over
slices and folded in fixed order. Does not cover: tile sizes and slices (launch.py).

Logits live in base 2: s = (z_i . z_j) * log2(e) / T. Rows are addressed in 64 bits. Embeddings are [n_rows, width] and
contiguous from `unit_kernel` on. A launch is for the rows from first_row to end_row, and what it writes begins with the
first of them.
"""

from __future__ import annotations

import triton
import triton.language as tl

from fastssl.kernels.tiles import log1p, through_norm


@triton.jit
def unit_kernel(raw, unit, norm, width, stride_raw, BLOCK_WIDTH: tl.constexpr):
    """Normalise one row."""
    i_b = tl.program_id(0).to(tl.int64)
    o_d = tl.arange(0, BLOCK_WIDTH)
    b_raw = tl.load(raw + i_b * stride_raw + o_d, mask=o_d < width, other=0.0).to(tl.float32)
    row_norm = tl.sqrt(tl.sum(b_raw * b_raw, 0))
    tl.store(unit + i_b * width + o_d, b_raw / tl.maximum(row_norm, 1e-12), mask=o_d < width)
    tl.store(norm + i_b, row_norm)


@triton.jit
def _load_rows(base, stride, o_b, o_d, n_rows, width, EVEN: tl.constexpr):
    p_rows = base + o_b.to(tl.int64)[:, None] * stride + o_d[None, :]
    if EVEN:
        return tl.load(p_rows)
    return tl.load(p_rows, mask=(o_b[:, None] < n_rows) & (o_d[None, :] < width), other=0.0)


@triton.jit
def _negative(o_b, o_n, n_rows):
    apart = tl.abs(o_b[:, None] - o_n[None, :])
    return (apart != 0) & (apart != n_rows // 2) & (o_n[None, :] < n_rows)


@triton.jit
def lse_partial_kernel(
    unit,
    peak,  # [end_row - first_row, n_slices] fp32, out
    total,  # likewise
    first_row,
    end_row,
    n_rows,
    width,
    slice_rows,  # columns of logits per slice, a multiple of BLOCK_COLUMNS
    stride,
    scale,
    EVEN: tl.constexpr,  # rows and columns fill their tiles, width its block
    OPERANDS: tl.constexpr,
    PRODUCTS: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
    BLOCK_WIDTH: tl.constexpr,
):
    """Fold one slice of the batch into each row's peak and sum of weights."""
    i_b, i_s, n_slices = tl.program_id(0), tl.program_id(1), tl.num_programs(1)
    o_b = first_row + i_b * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    o_d = tl.arange(0, BLOCK_WIDTH)
    b_rows = _load_rows(unit, stride, o_b, o_d, n_rows, width, EVEN).to(OPERANDS)
    b_peak = tl.full([BLOCK_ROWS], float("-inf"), tl.float32)
    b_total = tl.zeros([BLOCK_ROWS], tl.float32)

    for i_n in range(i_s * slice_rows, tl.minimum((i_s + 1) * slice_rows, n_rows), BLOCK_COLUMNS):
        o_n = i_n + tl.arange(0, BLOCK_COLUMNS)
        b_columns = _load_rows(unit, stride, o_n, o_d, n_rows, width, EVEN).to(OPERANDS)
        b_logit = tl.dot(b_rows, tl.trans(b_columns), input_precision=PRODUCTS)
        b_logit = tl.where(_negative(o_b, o_n, n_rows), b_logit * scale, float("-inf"))
        # A tile may hold nothing but the row and its partner; a finite peak keeps -inf - -inf out of the exponent.
        b_new_peak = tl.maximum(tl.maximum(b_peak, tl.max(b_logit, 1)), -1e38)
        b_total = b_total * tl.exp2(b_peak - b_new_peak) + tl.sum(tl.exp2(b_logit - b_new_peak[:, None]), 1)
        b_peak = b_new_peak

    o_out = (o_b - first_row).to(tl.int64) * n_slices + i_s
    tl.store(peak + o_out, b_peak, mask=o_b < end_row)
    tl.store(total + o_out, b_total, mask=o_b < end_row)


@triton.jit
def lse_combine_kernel(
    unit,
    peak,
    total,
    loss,  # [end_row - first_row] fp32, out
    lse,  # likewise, natural units, of all but the row itself, out
    first_row,
    n_rows,
    n_slices,
    width,
    stride,
    scale,
    BLOCK_SLICES: tl.constexpr,
    BLOCK_WIDTH: tl.constexpr,
):
    """Fold one row's slices and its positive into loss and logsumexp."""
    LN2: tl.constexpr = 0.6931471805599453
    i_o = tl.program_id(0).to(tl.int64)
    i_b = first_row + i_o
    i_p = (i_b + n_rows // 2) % n_rows
    o_d, o_s = tl.arange(0, BLOCK_WIDTH), tl.arange(0, BLOCK_SLICES)
    b_row = tl.load(unit + i_b * stride + o_d, mask=o_d < width, other=0.0).to(tl.float32)
    b_partner = tl.load(unit + i_p * stride + o_d, mask=o_d < width, other=0.0).to(tl.float32)
    b_peak = tl.load(peak + i_o * n_slices + o_s, mask=o_s < n_slices, other=float("-inf"))
    b_total = tl.load(total + i_o * n_slices + o_s, mask=o_s < n_slices, other=0.0)
    top = tl.max(b_peak, 0)
    positive = tl.sum(b_row * b_partner, 0) * scale
    sum_weights = tl.sum(b_total * tl.exp2(b_peak - top), 0)
    gap = top + tl.log2(sum_weights) - positive
    softplus = tl.maximum(gap, 0.0) * LN2 + log1p(tl.exp2(-tl.abs(gap)))
    # Where the positive overflows the loss is no number, as in cross-entropy; where there is no negative it is 0.
    softplus = tl.where((gap == float("-inf")) & (sum_weights > 0.0), float("nan"), softplus)
    tl.store(loss + i_o, softplus)
    tl.store(lse + i_o, positive * LN2 + softplus)


@triton.jit
def grad_partial_kernel(
    unit,
    lse,  # [n_rows] fp32, natural units
    grad_loss,  # [n_rows] fp32
    largest,  # scalar fp32: max |grad_loss|, which brings the weights near 1 whatever the loss scale
    gathered,  # [end_row - first_row, n_slices, width] fp32, out
    first_row,
    end_row,
    n_rows,
    width,
    slice_rows,
    stride,
    scale,
    EVEN: tl.constexpr,
    OPERANDS: tl.constexpr,
    PRODUCTS: tl.constexpr,
    HEADROOM: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
    BLOCK_WIDTH: tl.constexpr,
):
    """Add up the weighted rows of one slice of the batch, for a tile of rows."""
    LOG2E: tl.constexpr = 1.4426950408889634
    i_b, i_s, n_slices = tl.program_id(0), tl.program_id(1), tl.num_programs(1)
    o_b = first_row + i_b * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    o_d = tl.arange(0, BLOCK_WIDTH)
    m_b = o_b < end_row
    b_rows = _load_rows(unit, stride, o_b, o_d, n_rows, width, EVEN).to(OPERANDS)
    unscale = 1.0 / tl.maximum(tl.load(largest), 1.1754943508222875e-38)  # of fp32's normal numbers the smallest
    b_row_lse = tl.load(lse + o_b, mask=m_b, other=0.0) * LOG2E - HEADROOM
    b_row_grad = tl.load(grad_loss + o_b, mask=m_b, other=0.0) * unscale
    b_gathered = tl.zeros([BLOCK_ROWS, BLOCK_WIDTH], tl.float32)

    for i_n in range(i_s * slice_rows, tl.minimum((i_s + 1) * slice_rows, n_rows), BLOCK_COLUMNS):
        o_n = i_n + tl.arange(0, BLOCK_COLUMNS)
        m_n = o_n < n_rows
        b_columns = _load_rows(unit, stride, o_n, o_d, n_rows, width, EVEN).to(OPERANDS)
        b_column_lse = tl.load(lse + o_n, mask=m_n, other=0.0) * LOG2E - HEADROOM
        b_column_grad = tl.load(grad_loss + o_n, mask=m_n, other=0.0) * unscale
        b_logit = tl.dot(b_rows, tl.trans(b_columns), input_precision=PRODUCTS) * scale
        b_weight = b_row_grad[:, None] * tl.exp2(b_logit - b_row_lse[:, None])
        b_weight += b_column_grad[None, :] * tl.exp2(b_logit - b_column_lse[None, :])
        b_weight = tl.where(_negative(o_b, o_n, n_rows), b_weight, 0.0)
        b_gathered = tl.dot(b_weight.to(OPERANDS), b_columns, b_gathered, input_precision=PRODUCTS)

    p_out = gathered + ((o_b - first_row).to(tl.int64) * n_slices + i_s)[:, None] * width + o_d[None, :]
    tl.store(p_out, b_gathered, mask=m_b[:, None] & (o_d[None, :] < width))


@triton.jit
def _one_minus_exp(x):
    # The series, for x near 0, is off by 2e-7 of the value at -0.05.
    series = -x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0))))
    return tl.where(x > -0.05, series, 1.0 - tl.exp(x))


@triton.jit
def grad_combine_kernel(
    unit,
    norm,  # [n_rows] fp32, read if NORMALIZE
    loss,  # [n_rows] fp32
    grad_loss,
    largest,
    gathered,
    grad,  # [end_row - first_row, width] fp32, out
    first_row,
    n_rows,
    n_slices,
    width,
    stride,
    inverse_temperature,
    NORMALIZE: tl.constexpr,
    HEADROOM: tl.constexpr,
    TILE_SLICES: tl.constexpr,
    BLOCK_WIDTH: tl.constexpr,
):
    """Fold one row's slices and its positive into its gradient."""
    i_o = tl.program_id(0).to(tl.int64)
    i_b = first_row + i_o
    i_p = (i_b + n_rows // 2) % n_rows
    o_d = tl.arange(0, BLOCK_WIDTH)
    m_d = o_d < width
    b_sum = tl.zeros([BLOCK_WIDTH], tl.float32)
    for i_s in range(0, n_slices, TILE_SLICES):
        o_t = i_s + tl.arange(0, TILE_SLICES)
        p_tile = gathered + (i_o * n_slices + o_t)[:, None] * width + o_d[None, :]
        b_sum += tl.sum(tl.load(p_tile, mask=(o_t[:, None] < n_slices) & m_d[None, :], other=0.0), 0)

    b_partner = tl.load(unit + i_p * stride + o_d, mask=m_d, other=0.0).to(tl.float32)
    pull = tl.load(grad_loss + i_b) * _one_minus_exp(-tl.load(loss + i_b))
    pull += tl.load(grad_loss + i_p) * _one_minus_exp(-tl.load(loss + i_p))
    restore = tl.load(largest) * tl.exp2(-1.0 * HEADROOM)
    b_grad = (b_sum * restore - pull * b_partner) * inverse_temperature
    if NORMALIZE:
        b_row = tl.load(unit + i_b * stride + o_d, mask=m_d, other=0.0).to(tl.float32)
        b_grad = through_norm(b_grad, b_row, tl.load(norm + i_b))
    tl.store(grad + i_o * width + o_d, b_grad, mask=m_d)
