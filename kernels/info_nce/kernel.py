"""InfoNCE against a queue as two Triton kernels.

Covers: `partial_kernel`, flash-attention's forward loop with the queue as keys and as values (Dao et al. 2022), one
program per (tile of rows, slice of the queue); `combine_kernel`, which folds a row's slices and the positive in fixed
order, so two runs agree bit for bit. Does not cover: tile sizes and slices (launch.py), the derivation (reference.py).

Logits live in base 2: s = (q . k) * log2(e) / T. Each slice hands over its peak, the sum of 2^(s - peak), and the sum
of 2^(s - peak) k. Rows are addressed in 64 bits. Rows of the queue that are the query's own sample get a logit of -inf.
"""

from __future__ import annotations

import triton
import triton.language as tl

from fastssl.kernels.tiles import log1p, through_norm


@triton.jit
def _load_rows(base, stride, o_b, o_d, n_rows, width):
    m = (o_b[:, None] < n_rows) & (o_d[None, :] < width)
    return tl.load(base + o_b.to(tl.int64)[:, None] * stride + o_d[None, :], mask=m, other=0.0)


@triton.jit
def _inverse_norms(b_x):
    b_wide = b_x.to(tl.float32)
    return 1.0 / tl.maximum(tl.sqrt(tl.sum(b_wide * b_wide, 1)), 1e-12)


