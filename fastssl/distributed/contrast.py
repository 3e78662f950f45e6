"""NT-Xent over the batch of all processes, of which each computes its own rows.

Covers: what processes exchange for it: normalised embeddings and two numbers for each. The gradient of its own rows
each makes whole: the matrix of similarities is symmetric. Does not cover: the maths (`fastssl.kernels.nt_xent`). With
NCCL not yet run.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fastssl.distributed.collectives import gather_rows, gather_views
from fastssl.distributed.world import world
from fastssl.kernels import nt_xent
from fastssl.kernels.dispatch import autocast
from fastssl.kernels.normalization import through_norm, unit_rows
from fastssl.kernels.nt_xent.reference import NTXentResult, accumulator
from fastssl.kernels.nt_xent.rows import gradients_of_rows, losses_of_rows

VIEWS = 2


def shared_nt_xent(embeddings: Tensor, temperature: float, *, own: bool = False) -> Tensor:
    """Compute the mean NT-Xent loss of the embeddings of all processes (Chen et al., ICML 2020, equation 1).

    Args:
        embeddings: `[2B, D]` of this process, view after view; as many on every process.
        temperature: by which all logits are divided.
        own: return the mean over the rows of this process, as other code does; the gradient is the same.

    Returns:
        The loss of all, equal on every process. Its gradient is the sum over the losses of all processes, as that of
        `gather_rows`: their mean is the gradient of one loss. There is no second derivative over several processes.
    """
    here = world()
    if here.size == 1:
        return nt_xent(embeddings, temperature)
    (embeddings,) = autocast(embeddings)
    loss: Tensor
    loss, _, rows, *_ = torch.ops.fastssl.shared_nt_xent(embeddings, temperature, here.rank, here.size)
    if not own:
        return loss
    ranges = _own_rows(len(rows), here.rank, here.size)
    of_own = torch.cat([rows[part.start : part.stop] for part in ranges]).detach().mean()
    return loss + (of_own - loss.detach())


@torch.library.custom_op("fastssl::shared_nt_xent", mutates_args=())
def _shared_nt_xent(
    embeddings: Tensor, temperature: float, rank: int, size: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The mean loss; unit rows, losses and logsumexp of all processes; the norms of its own rows."""
    unit, norm = unit_rows(embeddings.to(accumulator(embeddings)))
    everyone = gather_views(unit.to(embeddings.dtype), VIEWS)
    own = [losses_of_rows(everyone, rows, temperature) for rows in _own_rows(len(everyone), rank, size)]
    by_sample = torch.stack([torch.stack(found, dim=1) for found in own], dim=1)  # [B, view, (loss, lse)]
    loss, lse = gather_rows(by_sample).permute(2, 1, 0).flatten(1).unbind()
    return loss.mean(), everyone, loss.clone(), lse.clone(), norm


@_shared_nt_xent.register_fake
def _(embeddings: Tensor, temperature: float, rank: int, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    rows, dtype = embeddings.shape[0], accumulator(embeddings)
    whole = embeddings.new_empty(size * rows, dtype=dtype)
    everyone = embeddings.new_empty((size * rows, embeddings.shape[1]))
    return whole.new_empty(()), everyone, whole, torch.empty_like(whole), whole.new_empty(rows)


@torch.library.custom_op("fastssl::shared_nt_xent_backward", mutates_args=())
def _shared_backward(
    everyone: Tensor, loss: Tensor, lse: Tensor, norm: Tensor, weight: Tensor, temperature: float, rank: int, size: int
) -> Tensor:
    forward = NTXentResult(loss, lse, everyone, lse.new_empty(0))
    grad_loss = weight.to(lse.dtype).expand(len(loss)) * (size / len(loss))
    ranges = _own_rows(len(loss), rank, size)
    grad = torch.cat([gradients_of_rows(forward, rows, grad_loss, temperature) for rows in ranges])
    unit = torch.cat([everyone[rows.start : rows.stop] for rows in ranges])
    return through_norm(grad, unit.to(grad.dtype), norm)


@_shared_backward.register_fake
def _(
    everyone: Tensor, loss: Tensor, lse: Tensor, norm: Tensor, weight: Tensor, temperature: float, rank: int, size: int
) -> Tensor:
    return lse.new_empty((everyone.shape[0] // size, everyone.shape[1]))


def _own_rows(count: int, rank: int, size: int) -> list[range]:
    """A process's rows of each view, among all of them."""
    samples = count // VIEWS
    own = samples // size
    return [range(view * samples + rank * own, view * samples + (rank + 1) * own) for view in range(VIEWS)]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    embeddings, *ctx.settings = inputs
    ctx.dtype = embeddings.dtype
    ctx.save_for_backward(*output[1:])


def _gradient(ctx: Any, weight: Tensor, *_others: Tensor) -> tuple[Tensor | None, ...]:
    if torch.is_grad_enabled() and not torch.compiler.is_compiling():
        raise RuntimeError("the loss over several processes has no second derivative: leave out create_graph=True")
    grad = torch.ops.fastssl.shared_nt_xent_backward(*ctx.saved_tensors, weight, *ctx.settings)
    return grad.to(ctx.dtype), None, None, None


_shared_nt_xent.register_autograd(_gradient, setup_context=_keep)
