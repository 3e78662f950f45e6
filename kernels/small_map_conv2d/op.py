"""Convolution on maps of a few pixels as one matrix product: the public function.

Covers: every 2-D convolution; ungrouped ones may run as a product. Does not cover: the products (products.py), which
are written in differentiable torch operations, so that gradients of any order, `torch.compile` and meta tensors need
nothing more; where a product is chosen (choice.py).

There are two products. Where every output pixel sees every input pixel, filters are gathered into one matrix for the
flattened map ("product"); else the windows of the map are gathered for the filters as they lie ("windows").

On a map of 2x2 pixels a 3x3 kernel with padding 1 joins each of 4 inputs to each of 4 outputs: 16 products of channels,
where a convolution that multiplies the padding too makes 36, and on a 1x1 map 1 where it makes 9. The weight gradient
is the worst of it: oneDNN takes 91 ms for 512 channels on a 1x1 map in fp32 with AVX2, the product 0.8 (batch 128, one
thread of an AMD EPYC of family 26, torch 2.14.1).
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from fastssl.kernels.checks import check_choice
from fastssl.kernels.small_map_conv2d.choice import fastest, may_be_small, overruns, skips_the_map
from fastssl.kernels.small_map_conv2d.products import product_of_pixels, product_of_taps, product_of_windows
from fastssl.kernels.small_map_conv2d.taps import Taps, taps

IMPLEMENTATIONS = ("auto", "product", "windows", "convolution")

Pair = int | tuple[int, ...]

_known_taps = lru_cache(maxsize=1024)(taps)


def small_map_conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
    *,
    impl: str = "auto",
) -> Tensor:
    """Convolve as `torch.nn.functional.conv2d` does, by one matrix product where that is faster on a small map.

    The product is exact: the same sums of the same terms, without those that multiply padding. The output of a product
    is channels-last in memory.

    Args:
        input: `[B, C, H, W]`, floating point, fast in channels-last memory.
        weight: `[D, C / groups, kh, kw]`, floating point, fast in channels-last memory.
        bias: `[D]`, or None for none.
        stride: pixels of the input between outputs: one number, or (vertical, horizontal).
        padding: pixels of zeros on each side: one number, a pair, "valid" (none) or "same" (the output is as large as
            the input).
        dilation: pixels of the input between a kernel's taps: one number, or a pair.
        groups: parts into which channels are cut, each with filters of its own.
        impl: "auto", "product", "windows" or "convolution". Auto is a product for the maps on which it was measured to
            be faster, and where torch's convolution is not sound (choice.py).

    Returns:
        `[B, D, H', W']`, in the autocast dtype if autocast is on.

    Raises:
        ValueError: `impl` is unknown, or a product is asked for with groups or an unbatched input.
    """
    check_choice("impl", impl, IMPLEMENTATIONS)
    possible = groups == 1 and input.dim() == 4
    if impl in ("product", "windows") and not possible:
        raise ValueError(f"impl={impl!r} takes [B, C, H, W] and groups=1, got {list(input.shape)} and groups={groups}")
    steps = _pair(stride)
    if possible and (impl in ("product", "windows") or (impl == "auto" and may_be_small(input))):
        joined = _joined(input, weight, steps, padding, _pair(dilation))
        way = impl if impl != "auto" or joined is None else fastest(input, joined)
        if joined is not None and way == "product":
            return product_of_taps(input, weight, bias, joined)
        if joined is not None and way == "windows":
            return product_of_windows(input, weight, bias, joined)
    if impl == "auto" and possible and overruns(input, weight, steps, padding):
        return product_of_pixels(input, weight, bias, steps)
    if impl == "auto" and skips_the_map(input, steps):
        return _convolution_in_float32(input, weight, bias, stride, padding, dilation, groups)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


def _joined(
    input: Tensor, weight: Tensor, stride: tuple[int, int], padding: Pair | str, dilation: tuple[int, int]
) -> Taps | None:
    """The taps of this convolution; None where torch has to pad unevenly, or there is no output."""
    kernel = (weight.shape[2], weight.shape[3])
    pads = _pads(padding, kernel, dilation)
    if pads is None:
        return None
    # Dynamo traces through a cache, and warns of it.
    find = taps if torch.compiler.is_compiling() else _known_taps
    joined = find((input.shape[2], input.shape[3]), kernel, stride, pads, dilation)
    return None if 0 in joined.output else joined


def _convolution_in_float32(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Pair,
    padding: Pair | str,
    dilation: Pair,
    groups: int,
) -> Tensor:
    wide_bias = None if bias is None else bias.float()
    with torch.autocast("cpu", enabled=False):
        wide = F.conv2d(input.float(), weight.float(), wide_bias, stride, padding, dilation, groups)
    return wide.bfloat16()


def _pair(value: Pair) -> tuple[int, int]:
    if isinstance(value, int):
        return (value, value)
    return (value[0], value[-1])  # torch takes a single number in a tuple, too


def _pads(padding: Pair | str, kernel: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int] | None:
    """Padding on each side of height and width; None where the two sides differ."""
    if padding == "valid":
        return (0, 0)
    if padding == "same":
        whole = (dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1))
        return None if whole[0] % 2 or whole[1] % 2 else (whole[0] // 2, whole[1] // 2)
    return None if isinstance(padding, str) else _pair(padding)
