"""NT-Xent within a batch, in plain torch.

Covers: the loss of each embedding and the gradient of a weighted sum of those losses, one tile of rows at a time.
Does not cover: normalisation, reduction, autograd, checks (op.py).

With s_ij = z_i.z_j / T and p = p(i) = (i + B) mod 2B the positive of row i (Chen et al. 2020, eq. 1),
    loss_i = -log(exp(s_ip) / sum over j != i of exp(s_ij)) = softplus(lse over j not in {i, p} of s_ij  -  s_ip).
S is symmetric, so one recomputation of its rows gives the gradient of sum_i g_i loss_i through both of its factors.
With lse_i = s_ip + loss_i, over all j != i,
    dz_i = 1/T [ sum over j not in {i, p} of (g_i exp(s_ij - lse_i) + g_j exp(s_ij - lse_j)) z_j
                 - (g_i (1 - exp(-loss_i)) + g_p (1 - exp(-loss_p))) z_p ].
The positive stands apart in both, so nothing cancels where it dominates.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Elements in one tile of logits: 2^21 fp32 = 8 MB, so batches up to 1448 are one tile and larger ones stay flat.
TILE_ELEMENTS = 1 << 21
# softplus(x) = x to the last bit of float64; torch's default of 20 leaves an error of 2e-9.
LINEAR_ABOVE = 40.0


def partner(values: Tensor) -> Tensor:
    """Row i + B for the first half of the rows and i - B for the second."""
    return values.roll(values.shape[0] // 2, 0)


@torch.no_grad()
def nt_xent_forward_reference(unit: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Loss and logsumexp over all j != i [N] of embeddings [N, D], in float32 (float64 for float64)."""
    unit = unit.to(torch.promote_types(unit.dtype, torch.float32))
    negatives = torch.cat([_negative_logits(unit, rows, temperature).logsumexp(1) for rows in _row_tiles(unit)])
    positives = (unit * partner(unit)).sum(1) / temperature
    loss = F.softplus(negatives - positives, threshold=LINEAR_ABOVE)
    return loss, positives + loss


@torch.no_grad()
def nt_xent_backward_reference(
    unit: Tensor, loss: Tensor, lse: Tensor, grad_loss: Tensor, temperature: float
) -> Tensor:
    """Gradient [N, D] of sum(grad_loss * loss) with respect to the embeddings, in the dtype of `lse`."""
    unit = unit.to(lse.dtype)
    gathered = []
    for rows in _row_tiles(unit):
        logits = _negative_logits(unit, rows, temperature)
        weights = (logits - lse[rows, None]).exp_().mul_(grad_loss[rows, None])
        weights += logits.sub_(lse).exp_().mul_(grad_loss)
        gathered.append(weights @ unit)
    share = grad_loss * -torch.expm1(-loss)
    return (torch.cat(gathered) - (share + partner(share)).unsqueeze(1) * partner(unit)) / temperature


def _row_tiles(unit: Tensor) -> list[slice]:
    n_rows = unit.shape[0]
    step = max(1, TILE_ELEMENTS // n_rows)
    return [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def _negative_logits(unit: Tensor, rows: slice, temperature: float) -> Tensor:
    """[R, N] with -inf where a row meets itself or its partner."""
    logits = (unit[rows] / temperature) @ unit.T
    index = torch.arange(rows.start, rows.stop, device=unit.device)
    logits.scatter_(1, index.unsqueeze(1), -torch.inf)
    half = unit.shape[0] // 2
    return logits.scatter_(1, ((index + half) % unit.shape[0]).unsqueeze(1), -torch.inf)
