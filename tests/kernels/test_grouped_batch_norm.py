"""Grouped batch norm against torch's own batch norm on each part in fp64, in eager mode and compiled."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from fastssl.kernels import grouped_batch_norm
from fastssl.kernels.grouped_batch_norm import op
from fastssl.kernels.grouped_batch_norm.reference import grouped_batch_norm_reference

CHANNELS = 5
MOMENTUM = 0.3
EPS = 1e-3


def formula(
    x: Tensor,
    groups: int,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    momentum: float | None = MOMENTUM,
    eps: float = EPS,
    *,
    seen: Tensor | None = None,
) -> Tensor:
    """What the compiler sees, run without one."""
    return grouped_batch_norm_reference(x, groups, running_mean, running_var, weight, bias, momentum, eps, seen)


WAYS = [grouped_batch_norm, formula]
both_ways = pytest.mark.parametrize("way", WAYS, ids=["eager", "formula"])
# 7 images in 3 parts are 3, 2 and 2; 2 images are two parts of one.
batches = pytest.mark.parametrize("batch", [12, 7, 2])
layouts = pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["rows", "channels"])


def batch_norm_of_parts(
    x: Tensor, groups: int, mean: Tensor | None, var: Tensor | None, weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    """The definition: torch's batch norm on each part that holds an image."""
    parts = [part for part in x.tensor_split(groups) if len(part)]
    return torch.cat([F.batch_norm(part, mean, var, weight, bias, True, MOMENTUM, EPS) for part in parts])


def make(batch: int, dtype: torch.dtype = torch.float32, side: int = 3) -> tuple[Tensor, list[Tensor]]:
    """Images of channels with other means and deviations; running mean and variance, weight and bias."""
    generator = torch.Generator().manual_seed(batch)
    spread = torch.tensor([0.1, 1.0, 3.0, 1.0, 2.0]).view(1, -1, 1, 1)
    x = torch.randn(batch, CHANNELS, side, side, generator=generator) * spread + torch.arange(5.0).view(1, -1, 1, 1)
    small = torch.float64 if dtype == torch.float64 else torch.float32
    rows = [torch.rand(CHANNELS, generator=generator, dtype=small) + 0.5 for _ in range(4)]
    return x.to(dtype), rows


