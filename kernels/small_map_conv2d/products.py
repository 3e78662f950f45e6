"""Convolutions as one matrix product, in differentiable torch operations.

Covers: filters gathered into one matrix for the flattened map; windows of the map gathered for the filters; a strided
1x1 convolution. Does not cover: which of them runs (choice.py).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from fastssl.kernels.dispatch import autocast
from fastssl.kernels.small_map_conv2d.taps import NO_TAP, Taps


def product_of_taps(input: Tensor, weight: Tensor, bias: Tensor | None, joined: Taps) -> Tensor:
    """Multiply the flattened map by the matrix of the taps: `[B, P C] [P C, P' D]`."""
    height, width = joined.output
    outputs, filters = len(weight), weight.permute(0, 2, 3, 1).flatten(1, 2)  # [D, taps, C]: the order of memory
    if len(joined.tap) == 1:
        (matrix,) = autocast(_one_tap(filters, joined.tap[0]))  # cast the one tap that is used, and not all
    else:
        (narrow,) = autocast(filters)
        matrix = _matrix(narrow, joined)
    (flat,) = autocast(input.permute(0, 2, 3, 1).flatten(1))
    repeated = None if bias is None else bias.to(matrix.dtype).repeat(height * width)
    return F.linear(flat, matrix, repeated).view(len(input), height, width, outputs).permute(0, 3, 1, 2)


def _one_tap(filters: Tensor, tap: int) -> Tensor:
    return filters[:, tap] if tap != NO_TAP else filters.new_zeros(len(filters), filters.shape[2])


def _matrix(filters: Tensor, joined: Taps) -> Tensor:
    """`[P' D, P C]`: the tap that joins input pixel p to output pixel p', for every p', d, p and c."""
    outputs, count, inputs = filters.shape
    pixels = joined.output[0] * joined.output[1]
    rows = filters.flatten(0, 1)
    tap = torch.tensor(joined.tap, device=filters.device).view(pixels, 1, -1)
    chosen = tap + count * torch.arange(outputs, device=filters.device).view(1, -1, 1)
    if not joined.complete:
        rows = torch.cat([rows, rows.new_zeros(1, inputs)])
        chosen = torch.where(tap == NO_TAP, len(rows) - 1, chosen)
    return rows.index_select(0, chosen.flatten()).view(pixels * outputs, -1)


def product_of_windows(input: Tensor, weight: Tensor, bias: Tensor | None, joined: Taps) -> Tensor:
    """Multiply what each output pixel sees by all filters: `[B P', taps C] [taps C, D]`."""
    input, weight = autocast(input, weight)
    (height, width), count = joined.output, weight.shape[2] * weight.shape[3]
    pixels = F.pad(input.permute(0, 2, 3, 1).flatten(1, 2), (0, 0, 0, 1))  # and one of zeros, for padding
    chosen = torch.tensor(joined.windows(count), device=input.device)
    # In float32 at least: the gradients of windows that overlap are added up in the dtype that they are gathered in.
    wide = pixels.to(torch.promote_types(pixels.dtype, torch.float32))
    windows = wide.index_select(1, chosen).to(pixels.dtype)
    flat = windows.view(len(input) * height * width, count * input.shape[1])
    output = F.linear(flat, weight.permute(0, 2, 3, 1).flatten(1), None if bias is None else bias.to(weight.dtype))
    return output.view(len(input), height, width, len(weight)).permute(0, 3, 1, 2)


def product_of_pixels(input: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, int]) -> Tensor:
    """Multiply all pixels that a strided 1x1 convolution keeps by its filters."""
    input, weight = autocast(input, weight)
    kept = input[:, :, :: stride[0], :: stride[1]].permute(0, 2, 3, 1)
    output = F.linear(kept, weight[:, :, 0, 0], None if bias is None else bias.to(weight.dtype))
    return output.permute(0, 3, 1, 2)
