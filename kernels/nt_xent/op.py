"""NT-Xent within a batch: the public function.

Covers: checks, autocast and reduction. Does not cover: gradients (autograd.py), the maths (reference.py, kernel.py), or
gathering embeddings from other processes.
"""

from __future__ import annotations

from typing import SupportsFloat

from torch import Tensor

from fastssl.kernels.checks import (
    IMPLEMENTATIONS,
    MAX_WIDTH,
    REDUCTIONS,
    as_temperature,
    check_choice,
    check_floating,
)
from fastssl.kernels.dispatch import autocast
from fastssl.kernels.nt_xent.autograd import nt_xent_rows


def nt_xent(
    embeddings: Tensor,
    temperature: SupportsFloat = 0.1,
    *,
    normalize: bool = True,
    reduction: str = "mean",
    impl: str = "auto",
) -> Tensor:
    """Compute the NT-Xent loss of 2B embeddings in which i and i + B are two views of one image (SimCLR).

    Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020, equation 1. Each
    embedding is classified among the 2B - 1 others. Backward computes the [2B, 2B] logits a second time, so that they
    are not stored; by torch those of up to 1448 embeddings are (8 MB). Accumulates in float32 whatever the inputs are
    (float64 in float64).

    One pair alone has no negatives: its loss and gradient are 0. Gradients of any order; from the second on they come
    from the plain formula, with its logits. Numbers that are not finite give a loss and gradients that are not; a zero
    vector is normalised as `torch.nn.functional.normalize` does it.

    Args:
        embeddings: [2B, D], B >= 1, D <= 256, floating point.
        temperature: number by which all logits are divided, from 1e-6 to 1e6; a 0-dim tensor is read on the host.
        normalize: L2-normalise the rows first.
        reduction: "mean" over the 2B losses, "sum", or "none" (loss [2B]).
        impl: "auto", "triton" or "torch", as for `info_nce`, but that auto leaves fewer than 1024 embeddings to torch.

    Returns:
        The loss in float32 (float64 for float64 inputs): a scalar, or [2B] for "none".

    Raises:
        TypeError: the embeddings are not a floating-point tensor, or the temperature is not a number.
        ValueError: shapes or settings do not fit, the temperature requires a gradient, or Triton is asked for where it
            cannot run.
    """
    check_floating(embeddings=embeddings)
    temperature = as_temperature(temperature)
    check_choice("reduction", reduction, REDUCTIONS)
    check_choice("impl", impl, IMPLEMENTATIONS)
    if embeddings.dim() != 2 or not 1 <= embeddings.shape[1] <= MAX_WIDTH:
        raise ValueError(f"embeddings must be [2B, D] with 1 <= D <= {MAX_WIDTH}, got {list(embeddings.shape)}")
    if embeddings.shape[0] < 2 or embeddings.shape[0] % 2:
        raise ValueError(f"embeddings must have an even number of rows, two views each, got {embeddings.shape[0]}")
    (embeddings,) = autocast(embeddings)
    loss = nt_xent_rows(embeddings, temperature, normalize, impl)
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()
