"""What users hand to the public functions: any layout is right, and what cannot be is refused in one line by its name.

Covers: strided, transposed and expanded operands amid NaN, where memory that is only allocated is NaN too; NumPy
numbers, meta tensors, wrong types, dtypes, devices and shapes of every function. Does not cover: numbers at their
limits (test_stress.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fastssl.kernels import (
    ema_update_,
    flatten_,
    grouped_batch_norm,
    info_nce,
    masked_mse,
    nt_xent,
    small_map_conv2d,
    transform_pixels,
)

pytestmark = pytest.mark.usefixtures("poisoned")
on_a_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason="Triton does not interpret where there is a GPU")
both_ways = pytest.mark.parametrize("impl", ["torch", pytest.param("triton", marks=on_a_cpu)])


def transposed(values: Tensor) -> Tensor:
    return values.mT.contiguous().mT


def amid_poison(values: Tensor) -> Tensor:
    """Every second element of a larger tensor; the others are NaN, or the largest integer."""
    poison = torch.nan if values.is_floating_point() else torch.iinfo(values.dtype).max
    home = torch.full([2 * side + 1 for side in values.shape], poison, dtype=values.dtype)
    view = home[tuple(slice(1, None, 2) for _ in values.shape)]
    return view.copy_(values)


def expanded(values: Tensor) -> Tensor:
    return values[:1].expand(values.shape)


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "transposed": transposed,
    "amid poison": amid_poison,
    "expanded": expanded,
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())


def agree(fused: Callable[..., Tensor], plain: Callable[..., Tensor], inputs: list[Tensor], rtol: float = 1e-4) -> None:
    """Values and gradients of the inputs that have one, against the plain formula in fp64."""
    leaves = [t.requires_grad_() for t in inputs if t.is_floating_point()]
    exact = [t.detach().clone().double().requires_grad_() if t.is_floating_point() else t for t in inputs]
    value, expected = fused(*inputs), plain(*exact)
    torch.testing.assert_close(value.double(), expected, rtol=rtol, atol=1e-5)
    ours = torch.autograd.grad(value.sum(), leaves)
    theirs = torch.autograd.grad(expected.sum(), [t for t in exact if t.requires_grad])
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=rtol, atol=1e-5)


@both_ways
@every_layout
def test_info_nce_reads_any_layout(impl: str, layout: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    query, key, queue = (layout(torch.randn(n, 12)) for n in (6, 6, 9))
    ids = layout(torch.randint(0, 4, (6, 1)))[:, 0], layout(torch.randint(0, 4, (9, 1)))[:, 0]

    def fused(query: Tensor, key: Tensor) -> Tensor:
        given = {"query_ids": ids[0], "queue_ids": ids[1], "normalize": True, "reduction": "none", "impl": impl}
        return info_nce(query, key, queue, 0.5, **given)

    def plain(query: Tensor, key: Tensor) -> Tensor:
        query, key = F.normalize(query, dim=1), F.normalize(key, dim=1)
        own = torch.tensor([[bool(i == j) for j in ids[1]] for i in ids[0]])
        negatives = (query @ queue.double().T).masked_fill(own, -torch.inf)
        logits = torch.cat([(query * key).sum(1, keepdim=True), negatives], 1) / 0.5
        return F.cross_entropy(logits, torch.zeros(6, dtype=torch.long), reduction="none")

    agree(fused, plain, [query, key])


@both_ways
@every_layout
def test_nt_xent_reads_any_layout(impl: str, layout: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)

    def plain(rows: Tensor) -> Tensor:
        unit = F.normalize(rows, dim=1)
        logits = (unit @ unit.T / 0.5).masked_fill(torch.eye(6, dtype=torch.bool), -torch.inf)
        return F.cross_entropy(logits, torch.arange(6).roll(3), reduction="none")

    agree(lambda rows: nt_xent(rows, 0.5, reduction="none", impl=impl), plain, [layout(torch.randn(6, 12))])


@both_ways
@every_layout
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_masked_mse_reads_any_layout(impl: str, layout: Callable[[Tensor], Tensor], reduction: str) -> None:
    torch.manual_seed(0)
    mask = layout((torch.rand(2, 1, 2, 3) < 0.7).to(torch.uint8))
    full = mask.repeat_interleave(2, 2).repeat_interleave(2, 3).expand(2, 3, 4, 6).double()

    def plain(prediction: Tensor, target: Tensor) -> Tensor:
        squared = (prediction - target).square() * full
        return squared if reduction == "none" else squared.sum() / full.sum()

    images = [layout(torch.randn(2, 3, 4, 6)) for _ in range(2)]
    agree(lambda p, t: masked_mse(p, t, mask, reduction=reduction, impl=impl), plain, images)


@both_ways
@every_layout
@pytest.mark.parametrize("stored", [torch.uint8, torch.uint16], ids=str)
def test_transform_pixels_reads_any_layout(impl: str, layout: Callable[[Tensor], Tensor], stored: torch.dtype) -> None:
    torch.manual_seed(0)
    images = torch.randint(0, 200, (2, 4, 6, 3)).to(torch.uint8)
    lut, order = torch.rand(2, 256 if stored == torch.uint8 else 257), torch.stack([torch.randperm(4) for _ in "ab"])
    mask = torch.rand(2, 3, 2, 3) < 0.5
    images, lut, order, mask = (layout(t) for t in (images, lut, order, mask.to(torch.uint8)))
    images = images.to(stored)  # torch cannot fill uint16
    options = {"lut": lut, "permutation": order, "mask": mask, "mean": (0.5,), "std": (0.2,)}
    output = transform_pixels(images, **options, impl=impl)
    for b in range(2):
        for row in range(4):
            for column in range(6):
                tile = int(order[b, row // 2 * 2 + column // 3])
                pixel = images[b, tile // 2 * 2 + row % 2, tile % 2 * 3 + column % 3].long()
                low, share = (pixel, 0) if stored == torch.uint8 else (pixel >> 8, (pixel & 255) / 256)
                level = lut[b, low] if stored == torch.uint8 else torch.lerp(lut[b, low], lut[b, low + 1], share)
                expected = (level - 0.5) / 0.2 * (mask[b, :, row // 2, column // 2] == 0)
                torch.testing.assert_close(output[b, :, row, column], expected, rtol=1e-4, atol=1e-5)


@every_layout
@pytest.mark.parametrize("impl", ["auto", "product", "windows"])
def test_small_maps_are_read_in_any_layout(layout: Callable[[Tensor], Tensor], impl: str) -> None:
    torch.manual_seed(0)
    inputs = [layout(torch.randn(4, 8, 2, 2)), layout(torch.randn(5, 8, 3, 3)), layout(torch.randn(5, 1))[:, 0]]
    convolve = lambda x, w, b: F.conv2d(x, w, b, 1, 1)  # noqa: E731
    agree(lambda x, w, b: small_map_conv2d(x, w, b, 1, 1, impl=impl), convolve, inputs)


@pytest.mark.parametrize("layout", [transposed, amid_poison])
def test_grouped_batch_norm_reads_any_layout(layout: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    x, (weight, bias) = layout(torch.randn(5, 4, 4, 3)), layout(torch.rand(4, 2)).unbind(1)
    running = amid_poison(torch.tensor([[0.0] * 4, [1.0] * 4]))
    expected_running = torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    upstream = torch.linspace(-1, 2, 240, dtype=torch.float64).view(5, 4, 4, 3)

    def plain(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        parts = x.tensor_split(2)
        return torch.cat([F.batch_norm(part, *expected_running, weight, bias, True, 0.3) for part in parts]) * upstream

    leaves = [x, weight.detach(), bias.detach()]
    agree(lambda x, w, b: grouped_batch_norm(x, 2, *running, w, b, 0.3) * upstream, plain, leaves, rtol=1e-3)
    torch.testing.assert_close(running.double(), torch.stack(expected_running), rtol=1e-5, atol=1e-5)


def test_the_moving_average_writes_any_layout_and_nothing_beside_it() -> None:
    home = torch.full((8, 6), 7.0)
    target, source = home[1:7:2, ::2], amid_poison(torch.zeros(3, 3))
    ema_update_([target], [source], np.float32(0.5))
    assert target.eq(3.5).all()
    assert (home == 7.0).sum() == home.numel() - target.numel()


@both_ways
@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), np.float16(0.5), torch.tensor(0.5)], ids=repr)
def test_numbers_of_numpy_and_tensors_without_dimensions_are_temperatures(impl: str, number: object) -> None:
    torch.manual_seed(0)
    rows = torch.randn(6, 8)
    assert torch.equal(nt_xent(rows, number, impl=impl), nt_xent(rows, 0.5, impl=impl))
    assert torch.equal(info_nce(rows, rows, rows, number, impl=impl), info_nce(rows, rows, rows, 0.5, impl=impl))


def test_meta_tensors_have_shapes_without_a_value() -> None:
    rows, image = torch.empty(6, 8, device="meta"), torch.empty(2, 3, 4, 4, device="meta")
    rows.requires_grad_()
    loss = info_nce(rows, rows.detach(), rows.detach(), reduction="none")
    loss.sum().backward()
    assert (loss.shape, rows.grad.shape) == ((6,), (6, 8))
    assert nt_xent(rows).shape == masked_mse(image, image, None).shape == ()
    pixels = torch.empty(2, 4, 6, 3, dtype=torch.uint8, device="meta")
    assert transform_pixels(pixels, mean=(0.5,), std=(0.5,)).shape == (2, 3, 4, 6)


ROWS, IMAGE, PIXELS = torch.ones(4, 8), torch.ones(2, 3, 4, 4), torch.ones(2, 4, 4, 3, dtype=torch.uint8)
MAP, FILTERS, PARAMETER = torch.ones(2, 3, 2, 2), torch.ones(5, 3, 3, 3), torch.ones(3)


def refusals() -> Iterator[tuple[Callable[..., object], tuple, dict, type[Exception], str]]:
    """A function, what it is given, and the error with what it names."""
    rows = (ROWS, ROWS, ROWS)
    yield info_nce, (ROWS.to_sparse(), ROWS, ROWS), {}, TypeError, "query must be dense"
    yield info_nce, (ROWS, ROWS.numpy(), ROWS), {}, TypeError, "key must be a torch.Tensor, got ndarray"
    yield info_nce, (ROWS, ROWS, torch.nn.Parameter(ROWS)), {}, ValueError, "queue must not require a gradient"
    yield info_nce, (ROWS, ROWS, ROWS.to("meta")), {}, ValueError, "queue is on meta but query is on cpu"
    for wrong in (True, np.bool_(True), None, 2j, torch.tensor([0.2]), torch.tensor(True), np.array([0.2])):
        yield info_nce, (*rows, wrong), {}, TypeError, "temperature must be a number"
    for wrong in (0.0, -1.0, 1e-9, 1e9, float("inf"), float("nan"), torch.tensor(0.0)):
        yield nt_xent, (ROWS, wrong), {}, ValueError, "temperature must be positive, from 1e-06 to 1e\\+06"
    learnt = torch.tensor(0.2, requires_grad=True)
    yield nt_xent, (ROWS, learnt), {}, ValueError, "temperature must not require a gradient"
    yield nt_xent, (ROWS.to_sparse(),), {}, TypeError, "embeddings must be dense"
    yield masked_mse, ([1.0], IMAGE, None), {}, TypeError, "prediction must be a torch.Tensor, got list"
    yield masked_mse, (torch.tensor(1.0), torch.tensor(1.0), None), {}, ValueError, r"prediction must be .*got \[\]"
    yield masked_mse, (IMAGE, IMAGE, [[True]]), {}, TypeError, "mask must be a torch.Tensor, got list"
    yield masked_mse, (IMAGE, IMAGE, torch.ones(2, 1, 0, 0).bool()), {}, ValueError, "mask must be"
    plain = {"mean": (0.5,), "std": (0.5,)}
    yield transform_pixels, (PIXELS.numpy(),), plain, TypeError, "images must be a torch.Tensor, got ndarray"
    yield transform_pixels, (PIXELS.float(),), plain, TypeError, "images must be uint8 or uint16, got torch.float32"
    yield transform_pixels, (PIXELS,), plain | {"lut": [[1.0]]}, TypeError, "lut must be a torch.Tensor"
    learnt = torch.ones(2, 256, requires_grad=True)
    yield transform_pixels, (PIXELS,), plain | {"lut": learnt}, ValueError, "lut must not require a gradient"
    yield transform_pixels, (PIXELS,), plain | {"permutation": [[0]]}, TypeError, "permutation must be a torch.Tensor"
    yield transform_pixels, (PIXELS,), plain | {"mask": np.ones(2)}, TypeError, "mask must be a torch.Tensor"
    for wrong in (0.5, ("a",), (None,), (True,)):
        yield transform_pixels, (PIXELS,), plain | {"mean": wrong}, TypeError, "mean must be a sequence of numbers"
    for wrong in (float("nan"), float("inf")):
        yield transform_pixels, (PIXELS,), plain | {"std": (wrong,)}, ValueError, "std must be finite"
        yield transform_pixels, (PIXELS,), plain | {"mean": (wrong,)}, ValueError, "mean must be finite"
    order = torch.tensor([[0, 1, 2, -1]] * 2)
    yield transform_pixels, (PIXELS,), plain | {"permutation": order}, IndexError, "index -1 is out of bounds"
    yield grouped_batch_norm, (IMAGE, 2), {"weight": torch.ones(4)}, ValueError, r"weight must be \[3\].*got \[4\]"
    yield grouped_batch_norm, (IMAGE, 2), {"bias": torch.ones(2)}, ValueError, r"bias must be \[3\].*got \[2\]"
    short = (torch.zeros(2), torch.ones(2))
    yield grouped_batch_norm, (IMAGE, 2, *short), {}, ValueError, r"running_mean must be \[3\].*got \[2\]"
    whole = (PARAMETER.int(), PARAMETER.int())
    yield grouped_batch_norm, (IMAGE, 2, *whole), {}, TypeError, "running_mean.*float32.*got torch.int32"
    yield grouped_batch_norm, (IMAGE, 2), {"weight": PARAMETER.double()}, TypeError, "weight.*got torch.float64"
    mixed = {"weight": PARAMETER, "bias": PARAMETER.half()}
    yield grouped_batch_norm, (IMAGE.half(), 2), mixed, TypeError, "got torch.float16 for bias"
    learnt_mean = (PARAMETER.clone().requires_grad_(), PARAMETER)
    yield grouped_batch_norm, (IMAGE, 2, *learnt_mean), {}, ValueError, "running_mean must not require a gradient"
    yield grouped_batch_norm, (IMAGE, 2), {"weight": PARAMETER.to("meta")}, ValueError, "weight is on meta"
    yield grouped_batch_norm, (IMAGE, 2.0), {}, TypeError, "groups must be an integer"
    yield grouped_batch_norm, (IMAGE, 2), {"momentum": 1.5}, ValueError, "momentum must be in"
    yield grouped_batch_norm, (IMAGE, 2), {"eps": float("nan")}, ValueError, "eps must be positive"
    yield grouped_batch_norm, (torch.ones(2, 0, 4, 4), 1), {}, ValueError, "x must have channels and pixels"
    yield small_map_conv2d, (MAP, FILTERS.to("meta")), {"padding": 1}, ValueError, "weight is on meta"
    yield small_map_conv2d, (MAP, FILTERS.double()), {"padding": 1}, TypeError, "weight is torch.float64 but input is"
    yield small_map_conv2d, (MAP, FILTERS, torch.ones(5).double()), {"padding": 1}, TypeError, "bias is torch.float64"
    yield small_map_conv2d, (MAP, FILTERS, torch.ones(4)), {"padding": 1}, ValueError, r"bias must be \[5\]"
    yield small_map_conv2d, (MAP[:, :2], FILTERS), {"padding": 1}, ValueError, r"weight must be \[D, 2, kh, kw\]"
    yield small_map_conv2d, ([1.0], FILTERS), {}, TypeError, "input must be a torch.Tensor"
    yield small_map_conv2d, (MAP, FILTERS), {"stride": (1, 2, 3), "padding": 1}, ValueError, "stride must be one number"
    yield ema_update_, (ROWS, ROWS, 0.5), {}, TypeError, "targets and sources must be lists"
    yield ema_update_, ([[1.0]], [ROWS], 0.5), {}, TypeError, r"targets\[0\] must be a torch.Tensor"
    yield ema_update_, ([ROWS, ROWS], [ROWS, ROWS], 0.5), {}, ValueError, "listed once"
    for wrong in ("0.5", None, True):
        yield ema_update_, ([ROWS], [ROWS], wrong), {}, TypeError, "momentum must be a number"
    yield ema_update_, ([ROWS], [ROWS], float("nan")), {}, ValueError, "momentum must be in"
    yield ema_update_, ([ROWS], [ROWS], torch.tensor(1)), {}, TypeError, "momentum must be floating point"
    yield flatten_, (ROWS,), {}, TypeError, "tensors must be a list"
    yield flatten_, ([1.0],), {}, TypeError, r"tensors\[0\] must be a torch.Tensor"


@pytest.mark.parametrize(
    ("function", "given", "options", "error", "names"),
    list(refusals()),
    ids=lambda value: value.replace("\\", "") if isinstance(value, str) else getattr(value, "__name__", "-"),
)
def test_what_cannot_be_is_refused_in_one_line_that_names_it(
    function: Callable[..., object], given: tuple, options: dict, error: type[Exception], names: str
) -> None:
    with pytest.raises(error, match=names) as caught:
        function(*given, **options)
    assert "\n" not in str(caught.value)