@triton.jit
def partial_kernel(
    query,  # [n_rows, width], row stride given
    key,  # [n_rows, width], row stride given; read for the rank alone
    queue,  # [n_keys, width], row stride given
    query_ids,  # [n_rows] int64, read if MASK_OWN
    queue_ids,  # [n_keys] int64, read if MASK_OWN
    peak,  # [n_rows, n_slices] fp32, out
    total,  # [n_rows, n_slices] fp32, out
    weighted,  # [n_rows, n_slices, width] fp32, out if GRAD
    rank,  # [n_rows, n_slices] int32, out if RANK
    n_rows,
    n_keys,
    width,
    slice_keys,  # keys per slice, a multiple of BLOCK_KEYS
    stride_query,
    stride_key,
    stride_queue,
    scale,  # log2(e) / temperature
    NORMALIZE: tl.constexpr,
    GRAD: tl.constexpr,
    RANK: tl.constexpr,
    MASK_OWN: tl.constexpr,
    EVEN_KEYS: tl.constexpr,  # n_keys is a multiple of BLOCK_KEYS
    EVEN_WIDTH: tl.constexpr,  # width equals BLOCK_WIDTH
    COMPUTE: tl.constexpr,  # dtype of the operands of both products
    PRECISION: tl.constexpr,  # of fp32 products: "tf32" or "ieee"
    HEADROOM: tl.constexpr,  # weights reach 2^HEADROOM: fp16 loses those below 2^-24
    BLOCK_ROWS: tl.constexpr,
    BLOCK_KEYS: tl.constexpr,
    BLOCK_WIDTH: tl.constexpr,
):
    """Fold one slice of the queue into each row's peak, sum of weights and weighted keys."""
    i_b, i_s, n_slices = tl.program_id(0), tl.program_id(1), tl.num_programs(1)
    o_b = i_b * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    o_n = tl.arange(0, BLOCK_KEYS)
    o_d = tl.arange(0, BLOCK_WIDTH)

    b_query = _load_rows(query, stride_query, o_b, o_d, n_rows, width)
    b_scale = tl.full([BLOCK_ROWS], scale, tl.float32)
    if NORMALIZE:
        # The logits are divided by the norm, not the query: nothing is rounded once more, and the tile goes from memory
        # to the tensor cores untouched (unit rows would stay in registers: 33 more on sm_90).
        b_scale *= _inverse_norms(b_query)
    b_query = b_query.to(COMPUTE)
    if RANK:
        b_key = _load_rows(key, stride_key, o_b, o_d, n_rows, width)
        b_positive = tl.sum(b_query.to(tl.float32) * b_key.to(COMPUTE).to(tl.float32), 1)
        if NORMALIZE:
            b_positive *= _inverse_norms(b_key)
        b_rank = tl.zeros([BLOCK_ROWS], tl.int32)
    if MASK_OWN:
        # Negative ids match nothing: they become -2 here and -1 in the queue.
        b_query_ids = tl.load(query_ids + o_b, mask=o_b < n_rows, other=-2)
        b_query_ids = tl.where(b_query_ids < 0, -2, b_query_ids)

    b_peak = tl.full([BLOCK_ROWS], float("-inf"), tl.float32)
    b_total = tl.zeros([BLOCK_ROWS], tl.float32)
    b_weighted = tl.zeros([BLOCK_ROWS, BLOCK_WIDTH], tl.float32)
    first = i_s.to(tl.int64) * slice_keys
    n_here = tl.minimum(slice_keys, n_keys - first).to(tl.int32)
    p_queue = queue + first * stride_queue + o_n.to(tl.int64)[:, None] * stride_queue + o_d[None, :]

    for i_k in range(0, n_here, BLOCK_KEYS):
        m_n = i_k + o_n < n_here
        p_keys = p_queue + tl.cast(i_k, tl.int64) * stride_queue
        if EVEN_KEYS and EVEN_WIDTH:
            b_keys = tl.load(p_keys)
        elif EVEN_KEYS:
            b_keys = tl.load(p_keys, mask=o_d[None, :] < width, other=0.0)
        else:
            b_keys = tl.load(p_keys, mask=m_n[:, None] & (o_d[None, :] < width), other=0.0)
        b_keys = b_keys.to(COMPUTE)

        b_logit = tl.dot(b_query, tl.trans(b_keys), input_precision=PRECISION)
        if MASK_OWN:
            b_queue_ids = tl.maximum(tl.load(queue_ids + first + i_k + o_n, mask=m_n, other=-1), -1)
            b_logit = tl.where(b_query_ids[:, None] == b_queue_ids[None, :], float("-inf"), b_logit)
        if RANK:
            m_below = b_logit < b_positive[:, None]  # not >=, which would let NaN count for the positive
            b_rank += tl.sum((m_n[None, :] & ~m_below).to(tl.int32), 1)
        if not EVEN_KEYS:
            b_logit = tl.where(m_n[None, :], b_logit, float("-inf"))
        b_new_peak = tl.maximum(b_peak, tl.max(b_logit, 1) * b_scale - HEADROOM)
        if MASK_OWN:
            # A tile may hold nothing but own rows; a finite peak keeps -inf - -inf out of the exponent.
            b_new_peak = tl.maximum(b_new_peak, -1e38)
        b_weight = tl.exp2(b_logit * b_scale[:, None] - b_new_peak[:, None])
        b_shrink = tl.exp2(b_peak - b_new_peak)
        b_total = b_total * b_shrink + tl.sum(b_weight, 1)
        if GRAD:
            b_weighted = b_weighted * b_shrink[:, None]
            b_weighted = tl.dot(b_weight.to(COMPUTE), b_keys, b_weighted, input_precision=PRECISION)
        b_peak = b_new_peak

    o_out = o_b.to(tl.int64) * n_slices + i_s
    m_b = o_b < n_rows
    tl.store(peak + o_out, b_peak, mask=m_b)
    tl.store(total + o_out, b_total, mask=m_b)
    if GRAD:
        m_out = m_b[:, None] & (o_d[None, :] < width)
        tl.store(weighted + o_out[:, None] * width + o_d[None, :], b_weighted, mask=m_out)
    if RANK:
        tl.store(rank + o_out, b_rank, mask=m_b)


