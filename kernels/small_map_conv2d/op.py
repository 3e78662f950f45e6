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

from fastssl.kernels.checks import FLOATING, check_choice, check_floating, check_same_device, check_tensors
from fastssl.kernels.dispatch import autocast_dtype
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
        TypeError: an operand is no tensor, or the dtypes are not one.
        ValueError: `impl` is unknown, a product is asked for with groups or an unbatched input, or shapes or devices do
            not fit.
        RuntimeError: torch's convolution, where it runs, refuses its operands.
    """
    check_choice("impl", impl, IMPLEMENTATIONS)
    check_tensors(input=input, weight=weight)
    possible = groups == 1 and input.dim() == weight.dim() == 4 and input.dtype in FLOATING
    if impl in ("product", "windows") and not possible:
        raise ValueError(
            f"impl={impl!r} takes floating-point [B, C, H, W], [D, C, kh, kw] and groups=1, "
            f"got {input.dtype} {list(input.shape)}, {list(weight.shape)} and groups={groups}"
        )
    steps = _pair("stride", stride)
    possible = possible and min(steps) > 0  # torch says what is wrong with the others
    if possible and (impl in ("product", "windows") or (impl == "auto" and may_be_small(input))):
        joined = _joined(input, weight, steps, padding, _pair("dilation", dilation))
        way = impl if impl != "auto" or joined is None else fastest(input, joined)
        if joined is not None and way == "product":
            _check_product(input, weight, bias)
            return product_of_taps(input, weight, bias, joined)
        if joined is not None and way == "windows":
            _check_product(input, weight, bias)
            return product_of_windows(input, weight, bias, joined)
    if impl == "auto" and possible and overruns(input, weight, steps, padding):
        _check_product(input, weight, bias)
        return product_of_pixels(input, weight, bias, steps)
    if impl == "auto" and skips_the_map(input, steps):
        return _convolution_in_float32(input, weight, bias, stride, padding, dilation, groups)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


def _check_product(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    """What torch's convolution checks, and a product of matrices does not."""
    operands = {"input": input, "weight": weight} | ({} if bias is None else {"bias": bias})
    check_floating(**operands)
    check_same_device(**operands)
    if weight.shape[1] != input.shape[1]:
        raise ValueError(f"weight must be [D, {input.shape[1]}, kh, kw] for such an input, got {list(weight.shape)}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias must be [{weight.shape[0]}], one per filter, got {list(bias.shape)}")
    if autocast_dtype(input.device.type) is None:
        for name, tensor in operands.items():
            if tensor.dtype != input.dtype:
                raise TypeError(f"{name} is {tensor.dtype} but input is {input.dtype}: make them one")


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


def _pair(name: str, value: Pair) -> tuple[int, int]:
    if isinstance(value, int):
        return (value, value)
    if len(value) not in (1, 2):
        raise ValueError(f"{name} must be one number or a pair, got {value}")
    return (value[0], value[-1])  # torch takes a single number in a tuple, too


def _pads(padding: Pair | str, kernel: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int] | None:
    """Padding on each side of height and width; None where the two sides differ."""
    if padding == "valid":
        return (0, 0)
    if padding == "same":
        whole = (dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1))
        return None if whole[0] % 2 or whole[1] % 2 else (whole[0] // 2, whole[1] // 2)
    return None if isinstance(padding, str) else _pair("padding", padding)
