"""Masked mean squared error in plain torch.

Covers: loss and gradient in one pass, a few images at a time so that temporaries stay in cache; the squared errors as a
plain formula, for second derivatives and for no reduction. Does not cover: torch's autograd (autograd.py), checks
(op.py).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from fastssl.kernels.masked_mse.options import MaskedMSEOptions
from fastssl.kernels.masks import bits_where, expand_mask, keep_

# Elements handled together: 2^19 fp32 = 2 MB for the difference.
SLICE_ELEMENTS = 1 << 19


class MaskedMSEResult(NamedTuple):
    """What the implementations return: a tuple, because torch.library's operators do.

    Args:
        loss: fp32 scalar.
        grad: of the prediction, in its dtype and layout, but for the factor `rest`; empty where it was not asked for.
        rest: fp32 scalar: 1, except in fp16, where 1 / (number of masked elements) is below what the dtype can hold.
    """

    loss: Tensor
    grad: Tensor
    rest: Tensor


def memory_format(image: Tensor) -> torch.memory_format:
    """Channels-last where the image is that and not contiguous as well; contiguous otherwise."""
    last = image.is_contiguous(memory_format=torch.channels_last) and not image.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def accumulator(prediction: Tensor, target: Tensor) -> torch.dtype:
    """What the loss is computed in."""
    return torch.promote_types(torch.promote_types(prediction.dtype, target.dtype), torch.float32)


def squared_errors(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Squared errors, 0 where not masked, in operations that torch differentiates to any order."""
    dtype = accumulator(prediction, target)
    difference = prediction.to(dtype) - target.to(dtype)
    # Before it is squared: the gradient of what is left out would be 0 times NaN where that is NaN.
    return difference.masked_fill(~expand_mask(mask, *prediction.shape[2:]), 0.0).square()


def masked_mse_formula(prediction: Tensor, target: Tensor, mask: Tensor, mean: bool) -> Tensor:
    """The scalar loss, in operations that torch differentiates to any order."""
    total = squared_errors(prediction, target, mask).sum()
    per_entry = prediction[0].numel() // mask[0].numel()
    return total / ((mask != 0).sum() * per_entry).clamp_min(1) if mean else total


@torch.no_grad()
def masked_mse_reference(
    prediction: Tensor, target: Tensor, mask: Tensor, options: MaskedMSEOptions
) -> MaskedMSEResult:
    """Add up, or average, squared errors where the mask is not zero; 0 where nothing is masked."""
    n_images, image_elements = prediction.shape[0], prediction[0].numel()
    dtype = accumulator(prediction, target)
    per_entry = image_elements // mask[0].numel()
    one = torch.ones((), dtype=dtype, device=prediction.device)
    masked = mask if mask.dtype == torch.bool else mask != 0
    weight = 1.0 / (masked.count_nonzero() * per_entry).clamp_min(1).to(dtype) if options.mean else one
    before, rest = (one, 2.0 * weight) if prediction.dtype == torch.float16 else (2.0 * weight, one)

    total = torch.zeros_like(one)
    grad = (
        torch.empty_like(prediction, memory_format=memory_format(prediction))
        if options.grad
        else prediction.new_empty(0)
    )
    in_place = options.grad and grad.dtype == dtype
    bits = bits_where(masked, dtype)
    step = max(1, SLICE_ELEMENTS // image_elements)
    for start in range(0, n_images, step):
        images = slice(start, start + step)
        place = grad[images] if in_place else None
        difference = torch.sub(prediction[images].to(dtype), target[images].to(dtype), out=place)
        total += torch.linalg.vector_norm(keep_(difference, bits[images])).square()
        if options.grad:
            difference.mul_(before)
            if not in_place:
                grad[images] = difference
    return MaskedMSEResult(loss=total * weight, grad=grad, rest=rest)
