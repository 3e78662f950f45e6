"""NT-Xent of some of the rows, for processes that share the rows of one batch.

Covers: losses and gradients of consecutive rows, by Triton or torch. S is symmetric (see reference.py), so that the
logsumexp of all rows is all that a process needs of the others to make the whole gradient of its own rows. Does not
cover: gathering (`fastssl.distributed.contrast`), the loss of a whole batch (op.py).
"""

from __future__ import annotations

import torch
from torch import Tensor

from fastssl.kernels.dispatch import runs_triton
from fastssl.kernels.nt_xent.autograd import FEWEST_FOR_TRITON
from fastssl.kernels.nt_xent.reference import NTXentResult, row_gradients_reference, row_losses_reference


def losses_of_rows(unit: Tensor, rows: range, temperature: float, impl: str = "auto") -> tuple[Tensor, Tensor]:
    """Compute the losses of some consecutive rows.

    Args:
        unit: `[N, D]`, all normalised embeddings; i and i + N/2 are two views of one image.
        rows: those of this process.
        temperature: by which all logits are divided.
        impl: "auto", "triton" or "torch", as for `nt_xent`.

    Returns:
        Loss and logsumexp `[len(rows)]` in float32 (float64 for float64).
    """
    if _runs_triton(impl, unit):
        from fastssl.kernels.nt_xent.launch import launch_losses  # here, so that Triton stays optional

        return launch_losses(unit, rows, temperature)
    with torch.autocast(unit.device.type, enabled=False):
        return row_losses_reference(unit, rows, temperature)


def gradients_of_rows(
    forward: NTXentResult, rows: range, grad_loss: Tensor, temperature: float, impl: str = "auto"
) -> Tensor:
    """Compute the gradients of some consecutive normalised rows.

    Args:
        forward: `loss` and `lse` `[N]` of all rows, and `unit` `[N, D]`.
        rows: those of this process.
        grad_loss: `[N]`, of all rows' losses.
        temperature: as of `losses_of_rows`.
        impl: as of `losses_of_rows`.

    Returns:
        `[len(rows), D]`, of the sum over all rows of grad_loss * loss, in the dtype of the logsumexp.
    """
    if _runs_triton(impl, forward.unit):
        from fastssl.kernels.nt_xent.launch import launch_gradients  # here, so that Triton stays optional

        return launch_gradients(forward, rows, grad_loss, temperature)
    with torch.autocast(forward.unit.device.type, enabled=False):
        return row_gradients_reference(forward, rows, grad_loss, temperature)


def _runs_triton(impl: str, unit: Tensor) -> bool:
    if impl == "auto" and unit.shape[0] < FEWEST_FOR_TRITON:
        return False
    return runs_triton(impl, unit, products=True)
