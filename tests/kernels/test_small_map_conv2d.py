"""Convolutions on small maps against torch's own in fp64.

Covers: values, first and second derivatives, layouts, autocast, compilation, which way is taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from fastssl.kernels import small_map_conv2d
from fastssl.kernels.small_map_conv2d.choice import MOST_PIXELS
from fastssl.kernels.small_map_conv2d.taps import NO_TAP, taps

CHANNELS_LAST = torch.channels_last
FORMATS = [torch.contiguous_format, CHANNELS_LAST]

# side, kernel, stride, padding, dilation: complete and incomplete, square and not.
SHAPES = [
    ((1, 1), (3, 3), (1, 1), (1, 1), (1, 1)),
    ((1, 1), (1, 1), (1, 1), (0, 0), (1, 1)),
    ((1, 1), (3, 3), (2, 2), (1, 1), (1, 1)),
    ((1, 1), (7, 5), (3, 1), (3, 2), (1, 1)),
    ((2, 2), (3, 3), (1, 1), (1, 1), (1, 1)),
    ((2, 2), (3, 3), (2, 2), (1, 1), (1, 1)),
    ((2, 2), (2, 2), (2, 2), (0, 0), (1, 1)),
    ((2, 2), (3, 3), (1, 1), (2, 2), (2, 2)),
    ((2, 1), (3, 1), (1, 1), (1, 0), (1, 1)),
    ((1, 4), (3, 7), (1, 1), (1, 3), (1, 1)),
    ((2, 2), (1, 1), (2, 2), (0, 0), (1, 1)),
    ((3, 3), (3, 3), (1, 1), (1, 1), (1, 1)),
    ((4, 3), (3, 2), (2, 1), (1, 0), (1, 1)),
    ((5, 5), (3, 3), (2, 3), (1, 1), (2, 1)),
    ((1, 1), (3, 3), (1, 1), (4, 4), (1, 1)),
]


def operands(side: tuple[int, int], kernel: tuple[int, int], dtype: torch.dtype = torch.float64) -> list[Tensor]:
    torch.manual_seed(0)
    shapes = [(5, 3, *side), (4, 3, *kernel), (4,)]
    return [torch.randn(shape, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes]


def convolutions(call: Callable[[], object]) -> int:
    """How many convolutions torch is asked for."""

    class Count(TorchDispatchMode):
        found = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            self.found += func is torch.ops.aten.convolution.default
            return func(*args, **(kwargs or {}))

    with Count() as count:
        call()
    return count.found


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_tap_joins_the_pixels_that_a_convolution_joins(shape: tuple) -> None:
    (height, width), kernel, stride, padding, dilation = shape
    joined = taps(*shape)
    numbered = torch.arange(1.0, kernel[0] * kernel[1] + 1).view(1, 1, *kernel)
    pixels = torch.eye(height * width).view(-1, 1, height, width)  # one image for each input pixel
    seen = F.conv2d(pixels, numbered, None, stride, padding, dilation)
    assert seen.shape[2:] == joined.output
    expected = seen.flatten(1).T.round().long() - 1
    assert torch.tensor(joined.tap).view(expected.shape).equal(expected)
    assert joined.complete == bool((expected != NO_TAP).all())


@pytest.mark.parametrize("impl", ["product", "windows"])
@pytest.mark.parametrize("with_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_product_is_the_convolution(shape: tuple, with_bias: bool, impl: str) -> None:
    side, kernel, *settings = shape
    x, weight, bias = operands(side, kernel)
    asked = (x, weight, bias) if with_bias else (x, weight)
    expected = F.conv2d(x, weight, bias if with_bias else None, *settings)
    actual = small_map_conv2d(x, weight, bias if with_bias else None, *settings, impl=impl)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)
    upstream = torch.randn_like(expected)
    for ours, theirs in zip(
        torch.autograd.grad(actual, asked, upstream), torch.autograd.grad(expected, asked, upstream), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("impl", ["product", "windows"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_and_their_gradients_are_right(shape: tuple, impl: str) -> None:
    side, kernel, *settings = shape
    inputs = operands(side, kernel)

    def product(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return small_map_conv2d(x, weight, bias, *settings, impl=impl)

    torch.autograd.gradcheck(product, inputs, fast_mode=True)
    torch.autograd.gradgradcheck(product, inputs, fast_mode=True)


@pytest.mark.parametrize(("side", "stride"), [(1, 1), (2, 1), (2, 2), (4, 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_it_is_as_exact_as_the_convolution(
    accept: Callable[..., None], dtype: torch.dtype, side: int, stride: int
) -> None:
    torch.manual_seed(1)
    x, weight = torch.randn(64, 96, side, side).to(dtype), (torch.randn(48, 96, 3, 3) / 30).to(dtype)
    upstream = torch.randn_like(F.conv2d(x, weight, None, stride, 1))

    def all_three(convolve: Callable[..., Tensor], dtype: torch.dtype) -> list[Tensor]:
        inputs = [t.to(dtype).requires_grad_() for t in (x, weight)]
        output = convolve(*inputs, None, stride, 1)
        return [output.detach(), *torch.autograd.grad(output, inputs, upstream.to(dtype))]

    ours = all_three(small_map_conv2d, dtype)
    eager = all_three(F.conv2d, dtype)
    oracle = all_three(F.conv2d, torch.float64)
    for name, value, plain, exact in zip(("output", "input", "weight"), ours, eager, oracle, strict=True):
        accept(name, value, exact, plain, dtype)


def test_a_strided_kernel_on_a_single_pixel_has_a_right_gradient_in_bf16() -> None:
    """Where torch's own weight gradient is NaN or memory that nobody wrote (torch 2.14.1, AVX512-BF16)."""
    torch.manual_seed(1)
    x, weight = torch.randn(64, 96, 1, 1).bfloat16(), (torch.randn(48, 96, 3, 3) / 30).bfloat16().requires_grad_()
    upstream = torch.randn(64, 48, 1, 1).bfloat16()
    (gradient,) = torch.autograd.grad(small_map_conv2d(x, weight, None, 2, 1), weight, upstream)
    expected = torch.zeros(48, 96, 3, 3, dtype=torch.float64)
    expected[:, :, 1, 1] = upstream.double().flatten(1).T @ x.double().flatten(1)
    torch.testing.assert_close(gradient.double(), expected, rtol=2**-8, atol=0)


