"""Numbers at their limits, on both implementations: what is not finite stays so, what has a limit reaches it.

Covers: NaN and infinity in every operand, logits beyond fp16, collapsed embeddings, zero vectors, temperatures, one of
everything, masks of nothing and of all. Does not cover: own keys (test_own_keys.py), layouts and types
(test_inputs.py).
"""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fastssl.kernels import info_nce, masked_mse, nt_xent

on_a_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason="Triton does not interpret where there is a GPU")
both_ways = pytest.mark.parametrize("impl", ["torch", pytest.param("triton", marks=on_a_cpu)])
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # the interpreter's, of NaN and infinity
    pytest.mark.usefixtures("poisoned"),
]

QUERY, KEY, QUEUE = range(3)


def operands(dtype: torch.dtype = torch.float32, rows: int = 4, keys: int = 9, width: int = 8) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(n, width).to(dtype) for n in (rows, rows, keys)]


def exact_info_nce(query: Tensor, key: Tensor, queue: Tensor, temperature: float, normalize: bool = False) -> Tensor:
    query, key, queue = query.double(), key.double(), queue.double()
    if normalize:
        query, key = F.normalize(query, dim=1), F.normalize(key, dim=1)
    logits = torch.cat([(query * key).sum(1, keepdim=True), query @ queue.T], 1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(query), dtype=torch.long), reduction="none")


