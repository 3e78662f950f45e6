"""InfoNCE against a queue, in plain torch.

Covers: per-row loss, both gradients and the rank of the positive, in one pass over the queue that holds one tile of
logits at a time; the loss as a plain formula, for second derivatives. Does not cover: torch's autograd (autograd.py),
reduction, checks (op.py).

With s_j = q.k_j / T over the queue and s_pos = q.k_pos / T, the loss of a row
    -log(exp(s_pos) / (exp(s_pos) + sum_j exp(s_j)))  =  softplus(lse - s_pos),    lse = logsumexp_j s_j
has the gradient sigmoid(lse - s_pos) / T times
    (mean of k_j under softmax(s)) - k_pos    for q,      -q    for k_pos.
The queue's share is that mean, so it is gathered by the rule of online softmax (Milakov & Gimelshein 2018) while the
queue goes by. In this form nothing cancels when the positive dominates.

Rows of the queue that are the query's own sample (`SampleIds`) have weight 0, as logits of -inf have. A query that has
no other row left has lse = -inf: its loss is 0, and so are its gradients.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fastssl.kernels.info_nce.options import InfoNCEOptions, SampleIds
from fastssl.kernels.normalization import through_norm, unit_rows

# One tile of logits: 256 rows x 16384 keys fp32 = 16 MB, a twelfth of what the naive form holds at 65536 keys. Tiles
# that fit the L2 cache lose more to the start and end of their many parallel regions than they save: on two busy cores
# (256, 128, 65536) took 340 ms in tiles of 16384 keys, 512 in 8192, 644 in 4096, 871 in 2048; the naive form took 817.
# With fewer rows no more keys: (64, 128, 65536) takes 16.8 ms on two free cores, and 19.4 in one tile of all keys.
TILE_ROWS, TILE_KEYS = 256, 16384
# exp() of logits within this bound, summed over any queue that fits in memory, stays within fp32's range of 2^+-126.
SAFE_LOGIT = 60.0
# softplus(x) = x to the last bit of float64; torch's default of 20 leaves an error of 2e-9.
LINEAR_ABOVE = 40.0


class InfoNCEResult(NamedTuple):
    """What the implementations return: a tuple, because torch.library's operators do.

    Args:
        loss: [B], fp32.
        grad_query: [B, D], fp32, of each row's own loss; empty where it was not asked for, as the next two.
        grad_key: [B, D], fp32.
        rank: [B], int64: how many logits of the queue reach the positive's.
    """

    loss: Tensor
    grad_query: Tensor
    grad_key: Tensor
    rank: Tensor


@torch.no_grad()
def info_nce_reference(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    temperature: float,
    options: InfoNCEOptions,
    ids: SampleIds | None = None,
) -> InfoNCEResult:
    """Compute loss and gradients per row, in float64 for float64 operands and in float32 for all others."""
    dtype = accumulator(query, key, queue)
    parts = (query.to(dtype).split(TILE_ROWS), key.to(dtype).split(TILE_ROWS), _blocks_of_ids(query, ids))
    blocks = [_rows(q, k, queue, temperature, options, own) for q, k, own in zip(*parts, strict=True)]
    return InfoNCEResult(*(torch.cat(values) for values in zip(*blocks, strict=True)))


def accumulator(*operands: Tensor) -> torch.dtype:
    """What losses and gradients are computed in."""
    return torch.float64 if any(operand.dtype == torch.float64 for operand in operands) else torch.float32


def info_nce_formula(
    query: Tensor, key: Tensor, queue: Tensor, temperature: float, normalize: bool, ids: SampleIds | None
) -> Tensor:
    """The loss of each row by way of all logits, in operations that torch differentiates to any order."""
    dtype = accumulator(query, key, queue)
    query, key, queue = query.to(dtype), key.to(dtype), queue.to(dtype)
    if normalize:
        query, key = unit_rows(query)[0], unit_rows(key)[0]
    negatives = query @ queue.T / temperature
    if ids is not None:  # not -inf, whose logsumexp over nothing else has a gradient of NaN
        negatives = negatives.masked_fill(is_own(ids.query, ids.queue), torch.finfo(dtype).min / 4)
    positives = (query * key).sum(1) / temperature
    return F.softplus(negatives.logsumexp(1) - positives, threshold=LINEAR_ABOVE)


def is_own(query_ids: Tensor, queue_ids: Tensor) -> Tensor:
    """True where a row of the queue is of the query's own sample: bool [B, K]."""
    return (query_ids.unsqueeze(1) == queue_ids) & (query_ids >= 0).unsqueeze(1)


