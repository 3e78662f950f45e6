"""Convolution on maps of a few pixels as one matrix product: the public function.

Covers: ungrouped 2-D convolutions, and where the product is chosen. Does not cover: kernels of its own: it is written
in differentiable torch operations, so that gradients of any order, `torch.compile` and meta tensors need nothing more.

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
from fastssl.kernels.dispatch import autocast, autocast_dtype
from fastssl.kernels.small_map_conv2d.taps import NO_TAP, Taps, taps

IMPLEMENTATIONS = ("auto", "product", "windows", "convolution")

MOST_PIXELS = {("cpu", torch.float32): 4, ("cpu", torch.bfloat16): 4, ("cpu", torch.float64): 4}
"""(device, dtype) -> the most pixels of an input map, all of them seen by every output pixel, for which the product is
faster than the convolution, forward and backward (`bench/kernels/test_small_maps.py`). GPUs: not yet measured."""

LARGEST_WINDOWED = {("cpu", torch.bfloat16): (16, 4)}
"""(device, dtype) -> the most pixels of an input map and of its output for which gathering windows is faster than the
convolution, where the other product does not do: 512 filters of 3x3x256, stride 2, on a 4x4 map take 24 ms, by windows
9 (forward and backward, batch 128, bf16, one thread of an AMD EPYC of family 26); in fp32 35 and 36."""

FEWEST_CHANNELS = 8
"""Of the input of a strided 1x1 convolution on a CPU. With fewer, its backward in channels-last order writes outside
its memory (oneDNN 3.12 in torch 2.14.1: a crash, or "corrupted size vs. prev_size")."""

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
    """`torch.nn.functional.conv2d`, by one matrix product where the map is small enough that this is faster.

    The product is exact: the same sums of the same terms, without those that multiply padding. The output of a product
    is channels-last in memory.

    Args:
        input: `[B, C, H, W]`, fast in channels-last memory.
        weight: `[D, C / groups, kh, kw]`, fast in channels-last memory. bias: `[D]` or None.
        stride, padding, dilation, groups: as `torch.nn.functional.conv2d` takes them.
        impl: "auto", "product", "windows" or "convolution". Auto is a product for the maps of `MOST_PIXELS` and
            `LARGEST_WINDOWED`, and where torch's convolution is not sound (`FEWEST_CHANNELS`).

    Returns:
        `[B, D, H', W']`, in the autocast dtype if autocast is on.

    Raises:
        ValueError: a product is asked for with groups or an unbatched input.
    """
    check_choice("impl", impl, IMPLEMENTATIONS)
    possible = groups == 1 and input.dim() == 4
    if impl in ("product", "windows") and not possible:
        raise ValueError(f"impl={impl!r} takes [B, C, H, W] and groups=1, got {list(input.shape)} and groups={groups}")
    steps = _pair(stride)
    if possible and (impl in ("product", "windows") or (impl == "auto" and _may_be_small(input))):
        joined = _joined(input, weight, steps, padding, _pair(dilation))
        way = impl if impl != "auto" or joined is None else _way(input, joined)
        if joined is not None and way == "product":
            return _product(input, weight, bias, joined)
        if joined is not None and way == "windows":
            return _product_of_windows(input, weight, bias, joined)
    if impl == "auto" and possible and _overruns(input, weight, steps, padding):
        return _product_of_pixels(input, weight, bias, steps)
    if impl == "auto" and _skips_the_map(input, steps):
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


def _may_be_small(input: Tensor) -> bool:
    """Whether a map of so many pixels is in one of the tables."""
    kind = _kind(input)
    most = max(MOST_PIXELS.get(kind, 0), LARGEST_WINDOWED.get(kind, (0, 0))[0])
    return input.shape[2] * input.shape[3] <= most


def _way(input: Tensor, joined: Taps) -> str:
    """ "product" or "windows", as the tables have it, or "convolution"."""
    kind, inputs = _kind(input), input.shape[2] * input.shape[3]
    if joined.complete and inputs <= MOST_PIXELS.get(kind, 0):
        return "product"
    most_inputs, most_outputs = LARGEST_WINDOWED.get(kind, (0, 0))
    small = inputs <= most_inputs and joined.output[0] * joined.output[1] <= most_outputs
    return "windows" if small else "convolution"


def _kind(input: Tensor) -> tuple[str, torch.dtype]:
    return input.device.type, autocast_dtype(input.device.type) or input.dtype


def _overruns(input: Tensor, weight: Tensor, stride: tuple[int, int], padding: Pair | str) -> bool:
    """Whether torch's backward would write outside its memory; see `FEWEST_CHANNELS`."""
    strided = tuple(weight.shape[2:]) == (1, 1) and stride != (1, 1) and padding in (0, (0,), (0, 0), "valid")
    return strided and input.device.type == "cpu" and input.shape[1] < FEWEST_CHANNELS


def _skips_the_map(input: Tensor, stride: tuple[int, int]) -> bool:
    """Whether a stride is longer than the map, in bf16 on a CPU.

    There oneDNN's weight gradient reads memory that nobody wrote (oneDNN 3.12 in torch 2.14.1, AVX512-BF16: wrong in
    295 of 6708 small convolutions tried, NaN among them, all of this kind; none in fp32).
    """
    longer = stride[0] > input.shape[-2] or stride[1] > input.shape[-1]
    return longer and input.device.type == "cpu" and (autocast_dtype("cpu") or input.dtype) == torch.bfloat16


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


def _product(input: Tensor, weight: Tensor, bias: Tensor | None, joined: Taps) -> Tensor:
    """One product of the flattened map with the matrix of the taps: `[B, P C] [P C, P' D]`."""
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


def _product_of_windows(input: Tensor, weight: Tensor, bias: Tensor | None, joined: Taps) -> Tensor:
    """One product of what each output pixel sees with all filters: `[B P', taps C] [taps C, D]`."""
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


def _product_of_pixels(input: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, int]) -> Tensor:
    """A strided 1x1 convolution: one product over all pixels that it keeps."""
    input, weight = autocast(input, weight)
    kept = input[:, :, :: stride[0], :: stride[1]].permute(0, 2, 3, 1)
    output = F.linear(kept, weight[:, :, 0, 0], None if bias is None else bias.to(weight.dtype))
    return output.permute(0, 3, 1, 2)


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
