"""Mean squared error over masked pixels: the public function.

Covers: checks and reduction. Does not cover: gradients (autograd.py), the maths (reference.py, kernel.py), or drawing
masks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fastssl.kernels.checks import IMPLEMENTATIONS, REDUCTIONS, check_choice, check_floating, check_same_device
from fastssl.kernels.masked_mse.autograd import masked_mse_loss
from fastssl.kernels.masked_mse.options import MaskedMSEOptions
from fastssl.kernels.masked_mse.reference import squared_errors
from fastssl.kernels.masks import check_mask


def masked_mse(
    prediction: Tensor, target: Tensor, mask: Tensor | None, *, reduction: str = "mean", impl: str = "auto"
) -> Tensor:
    """Compute the mean squared error of those pixels whose mask is not zero (masked image modelling).

    Xie et al., "SimMIM", and He et al., "Masked Autoencoders Are Scalable Vision Learners", both CVPR 2022. "mean"
    divides by the number of masked elements; if there is none, the loss is 0 and so is its gradient. Loss and gradient
    come out of one pass over the images. What is not masked has no influence, even where it is NaN.

    Args:
        prediction: [B, C, H, W], floating point, contiguous or channels-last.
        target: [B, C, H, W], floating point; the dtypes may differ, differences are taken in float32 (float64 for
            float64 inputs).
        mask: [B, 1, h, w] or [B, C, h, w], bool or uint8, where h divides H and w divides W: per pixel, or per patch.
            None counts every value.
        reduction: "mean", "sum", or "none" (squared errors [B, C, H, W], zero where not masked; not fused).
        impl: "auto" (Triton on CUDA at any size, since its three launches are fewer than torch's; torch elsewhere),
            "triton" or "torch".

    Returns:
        The loss in float32 (float64 for float64 inputs): a scalar, or [B, C, H, W] for "none".

    Raises:
        TypeError: an image is not floating point, or the mask neither bool nor uint8.
        ValueError: shapes, devices or settings do not fit, or Triton is asked for where it cannot run.
    """
    check_floating(prediction=prediction, target=target)
    if mask is None:
        mask = prediction.new_ones(prediction.shape[0] if prediction.dim() else 0, 1, 1, 1, dtype=torch.uint8)
    _check(prediction, target, mask, reduction, impl)
    if reduction == "none":
        return squared_errors(prediction, target, mask)
    tracked = torch.is_grad_enabled() and (prediction.requires_grad or target.requires_grad)
    options = MaskedMSEOptions(mean=reduction == "mean", grad=tracked)
    return masked_mse_loss(prediction, target, mask, options, impl)


def _check(prediction: Tensor, target: Tensor, mask: Tensor, reduction: str, impl: str) -> None:
    check_same_device(prediction=prediction, target=target, mask=mask)
    check_choice("reduction", reduction, REDUCTIONS)
    check_choice("impl", impl, IMPLEMENTATIONS)
    if prediction.dim() != 4 or prediction.numel() == 0:
        raise ValueError(f"prediction must be a non-empty [B, C, H, W], got {list(prediction.shape)}")
    if target.shape != prediction.shape:
        raise ValueError(f"target must have prediction's shape {list(prediction.shape)}, got {list(target.shape)}")
    check_mask(mask, *prediction.shape)