def _blocks_of_ids(query: Tensor, ids: SampleIds | None) -> list[SampleIds | None]:
    if ids is None:
        return [None] * -(-len(query) // TILE_ROWS)
    return [SampleIds(block, ids.queue) for block in ids.query.split(TILE_ROWS)]


def _rows(
    raw_query: Tensor,
    raw_key: Tensor,
    queue: Tensor,
    temperature: float,
    options: InfoNCEOptions,
    ids: SampleIds | None,
) -> InfoNCEResult:
    query, query_norm = unit_rows(raw_query) if options.normalize else (raw_query, None)
    key, key_norm = unit_rows(raw_key) if options.normalize else (raw_key, None)
    scaled = query / temperature
    positive = (scaled * key).sum(1)
    lse, mean, rank = _scan(scaled, positive, queue, options, ids)
    share = torch.sigmoid(lse - positive).unsqueeze(1) / temperature
    empty = query.new_empty(0)
    grad_query = share * (mean - key) if options.query_grad else empty
    grad_key = share * -query if options.key_grad else empty
    if query_norm is not None and options.query_grad:
        grad_query = through_norm(grad_query, query, query_norm)
    if key_norm is not None and options.key_grad:
        grad_key = through_norm(grad_key, key, key_norm)
    loss = F.softplus(lse - positive, threshold=LINEAR_ABOVE)
    loss.masked_fill_(positive == torch.inf, torch.nan)  # overflow, as cross-entropy has it, and not a loss of 0
    return InfoNCEResult(loss=loss, grad_query=grad_query, grad_key=grad_key, rank=rank)


def _scan(
    scaled: Tensor, positive: Tensor, queue: Tensor, options: InfoNCEOptions, ids: SampleIds | None
) -> tuple[Tensor, Tensor, Tensor]:
    """One pass over the queue: logsumexp [R], softmax-weighted mean of its rows [R, D], logits >= positive [R]."""
    rows, width = scaled.shape
    shifted = not _logits_are_small(scaled, queue)
    peak = scaled.new_full((rows, 1), -torch.inf if shifted else 0.0)
    total = scaled.new_zeros(rows, 1)
    weighted = scaled.new_zeros(rows, width)
    rank = torch.zeros(rows if options.rank else 0, dtype=torch.int64, device=scaled.device)
    buffer = scaled.new_empty(rows * min(TILE_KEYS, queue.shape[0]))
    for start in range(0, queue.shape[0], TILE_KEYS):
        keys = queue[start : start + TILE_KEYS].to(scaled.dtype)
        tile = buffer[: rows * keys.shape[0]].view(rows, -1)
        torch.mm(scaled, keys.T, out=tile)
        if ids is not None:
            tile.masked_fill_(is_own(ids.query, ids.queue[start : start + TILE_KEYS]), -torch.inf)
        if options.rank:
            rank += (tile < positive.unsqueeze(1)).logical_not_().sum(1)  # NaN counts against the positive
        if shifted:
            new_peak = torch.maximum(peak, tile.amax(1, keepdim=True))
            if ids is not None:  # a tile of own rows alone; a finite peak keeps -inf - -inf out of the exponent
                new_peak.clamp_min_(torch.finfo(tile.dtype).min)
            shrink = (peak - new_peak).exp_()
            total.mul_(shrink)
            weighted.mul_(shrink)
            tile.sub_(new_peak)
            peak = new_peak
        tile.exp_()
        total += tile.sum(1, keepdim=True)
        if options.query_grad:
            weighted.addmm_(tile, keys)
    mean = weighted.div_(total)
    if ids is not None:
        mean.masked_fill_(total == 0.0, 0.0)
    return (peak + total.log()).squeeze(1), mean, rank


def _logits_are_small(scaled: Tensor, queue: Tensor) -> bool:
    """True on a CPU where |q||k|/T bounds every logit by `SAFE_LOGIT`, so that no peak need be found or taken off.

    For unit vectors that is a temperature of 1/60 or more. Elsewhere the answer would make the host wait.
    """
    if scaled.device.type != "cpu":
        return False
    longest = torch.linalg.vector_norm(queue, dim=1, dtype=scaled.dtype).amax()
    return bool(torch.linalg.vector_norm(scaled, dim=1).amax() * longest <= SAFE_LOGIT)