def exact_nt_xent(rows: Tensor, temperature: float, normalize: bool = True) -> Tensor:
    rows = rows.double()
    unit = F.normalize(rows, dim=1) if normalize else rows
    logits = (unit @ unit.T / temperature).masked_fill(torch.eye(len(unit), dtype=torch.bool), -torch.inf)
    return F.cross_entropy(logits, torch.arange(len(unit)).roll(len(unit) // 2), reduction="none")


@both_ways
@dtypes
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("operand", [QUERY, KEY, QUEUE], ids=["query", "key", "queue"])
@pytest.mark.parametrize("normalize", [True, False])
def test_infonce_is_finite_where_the_plain_formula_is_and_nowhere_else(
    impl: str, dtype: torch.dtype, bad: float, operand: int, normalize: bool
) -> None:
    tensors = operands(dtype)
    tensors[operand][1, 2] = bad
    query, key, queue = tensors
    loss = info_nce(query.requires_grad_(), key, queue, 0.5, normalize=normalize, reduction="none", impl=impl)
    (gradient,) = torch.autograd.grad(loss.sum(), query)
    expected = exact_info_nce(query.detach(), key, queue, 0.5, normalize)
    assert torch.equal(loss.isfinite(), expected.isfinite())
    assert loss.isfinite().all() == (not expected.isnan().any() and not expected.isinf().any())
    if operand == QUEUE:
        assert gradient.isnan().any(1).all()
    else:
        assert gradient.isfinite().all(1).tolist() == [True, False, True, True] or bool(loss[1] == torch.inf)


@both_ways
@dtypes
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("normalize", [True, False])
def test_nt_xent_is_finite_where_the_plain_formula_is_and_nowhere_else(
    impl: str, dtype: torch.dtype, bad: float, normalize: bool
) -> None:
    rows = torch.cat(operands(dtype)[:2])
    rows[1, 2] = bad
    loss = nt_xent(rows.requires_grad_(), 0.5, normalize=normalize, reduction="none", impl=impl)
    (gradient,) = torch.autograd.grad(loss.sum(), rows)
    assert torch.equal(loss.isfinite(), exact_nt_xent(rows.detach(), 0.5, normalize).isfinite())
    assert gradient.isnan().any()


@both_ways
def test_ranks_among_nan_do_not_look_perfect(impl: str) -> None:
    query, key, queue = operands()
    _, stats = info_nce(torch.full_like(query, math.nan), key, queue, return_stats=True, impl=impl)
    assert stats == (0.0, 0.0)
    _, stats = info_nce(query, key, torch.full_like(queue, math.nan), return_stats=True, impl=impl)
    assert stats == (0.0, 0.0)


@both_ways
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_under_the_mask_is_seen_and_beside_it_is_not(impl: str, bad: float) -> None:
    prediction = torch.zeros(1, 1, 2, 2)
    prediction[0, 0, 0, 0] = bad
    for covered in (True, False):
        mask = torch.tensor([[covered, True], [True, True]]).view(1, 1, 2, 2)
        leaf = prediction.clone().requires_grad_()
        loss = masked_mse(leaf, torch.ones(1, 1, 2, 2), mask, impl=impl)
        (gradient,) = torch.autograd.grad(loss, leaf)
        assert loss.isfinite() != covered
        assert gradient.isfinite().all() != covered
        squares = masked_mse(leaf, torch.ones(1, 1, 2, 2), mask, reduction="none", impl=impl)
        assert torch.autograd.grad(squares.sum(), leaf)[0].isfinite().all() != covered


@both_ways
@dtypes
def test_logits_beyond_the_range_of_fp16_are_right(impl: str, dtype: torch.dtype) -> None:
    query, key, queue = (300 * t for t in operands(dtype))
    expected = exact_info_nce(query, key, queue, 1.0)
    assert expected.max() > 65504
    loss = info_nce(query.requires_grad_(), key, queue, 1.0, reduction="none", impl=impl)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-6, atol=0.1)
    assert torch.autograd.grad(loss.sum(), query)[0].isfinite().all()
    rows = torch.cat([query.detach(), key])
    loss = nt_xent(rows.requires_grad_(), 1.0, normalize=False, reduction="none", impl=impl)
    torch.testing.assert_close(loss.double(), exact_nt_xent(rows.detach(), 1.0, normalize=False), rtol=1e-6, atol=0.1)
    assert torch.autograd.grad(loss.sum(), rows)[0].isfinite().all()


@both_ways
@dtypes
@pytest.mark.parametrize("value", [1.0, 0.0])
def test_a_collapsed_encoder_has_the_loss_of_a_guess_and_gradients_near_zero(
    impl: str, dtype: torch.dtype, value: float
) -> None:
    """All embeddings equal, as of identical or constant images; a zero vector stays zero."""
    rows = torch.full((4, 8), value, dtype=dtype, requires_grad=True)
    queue = F.normalize(torch.full((9, 8), value), dim=1).to(dtype)
    loss = info_nce(rows, rows.detach(), queue, normalize=True, impl=impl)
    assert loss.item() == pytest.approx(math.log(10), abs=1e-5 if dtype == torch.float32 else 1e-3)
    assert torch.autograd.grad(loss, rows)[0].abs().max() <= 1e-3
    loss = nt_xent(rows, impl=impl)
    assert loss.item() == pytest.approx(math.log(3), abs=1e-5 if dtype == torch.float32 else 1e-3)
    assert torch.autograd.grad(loss, rows)[0].abs().max() <= 1e-3


@both_ways
def test_a_zero_vector_is_normalised_as_torch_does_it(impl: str) -> None:
    query, key, queue = operands()
    query[1] = 0.0
    for normalised, plain, leaf in (
        (lambda q: info_nce(q, key, queue, normalize=True, impl=impl), exact_info_nce, query),
        (lambda q: nt_xent(q, 0.2, impl=impl), exact_nt_xent, query),
    ):
        leaf = leaf.clone().requires_grad_()
        exact = leaf.detach().double().requires_grad_()
        rest = (key, queue, 0.2, True) if plain is exact_info_nce else (0.2,)
        (expected,) = torch.autograd.grad(plain(exact, *rest).mean(), exact)
        (gradient,) = torch.autograd.grad(normalised(leaf), leaf)
        assert gradient.isfinite().all()
        torch.testing.assert_close(gradient.double(), expected, rtol=1e-4, atol=1e-5)


@both_ways
@dtypes
@pytest.mark.parametrize("temperature", [1e-6, 1e-4, 1e-3, 1e3, 1e4, 1e6])
def test_extreme_temperatures_are_right(impl: str, dtype: torch.dtype, temperature: float) -> None:
    query, key, queue = operands(dtype)
    key, queue = (F.normalize(t.float(), dim=1).to(dtype) for t in (key, queue))
    loss = info_nce(query.requires_grad_(), key, queue, temperature, normalize=True, reduction="none", impl=impl)
    expected = exact_info_nce(query.detach(), key, queue, temperature, normalize=True)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-4)
    limit = torch.finfo(dtype).max
    assert torch.autograd.grad(loss.sum(), query)[0].isfinite().all() or 1 / temperature > limit
    rows = torch.cat([query.detach(), key]).requires_grad_()
    loss = nt_xent(rows, temperature, reduction="none", impl=impl)
    rounded = F.normalize(rows.detach().float(), dim=1).to(dtype)  # unit rows are kept in the embeddings' dtype
    expected = exact_nt_xent(rounded, temperature, normalize=False)
    # Triton's interpreter truncates what it casts to bf16.
    rtol = 1e-2 if (impl, dtype) == ("triton", torch.bfloat16) else 1e-4
    torch.testing.assert_close(loss.double(), expected, rtol=rtol, atol=1e-4)
    assert torch.autograd.grad(loss.sum(), rows)[0].isfinite().all() or 1 / temperature > limit