@triton.jit
def combine_kernel(
    query,
    key,
    peak,  # [n_rows, n_slices]
    total,
    weighted,  # [n_rows, n_slices, width]
    partial_rank,  # [n_rows, n_slices]
    loss,  # [n_rows] fp32, out
    grad_query,  # [n_rows, width] fp32, out if GRAD
    grad_key,  # [n_rows, width] fp32, out if KEY_GRAD
    rank,  # [n_rows] int64, out if RANK
    n_slices,
    width,
    stride_query,
    stride_key,
    scale,
    inverse_temperature,
    NORMALIZE: tl.constexpr,
    GRAD: tl.constexpr,
    KEY_GRAD: tl.constexpr,
    RANK: tl.constexpr,
    MASK_OWN: tl.constexpr,
    BLOCK_SLICES: tl.constexpr,  # at least n_slices
    TILE_SLICES: tl.constexpr,  # slices of `weighted` in flight together
    BLOCK_WIDTH: tl.constexpr,
):
    """Fold one row's slices and its positive into loss, gradients and rank."""
    LN2: tl.constexpr = 0.6931471805599453
    i_b = tl.program_id(0).to(tl.int64)
    o_d = tl.arange(0, BLOCK_WIDTH)
    m_d = o_d < width
    b_query = tl.load(query + i_b * stride_query + o_d, mask=m_d, other=0.0).to(tl.float32)
    b_key = tl.load(key + i_b * stride_key + o_d, mask=m_d, other=0.0).to(tl.float32)
    if NORMALIZE:
        query_norm, key_norm = tl.sqrt(tl.sum(b_query * b_query, 0)), tl.sqrt(tl.sum(b_key * b_key, 0))
        b_query, b_key = b_query / tl.maximum(query_norm, 1e-12), b_key / tl.maximum(key_norm, 1e-12)

    o_s = tl.arange(0, BLOCK_SLICES)
    m_s = o_s < n_slices
    b_peak = tl.load(peak + i_b * n_slices + o_s, mask=m_s, other=float("-inf"))
    b_total = tl.load(total + i_b * n_slices + o_s, mask=m_s, other=0.0)
    top = tl.max(b_peak, 0)
    sum_weights = tl.sum(b_total * tl.exp2(b_peak - top), 0)

    gap = top + tl.log2(sum_weights) - tl.sum(b_query * b_key, 0) * scale
    b_loss = tl.maximum(gap, 0.0) * LN2 + log1p(tl.exp2(-tl.abs(gap)))
    # Where the positive overflows the loss is no number, as in cross-entropy; where no negative is left it is 0.
    tl.store(loss + i_b, tl.where((gap == float("-inf")) & (sum_weights > 0.0), float("nan"), b_loss))
    share = inverse_temperature / (1.0 + tl.exp2(-gap))

    if GRAD:
        b_mean = tl.zeros([BLOCK_WIDTH], tl.float32)
        for i_s in range(0, n_slices, TILE_SLICES):
            o_t = i_s + tl.arange(0, TILE_SLICES)
            m_t = o_t < n_slices
            b_share = tl.exp2(tl.load(peak + i_b * n_slices + o_t, mask=m_t, other=float("-inf")) - top)
            p_tile = weighted + (i_b * n_slices + o_t)[:, None] * width + o_d[None, :]
            b_tile = tl.load(p_tile, mask=m_t[:, None] & m_d[None, :], other=0.0)
            b_mean += tl.sum(b_tile * b_share[:, None], 0)
        b_mean = b_mean / sum_weights
        if MASK_OWN:
            b_mean = tl.where(sum_weights == 0.0, 0.0, b_mean)
        b_grad = share * (b_mean - b_key)
        if NORMALIZE:
            b_grad = through_norm(b_grad, b_query, query_norm)
        tl.store(grad_query + i_b * width + o_d, b_grad, mask=m_d)
    if KEY_GRAD:
        b_grad = -share * b_query
        if NORMALIZE:
            b_grad = through_norm(b_grad, b_key, key_norm)
        tl.store(grad_key + i_b * width + o_d, b_grad, mask=m_d)
    if RANK:
        b_rank = tl.load(partial_rank + i_b * n_slices + o_s, mask=m_s, other=0)
        tl.store(rank + i_b, tl.sum(b_rank.to(tl.int64), 0))
