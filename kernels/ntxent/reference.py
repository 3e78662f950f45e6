"""NT-Xent within a batch, in plain torch.

Covers: the loss of each embedding and the gradient of a weighted sum of those losses, one tile of rows at a time.
Does not cover: normalisation, reduction, autograd, checks (op.py).

With s_ij = z_i.z_j / T, row i's candidates are all j != i, and p(i) = (i + B) mod 2B is its positive:
    loss_i = lse_i - s_ip,    lse_i = logsumexp over j != i of s_ij        (Chen et al. 2020, eq. 1).
S is symmetric, so one recomputation of its rows gives the gradient of sum_i g_i loss_i through both of its factors:
    dz_i = 1/T [ sum over j != i of (g_i exp(s_ij - lse_i) + g_j exp(s_ij - lse_j)) z_j - (g_i + g_p(i)) z_p(i) ].
"""

from __future__ import annotations

import torch
from torch import Tensor

# Elements in one tile of logits: 2^19 fp32 = 2 MB, which stays in cache; batches up to 724 are one tile.
TILE_ELEMENTS = 1 << 19


def partner(values: Tensor) -> Tensor:
    """Row i + B for the first half of the rows and i - B for the second."""
    return values.roll(values.shape[0] // 2, 0)


@torch.no_grad()
def nt_xent_forward_reference(unit: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Loss and logsumexp [N] of embeddings [N, D], in float32 (float64 for float64)."""
    unit = unit.to(torch.promote_types(unit.dtype, torch.float32))
    lse = torch.cat([_logits(unit, rows, temperature).logsumexp(1) for rows in _row_tiles(unit)])
    return lse - (unit * partner(unit)).sum(1) / temperature, lse


@torch.no_grad()
def nt_xent_backward_reference(unit: Tensor, lse: Tensor, grad_loss: Tensor, temperature: float) -> Tensor:
    """Gradient [N, D] of sum(grad_loss * loss) with respect to the embeddings, in the dtype of `lse`."""
    unit = unit.to(lse.dtype)
    gathered = []
    for rows in _row_tiles(unit):
        logits = _logits(unit, rows, temperature)
        weights = (logits - lse[rows, None]).exp_().mul_(grad_loss[rows, None])
        weights += logits.sub_(lse).exp_().mul_(grad_loss)
        gathered.append(weights @ unit)
    pull = (grad_loss + partner(grad_loss)).unsqueeze(1) * partner(unit)
    return (torch.cat(gathered) - pull) / temperature


def _row_tiles(unit: Tensor) -> list[slice]:
    n_rows = unit.shape[0]
    step = max(1, TILE_ELEMENTS // n_rows)
    return [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def _logits(unit: Tensor, rows: slice, temperature: float) -> Tensor:
    """[R, N] with -inf where a row meets itself."""
    logits = (unit[rows] / temperature) @ unit.T
    logits.diagonal(rows.start).fill_(-torch.inf)
    return logits