@both_ways
@dtypes
@pytest.mark.parametrize(("rows", "keys", "width"), [(1, 1, 1), (1, 1, 8), (4, 1, 8), (1, 9, 1), (4, 9, 1)])
def test_one_query_one_negative_and_one_dimension_are_right(
    impl: str, dtype: torch.dtype, rows: int, keys: int, width: int
) -> None:
    query, key, queue = operands(dtype, rows, keys, width)
    loss = info_nce(query.requires_grad_(), key, queue, 0.5, reduction="none", impl=impl)
    torch.testing.assert_close(loss.double(), exact_info_nce(query.detach(), key, queue, 0.5), rtol=1e-5, atol=1e-5)
    assert torch.autograd.grad(loss.sum(), query)[0].isfinite().all()
    pairs = torch.cat([query.detach(), key]).requires_grad_()
    loss = nt_xent(pairs, 0.5, normalize=False, reduction="none", impl=impl)
    expected = exact_nt_xent(pairs.detach(), 0.5, normalize=False)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-5)
    assert torch.autograd.grad(loss.sum(), pairs)[0].isfinite().all()


@both_ways
@dtypes
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_masks_of_nothing_and_of_all_are_defined(impl: str, dtype: torch.dtype, reduction: str) -> None:
    prediction = torch.linspace(-1, 1, 24).view(2, 3, 2, 2).to(dtype).requires_grad_()
    target = torch.full((2, 3, 2, 2), 0.25).to(dtype)
    nothing, everything = torch.zeros(2, 1, 1, 1, dtype=torch.bool), torch.ones(2, 1, 1, 1, dtype=torch.bool)
    loss = masked_mse(prediction, target, nothing, reduction=reduction, impl=impl)
    assert not loss.any()
    assert not torch.autograd.grad(loss.sum(), prediction)[0].any()
    loss = masked_mse(prediction, target, everything, reduction=reduction, impl=impl)
    expected = F.mse_loss(prediction.detach().double(), target.double(), reduction=reduction)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-6)


@both_ways
def test_an_error_beyond_fp16_is_not_a_finite_one(impl: str) -> None:
    """The gradient is kept in the images' dtype: beyond its range it is infinite, and a gradient scaler sees it."""
    prediction = torch.full((1, 1, 4, 4), 60000.0, dtype=torch.float16, requires_grad=True)
    loss = masked_mse(prediction, -prediction.detach(), None, impl=impl)
    assert loss.item() == pytest.approx(1.2e5**2, rel=1e-2)
    assert torch.autograd.grad(loss, prediction)[0].isinf().all()
