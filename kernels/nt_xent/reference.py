"""NT-Xent within a batch, in plain torch.

Covers: the loss of each embedding and the gradient of a weighted sum of those losses, one tile of rows at a time, of
all rows or of some; the loss as a plain formula, for second derivatives. Does not cover: torch's autograd
(autograd.py), reduction, checks (op.py).

With s_ij = z_i.z_j / T and p = p(i) = (i + B) mod 2B the positive of row i (Chen et al. 2020, eq. 1),
    loss_i = -log(exp(s_ip) / sum over j != i of exp(s_ij)) = softplus(lse over j not in {i, p} of s_ij  -  s_ip).
S is symmetric, so one recomputation of its rows gives the gradient of sum_i g_i loss_i through both of its factors.
With lse_i = s_ip + loss_i, over all j != i,
    dz_i = 1/T [ sum over j not in {i, p} of (g_i exp(s_ij - lse_i) + g_j exp(s_ij - lse_j)) z_j
                 - (g_i (1 - exp(-loss_i)) + g_p (1 - exp(-loss_p))) z_p ].
The positive stands apart in both, so nothing cancels where it dominates.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fastssl.kernels.normalization import through_norm, unit_rows

# Elements in one tile of logits: 2^21 fp32 = 8 MB. Up to 1448 embeddings are one tile, which is kept for the backward
# pass; more of them stay flat in memory.
TILE_ELEMENTS = 1 << 21
# softplus(x) = x to the last bit of float64; torch's default of 20 leaves an error of 2e-9.
LINEAR_ABOVE = 40.0


class NTXentResult(NamedTuple):
    """What the forward pass returns and the backward pass reads: a tuple, because torch.library's operators return one.

    Args:
        loss: [N], fp32 (fp64 for fp64), of each row.
        lse: [N], fp32: logsumexp of a row's logits but that with itself.
        unit: [N, D], normalised rows in the embeddings' dtype; empty if they are not normalised here, and then the
            backward pass is given the embeddings instead.
        norm: [N], fp32, norms of the rows before; empty if they are not normalised here.
        logits: [N, N], fp32, -inf where a row meets itself or its partner; None where backward computes them again.
    """

    loss: Tensor
    lse: Tensor
    unit: Tensor
    norm: Tensor
    logits: Tensor | None = None


def partner(values: Tensor) -> Tensor:
    """Row i + B for the first half of the rows and i - B for the second."""
    return values.roll(values.shape[0] // 2, 0)


@torch.no_grad()
def nt_xent_forward_reference(embeddings: Tensor, temperature: float, normalize: bool) -> NTXentResult:
    """Compute the loss of each of the embeddings [N, D], in float32 (float64 for float64)."""
    if not normalize:
        loss, lse, logits = _loss(embeddings, temperature)
        return NTXentResult(loss, lse, unit=embeddings.new_empty(0), norm=lse.new_empty(0), logits=logits)
    unit, norm = unit_rows(embeddings.to(accumulator(embeddings)))
    unit = unit.to(embeddings.dtype)
    loss, lse, logits = _loss(unit, temperature)
    return NTXentResult(loss, lse, unit, norm, logits)


def accumulator(tensor: Tensor) -> torch.dtype:
    """What losses and gradients are computed in."""
    return torch.promote_types(tensor.dtype, torch.float32)


def _loss(unit: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor | None]:
    """Loss and logsumexp over all j != i [N], and the logits of one tile [N, N]."""
    unit = unit.to(accumulator(unit))
    whole = range(unit.shape[0])
    tiles = _row_tiles(whole, unit.shape[0])
    kept = _negative_logits(unit, tiles[0], temperature) if len(tiles) == 1 else None
    by_tile = [kept] if kept is not None else (_negative_logits(unit, rows, temperature) for rows in tiles)
    return *_loss_of(unit, whole, by_tile, temperature), kept


@torch.no_grad()
def row_losses_reference(unit: Tensor, rows: range, temperature: float) -> tuple[Tensor, Tensor]:
    """Compute loss and logsumexp [R] of some consecutive rows of all embeddings [N, D], which are normalised."""
    unit = unit.to(accumulator(unit))
    by_tile = (_negative_logits(unit, tile, temperature) for tile in _row_tiles(rows, unit.shape[0]))
    return _loss_of(unit, rows, by_tile, temperature)


def _loss_of(unit: Tensor, rows: range, by_tile: Iterable[Tensor], temperature: float) -> tuple[Tensor, Tensor]:
    """Loss and logsumexp of rows, from the logits of their negatives, tile by tile."""
    own = slice(rows.start, rows.stop)
    negatives = torch.cat([logits.logsumexp(1) for logits in by_tile])
    positives = (unit[own] * partner(unit)[own]).sum(1) / temperature
    loss = F.softplus(negatives - positives, threshold=LINEAR_ABOVE)
    loss.masked_fill_(positives == torch.inf, torch.nan)  # overflow, as cross-entropy has it, and not a loss of 0
    return loss, positives + loss


def nt_xent_formula(embeddings: Tensor, temperature: float, normalize: bool) -> Tensor:
    """The loss of each row by way of all logits, in operations that torch differentiates to any order."""
    rows = embeddings.to(accumulator(embeddings))
    unit = unit_rows(rows)[0] if normalize else rows
    index = torch.arange(unit.shape[0], device=unit.device)
    left_out = (index.unsqueeze(1) == index) | (index.unsqueeze(1) == partner(index))
    # Not -inf: the logsumexp of one pair, which has no negatives, would have a gradient of NaN.
    negatives = (unit @ unit.T / temperature).masked_fill(left_out, torch.finfo(unit.dtype).min / 4)
    positives = (unit * partner(unit)).sum(1) / temperature
    return F.softplus(negatives.logsumexp(1) - positives, threshold=LINEAR_ABOVE)


@torch.no_grad()
def nt_xent_backward_reference(forward: NTXentResult, grad_loss: Tensor, temperature: float, normalize: bool) -> Tensor:
    """Compute the gradient [N, D] of sum(grad_loss * loss) for the embeddings, in the dtype of the logsumexp."""
    grad = row_gradients_reference(forward, range(forward.loss.shape[0]), grad_loss, temperature)
    return through_norm(grad, forward.unit.to(grad.dtype), forward.norm) if normalize else grad


@torch.no_grad()
def row_gradients_reference(forward: NTXentResult, rows: range, grad_loss: Tensor, temperature: float) -> Tensor:
    """Compute the gradient [R, D] of sum(grad_loss * loss) over all rows, for some consecutive normalised rows."""
    lse, kept = forward.lse, forward.logits
    unit = forward.unit.to(lse.dtype)
    gathered = []
    for tile in _row_tiles(rows, unit.shape[0]):
        logits = _negative_logits(unit, tile, temperature) if kept is None else kept
        weights = (logits - lse[tile, None]).exp_().mul_(grad_loss[tile, None])
        # Not in place where they are kept: a second backward pass reads them again.
        weights += torch.sub(logits, lse, out=logits if kept is None else None).exp_().mul_(grad_loss)
        gathered.append(weights @ unit)
    own = slice(rows.start, rows.stop)
    share = grad_loss * -torch.expm1(-forward.loss)
    pull = (share + partner(share))[own].unsqueeze(1) * partner(unit)[own]
    return (torch.cat(gathered) - pull) / temperature


def _row_tiles(rows: range, n_columns: int) -> list[slice]:
    step = max(1, TILE_ELEMENTS // n_columns)
    return [slice(start, min(start + step, rows.stop)) for start in range(rows.start, rows.stop, step)]


def _negative_logits(unit: Tensor, rows: slice, temperature: float) -> Tensor:
    """[R, N] with -inf where a row meets itself or its partner."""
    n_rows = unit.shape[0]
    logits = (unit[rows] / temperature) @ unit.T
    to_partner = rows.start + n_rows // 2
    for diagonal in (rows.start, to_partner, to_partner - n_rows):
        logits.diagonal(diagonal).fill_(-torch.inf)
    return logits