def step(way: Callable[..., Tensor], x: Tensor, rows: list[Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Output, gradients and running statistics, from copies in `dtype` (rows: fp32 at least)."""
    x = x.detach().to(dtype, copy=True).requires_grad_()
    small = torch.promote_types(dtype, torch.float32)
    mean, var, weight, bias = (row.detach().to(small, copy=True) for row in rows)
    output = way(x, 3, mean, var, weight.requires_grad_(), bias.requires_grad_())
    upstream = torch.linspace(-2, 2, output.numel()).sin().view_as(output).to(torch.bfloat16)  # exact in all dtypes
    grads = torch.autograd.grad(output, [x, weight, bias], torch.empty_like(x).copy_(upstream))
    return dict(zip(["output", "x", "weight", "bias", "mean", "var"], [output, *grads, mean, var], strict=True))


def with_settings(way: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *args: way(*args, MOMENTUM, EPS)


@both_ways
@batches
@layouts
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_equals_batch_norm_of_each_part(
    way: Callable[..., Tensor], batch: int, layout: torch.memory_format, dtype: torch.dtype, accept: Callable[..., None]
) -> None:
    x, rows = make(batch, dtype)
    x = x.to(memory_format=layout)
    oracle = step(batch_norm_of_parts, x, rows, torch.float64)
    eager = step(batch_norm_of_parts, x, rows, dtype)
    for name, value in step(with_settings(way), x, rows, dtype).items():
        assert value.dtype == eager[name].dtype, name
        accept(name, value, oracle[name], eager[name], dtype if name in ("output", "x") else torch.float32)


@both_ways
@batches
@layouts
def test_gradients_of_both_orders_are_those_of_finite_differences(
    way: Callable[..., Tensor], batch: int, layout: torch.memory_format
) -> None:
    x, (mean, var, weight, bias) = make(batch, torch.float64, side=2)
    x = x.to(memory_format=layout)
    inputs = [tensor.requires_grad_() for tensor in (x, weight, bias)]

    def run(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return way(x, 3, mean.clone(), var.clone(), weight, bias, MOMENTUM, EPS)

    in_a_random_direction = batch == 12  # of equal parts; every entry where parts differ or hold one image
    assert torch.autograd.gradcheck(run, inputs, fast_mode=in_a_random_direction)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=in_a_random_direction)


@batches
def test_over_several_steps_the_running_statistics_are_those_of_torch_bit_for_bit(batch: int) -> None:
    _, (mean, var, _, _) = make(batch)
    expected = [mean.clone(), var.clone()]
    for seed in range(4):
        x = torch.randn(batch, CHANNELS, 3, 3, generator=torch.Generator().manual_seed(seed))
        batch_norm_of_parts(x, 3, *expected, None, None)
        grouped_batch_norm(x, 3, mean, var, None, None, MOMENTUM, EPS)
    assert torch.equal(mean, expected[0])
    assert torch.equal(var, expected[1])


@both_ways
def test_without_a_momentum_running_statistics_are_the_mean_over_all_parts(way: Callable[..., Tensor]) -> None:
    mean, var = torch.full((CHANNELS,), 7.0), torch.full((CHANNELS,), 7.0)
    seen, parts = torch.tensor(0), []
    for batch in (12, 7, 9):
        x, _ = make(batch)
        way(x, 3, mean, var, None, None, None, EPS, seen=seen)
        seen += 3
        parts += [part.double().transpose(0, 1).flatten(1) for part in x.tensor_split(3)]
    torch.testing.assert_close(mean, torch.stack([part.mean(1) for part in parts]).mean(0).float())
    torch.testing.assert_close(var, torch.stack([part.var(1) for part in parts]).mean(0).float())


@both_ways
@pytest.mark.parametrize("has_weight", [False, True])
@pytest.mark.parametrize("has_bias", [False, True])
def test_weight_and_bias_may_each_be_missing(way: Callable[..., Tensor], has_weight: bool, has_bias: bool) -> None:
    x, (_, _, weight, bias) = make(7)
    given = [weight if has_weight else None, bias if has_bias else None]
    leaves = [tensor.requires_grad_() for tensor in (x, *given) if tensor is not None]
    expected = batch_norm_of_parts(x, 3, None, None, *given)
    actual = way(x, 3, None, None, *given, MOMENTUM, EPS)
    torch.testing.assert_close(actual, expected)
    upstream = torch.randn_like(expected)
    wanted = torch.autograd.grad(expected, leaves, upstream)
    for a, b in zip(torch.autograd.grad(actual, leaves, upstream), wanted, strict=True):
        torch.testing.assert_close(a, b)


@both_ways
@pytest.mark.parametrize("frozen", ["x", "rows"])
def test_what_needs_no_gradient_gets_none(way: Callable[..., Tensor], frozen: str) -> None:
    x, (_, _, weight, bias) = make(6)
    leaves = [weight, bias] if frozen == "x" else [x]
    for leaf in leaves:
        leaf.requires_grad_()
    way(x, 3, None, None, weight, bias).square().sum().backward()
    assert [tensor.grad is not None for tensor in (x, weight, bias)] == [frozen != "x", frozen == "x", frozen == "x"]


@both_ways
@layouts
@pytest.mark.parametrize("batch", [12, 7])
def test_output_and_gradient_are_laid_out_like_the_input(
    way: Callable[..., Tensor], layout: torch.memory_format, batch: int
) -> None:
    x = make(batch)[0].to(memory_format=layout).requires_grad_()
    output = way(x, 3)
    output.backward(torch.randn(output.shape).to(memory_format=layout))
    assert output.stride() == x.stride()
    assert x.grad.stride() == x.stride()


@layouts
@pytest.mark.parametrize("upstream", ["other layout", "expanded"])
def test_a_gradient_in_another_layout_gives_the_same(layout: torch.memory_format, upstream: str) -> None:
    x = make(7)[0].to(memory_format=layout).requires_grad_()
    if upstream == "expanded":
        grad = torch.randn(7, CHANNELS, 1, 1).expand_as(x)
    else:
        other = torch.contiguous_format if layout == torch.channels_last else torch.channels_last
        grad = torch.randn(x.shape).contiguous(memory_format=other)
    (expected,) = torch.autograd.grad(batch_norm_of_parts(x, 3, None, None, None, None), x, grad)
    (actual,) = torch.autograd.grad(grouped_batch_norm(x, 3, eps=EPS), x, grad)
    torch.testing.assert_close(actual, expected)


def test_a_half_precision_gradient_in_another_layout_is_added_up_in_single_precision() -> None:
    x, (_, _, weight, bias) = make(12, torch.bfloat16)
    x = x.to(memory_format=torch.channels_last).requires_grad_()
    grad = torch.rand(x.shape).to(torch.bfloat16)
    grouped_batch_norm(x, 3, None, None, weight, bias.requires_grad_()).backward(grad)
    torch.testing.assert_close(bias.grad, grad.double().sum((0, 2, 3)).float())


@pytest.mark.usefixtures("poisoned")
@batches
def test_every_value_of_output_and_gradient_is_written(batch: int) -> None:
    x = make(batch)[0].requires_grad_()
    output = grouped_batch_norm(x, 3)
    output.square().sum().backward()
    assert torch.isfinite(output).all()
    assert torch.isfinite(x.grad).all()


def test_it_runs_on_the_meta_device() -> None:
    x = torch.empty(7, CHANNELS, 3, 3, device="meta").to(memory_format=torch.channels_last)
    output = grouped_batch_norm(x, 3)
    assert (output.shape, output.dtype, output.stride()) == (x.shape, x.dtype, x.stride())


@pytest.mark.parametrize(
    ("shape", "settings", "says"),
    [
        ((6, 4), {}, r"x must be \[B, C, H, W\] with B >= 1, got \[6, 4\]"),
        ((0, 4, 2, 2), {}, r"x must be \[B, C, H, W\] with B >= 1, got \[0, 4, 2, 2\]"),
        ((6, 4, 2, 2), {"groups": 0}, "groups must be at least 1, got 0"),
        ((6, 4, 2, 2), {"running_mean": torch.zeros(4)}, "must both be given, or neither"),
        ((6, 4, 2, 2), {"eps": 0.0}, "eps must be positive, got 0.0"),
        ((4, 4, 1, 1), {"groups": 3}, r"a part of \[4, 4, 1, 1\] in 3 groups has one value per channel"),
        (
            (6, 4, 2, 2),
            {"running_mean": torch.zeros(4), "running_var": torch.ones(4), "momentum": None},
            "give how many as seen",
        ),
    ],
)
def test_what_does_not_fit_is_one_clear_line(shape: tuple[int, ...], settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        grouped_batch_norm(torch.zeros(shape), **{"groups": 3, **settings})


class Recorder:
    """A Dynamo backend that keeps each graph and hands it on to AOTAutograd."""

    def __init__(self) -> None:
        self.graphs: list[torch.fx.GraphModule] = []

    def __call__(self, graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., object]:
        self.graphs.append(graph)
        return torch._dynamo.lookup_backend("aot_eager")(graph, inputs)

    def calls(self) -> list[list[torch.fx.Node]]:
        return [[node for node in graph.graph.nodes if node.op.startswith("call")] for graph in self.graphs]


@pytest.mark.parametrize(
    ("dynamic", "dtype"),
    [
        (True, torch.float32),
        (False, torch.bfloat16),
        pytest.param(False, torch.float32, marks=pytest.mark.slow),
        pytest.param(True, torch.bfloat16, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiled_it_is_the_same(backend: str, dynamic: bool, dtype: torch.dtype, accept: Callable[..., None]) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(with_settings(grouped_batch_norm), backend=backend, fullgraph=True, dynamic=dynamic)
    for batch in (12, 7, 15):
        x, rows = make(batch, dtype)
        x = x.to(memory_format=torch.channels_last)
        oracle, eager = (step(batch_norm_of_parts, x, rows, kind) for kind in (torch.float64, dtype))
        for name, value in step(compiled, x, rows, dtype).items():
            kind = dtype if name in ("output", "x") else torch.float32
            accept(name, value, oracle[name], eager[name], kind, atol=5e-6)  # torch's own adds fp32 up in fp64
            assert name not in ("output", "x") or value.stride() == x.stride(), name


def test_compiled_without_a_momentum_it_needs_no_graph_break() -> None:
    torch._dynamo.reset()
    x, (mean, var, _, _) = make(12)
    seen = torch.tensor(0)
    run = torch.compile(grouped_batch_norm, backend="aot_eager", fullgraph=True)
    run(x, 3, mean, var, momentum=None, seen=seen)
    torch.testing.assert_close(mean, x.mean((0, 2, 3)))


def test_dynamo_sees_one_call_however_many_parts() -> None:
    for groups in (2, 8):
        torch._dynamo.reset()
        recorder = Recorder()
        torch.compile(grouped_batch_norm, backend=recorder, fullgraph=True)(torch.randn(16, 3, 4, 4), groups)
        assert [len(calls) for calls in recorder.calls()] == [1]


def test_one_dynamic_graph_serves_all_batches_that_leave_the_same_rest() -> None:
    torch._dynamo.reset()
    recorder = Recorder()
    compiled = torch.compile(
        lambda x: grouped_batch_norm(x, 3, momentum=0.1, eps=1e-5), backend=recorder, fullgraph=True, dynamic=True
    )
    for batch in (12, 15, 24, 13, 16):
        compiled(torch.randn(batch, CHANNELS, 4, 4))
    assert len(recorder.graphs) == 2


def test_another_formula_is_another_graph_to_the_cache_of_compiled_ones() -> None:
    torch._dynamo.reset()
    recorder = Recorder()
    torch.compile(grouped_batch_norm, backend=recorder, fullgraph=True)(torch.randn(6, 3, 4, 4), 3)
    ((call,),) = recorder.calls()
    assert call.args[-1] == zlib.crc32(Path(op.reference.__file__).read_bytes())


def test_torch_finds_no_fault_with_the_operator() -> None:
    x, rows = make(7)
    leaves = [tensor.requires_grad_() for tensor in (x, *rows[2:])]
    torch.library.opcheck(
        torch.ops.fastssl.grouped_batch_norm.default,
        (leaves[0], 3, *rows[:2], *leaves[1:], MOMENTUM, EPS, None, op.FORMULA),
    )


@pytest.mark.gpu
@layouts
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_on_a_gpu_it_equals_batch_norm_of_each_part(
    layout: torch.memory_format, compiled: bool, dtype: torch.dtype, accept: Callable[..., None]
) -> None:
    torch._dynamo.reset()
    run = with_settings(grouped_batch_norm)
    way = torch.compile(run, fullgraph=True) if compiled else run
    with torch.device("cuda"):
        x, rows = make(7, dtype)
        x = x.to(memory_format=layout)
        oracle, eager = (step(batch_norm_of_parts, x, rows, kind) for kind in (torch.float64, dtype))
        for name, value in step(way, x, rows, dtype).items():
            accept(name, value, oracle[name], eager[name], dtype if name in ("output", "x") else torch.float32)