@pytest.mark.parametrize(
    ("shape", "taken"),
    [(shape, shape[0][0] * shape[0][1] <= 4 and taps(*shape).complete) for shape in SHAPES],
    ids=str,
)
def test_small_maps_that_are_seen_whole_are_multiplied_on_a_cpu(shape: tuple, taken: bool) -> None:
    side, kernel, *settings = shape
    x, weight, bias = (t.detach() for t in operands(side, kernel, torch.float32))
    strided_pixels = kernel == (1, 1) and settings[0] != (1, 1)
    found = convolutions(lambda: small_map_conv2d(x, weight, bias, *settings))
    assert found == (0 if taken or strided_pixels else 1)


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "dtype", "taken"),
    [
        (4, 3, 2, torch.bfloat16, True),
        (4, 3, 2, torch.float32, False),
        (4, 3, 1, torch.bfloat16, False),  # 16 pixels come out
        (5, 3, 3, torch.bfloat16, False),  # 25 go in
        (4, 1, 2, torch.bfloat16, True),
        (2, 1, 1, torch.bfloat16, True),
    ],
)
def test_windows_are_gathered_in_bf16_where_few_pixels_come_out(
    side: int, kernel: int, stride: int, dtype: torch.dtype, taken: bool
) -> None:
    x, weight = torch.randn(2, 8, side, side).to(dtype), torch.randn(4, 8, kernel, kernel).to(dtype)
    found = convolutions(lambda: small_map_conv2d(x, weight, None, stride, kernel // 2))
    assert found == (0 if taken else 1)


@pytest.mark.parametrize("channels", [1, 3, 7, 8])
def test_a_strided_1x1_kernel_on_few_channels_is_multiplied_pixel_by_pixel(channels: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, channels, 9, 14, dtype=torch.float64).to(memory_format=CHANNELS_LAST).requires_grad_()
    weight = torch.randn(6, channels, 1, 1, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(6, dtype=torch.float64, requires_grad=True)
    inputs = (x, weight, bias)
    assert convolutions(lambda: small_map_conv2d(x, weight, bias, (2, 3))) == (0 if channels < 8 else 1)
    row_major = F.conv2d(x.contiguous(), weight, bias, (2, 3))
    output = small_map_conv2d(x, weight, bias, (2, 3))
    torch.testing.assert_close(output, row_major)
    upstream = torch.randn_like(row_major)
    for ours, theirs in zip(
        torch.autograd.grad(output, inputs, upstream), torch.autograd.grad(row_major, inputs, upstream), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(("groups", "side", "stride"), [(4, 2, 3), (1, 2, 3), (4, 1, 2)])
def test_strides_longer_than_the_map_are_computed_in_fp32_instead_of_bf16(groups: int, side: int, stride: int) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 4, side, side).bfloat16(), torch.randn(4, 4 // groups, 2, 2).bfloat16().requires_grad_()
    output = small_map_conv2d(x, weight, None, stride, 1, groups=groups)
    exact_weight = weight.detach().double().requires_grad_()
    exact = F.conv2d(x.double(), exact_weight, None, stride, 1, groups=groups)
    upstream = torch.randn(exact.shape).bfloat16()
    (gradient,) = torch.autograd.grad(output, weight, upstream)
    (expected,) = torch.autograd.grad(exact, exact_weight, upstream.double())
    assert output.dtype == gradient.dtype == torch.bfloat16
    torch.testing.assert_close(output.double(), exact, rtol=2**-7, atol=0.02)
    torch.testing.assert_close(gradient.double(), expected, rtol=2**-7, atol=0.02)


def test_groups_and_large_maps_go_the_old_way() -> None:
    x, weight = torch.randn(2, 4, 1, 1), torch.randn(4, 2, 3, 3)
    assert torch.equal(small_map_conv2d(x, weight, None, 1, 1, groups=2), F.conv2d(x, weight, None, 1, 1, groups=2))
    large, filters = torch.randn(2, 4, 9, 9), torch.randn(3, 4, 3, 3)
    assert torch.equal(small_map_conv2d(large, filters, padding="same"), F.conv2d(large, filters, padding="same"))
    for impl in ("product", "windows"):
        with pytest.raises(ValueError, match=f"impl='{impl}' takes .* and groups=2"):
            small_map_conv2d(x, weight, None, 1, 1, groups=2, impl=impl)
    with pytest.raises(ValueError, match="impl"):
        small_map_conv2d(x, weight, impl="fast")


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_by_name_is_understood(padding: str) -> None:
    x, weight, bias = operands((3, 3), (3, 3))
    actual = small_map_conv2d(x, weight, bias, padding=padding, impl="product")
    torch.testing.assert_close(actual, F.conv2d(x, weight, bias, padding=padding))


def test_uneven_padding_by_name_goes_the_old_way() -> None:
    x, weight, bias = (t.detach() for t in operands((2, 2), (2, 2)))
    assert torch.equal(small_map_conv2d(x, weight, bias, padding="same"), F.conv2d(x, weight, bias, padding="same"))


@pytest.mark.parametrize("formats", list(itertools.product(FORMATS, repeat=2)), ids=str)
def test_any_memory_layout_will_do_and_the_output_is_channels_last(formats: tuple) -> None:
    x, weight, bias = (t.detach() for t in operands((2, 2), (3, 3)))
    expected = F.conv2d(x, weight, bias, padding=1)
    actual = small_map_conv2d(
        x.contiguous(memory_format=formats[0]), weight.contiguous(memory_format=formats[1]), bias, padding=1
    )
    torch.testing.assert_close(actual, expected)
    assert actual.is_contiguous(memory_format=CHANNELS_LAST)


@pytest.mark.parametrize("side", [1, 2])
def test_autocast_multiplies_in_its_dtype_and_gradients_come_back_in_their_own(side: int) -> None:
    x, weight, bias = operands((side, side), (3, 3), torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        output = small_map_conv2d(x, weight, bias, padding=1)
        expected = F.conv2d(x, weight, bias, padding=1)
    assert output.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(output, expected, rtol=0.02, atol=0.02)
    assert {grad.dtype for grad in torch.autograd.grad(output.float().sum(), (x, weight, bias))} == {torch.float32}


@pytest.mark.parametrize("side", [1, 2, 3])
def test_it_compiles_into_one_graph(side: int) -> None:
    inputs = operands((side, side), (3, 3), torch.float32)
    compiled = torch.compile(small_map_conv2d, fullgraph=True, backend="aot_eager")
    expected, actual = F.conv2d(*inputs, padding=1), compiled(*inputs, padding=1)
    torch.testing.assert_close(actual, expected)
    upstream = torch.randn_like(expected)
    for ours, theirs in zip(
        torch.autograd.grad(actual, inputs, upstream), torch.autograd.grad(expected, inputs, upstream), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("impl", ["auto", "product", "windows"])
def test_meta_tensors_have_its_shape(impl: str) -> None:
    x, weight = torch.empty(7, 3, 2, 2, device="meta"), torch.empty(5, 3, 3, 3, device="meta")
    assert small_map_conv2d(x, weight, None, 2, 1, impl=impl).shape == (7, 5, 1, 1)


def test_an_empty_batch_stays_empty() -> None:
    assert small_map_conv2d(torch.empty(0, 3, 2, 2), torch.empty(5, 3, 3, 3), padding=1).shape == (0, 5, 2, 2)


def test_the_table_leaves_unmeasured_devices_to_torch() -> None:
    assert {device for device, _ in MOST_PIXELS} == {"cpu"}
