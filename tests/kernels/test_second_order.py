"""Gradients of gradients, as a gradient penalty asks for them: right on every implementation, or an error that says so.

Covers: the fused losses. Does not cover: `grouped_batch_norm` and `small_map_conv2d`, whose own tests have theirs.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fastssl.kernels import info_nce, masked_mse, nt_xent

QUERY_IDS, QUEUE_IDS = torch.tensor([7, 3, -1, 5]), torch.tensor([3, -1, 5, 5, 9, 7])
MASK = torch.tensor([[1, 0], [1, 1]], dtype=torch.bool).view(1, 1, 2, 2)

Loss = Callable[..., Tensor]


def images(rows: Tensor) -> Tensor:
    """[4, 8] as an image of 2 channels, 4 x 4."""
    return rows.reshape(1, 2, 4, 4)


def plain_info_nce(query: Tensor, other: Tensor, queue: Tensor, own: bool) -> Tensor:
    query, other = F.normalize(query, dim=1), F.normalize(other, dim=1)
    negatives = query @ queue.T
    if own:
        negatives = negatives.masked_fill(
            torch.tensor([[i == j and i >= 0 for j in QUEUE_IDS] for i in QUERY_IDS]), -torch.inf
        )
    logits = torch.cat([(query * other).sum(1, keepdim=True), negatives], 1) / 0.5
    return F.cross_entropy(logits, torch.zeros(len(query), dtype=torch.long))


def plain_nt_xent(query: Tensor, other: Tensor, queue: Tensor) -> Tensor:
    unit = F.normalize(torch.cat([query, other]), dim=1)
    logits = (unit @ unit.T / 0.5).masked_fill(torch.eye(len(unit), dtype=torch.bool), -torch.inf)
    return F.cross_entropy(logits, torch.arange(len(unit)).roll(len(query)))


def plain_masked_mse(query: Tensor, other: Tensor, queue: Tensor) -> Tensor:
    chosen = MASK.repeat_interleave(2, 2).repeat_interleave(2, 3).expand(1, 2, 4, 4)
    return (images(query)[chosen] - images(other)[chosen]).square().mean()


# name -> (the loss with an implementation, the plain formula), of query, key or target, and queue.
LOSSES: dict[str, tuple[Loss, Loss]] = {
    "info_nce": (
        lambda q, k, queue, impl: info_nce(q, k, queue, 0.5, normalize=True, impl=impl),
        lambda q, k, queue: plain_info_nce(q, k, queue, own=False),
    ),
    "info_nce with ids": (
        lambda q, k, queue, impl: info_nce(
            q, k, queue, 0.5, normalize=True, query_ids=QUERY_IDS, queue_ids=QUEUE_IDS, impl=impl
        ),
        lambda q, k, queue: plain_info_nce(q, k, queue, own=True),
    ),
    "nt_xent": (lambda q, k, queue, impl: nt_xent(torch.cat([q, k]), 0.5, impl=impl), plain_nt_xent),
    "masked_mse": (lambda q, k, queue, impl: masked_mse(images(q), images(k), MASK, impl=impl), plain_masked_mse),
}
every_loss = pytest.mark.parametrize("name", LOSSES)
interpreted = pytest.param(
    "triton", marks=pytest.mark.skipif(torch.cuda.is_available(), reason="Triton does not interpret where a GPU is")
)


def operands(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    torch.manual_seed(0)
    query, key, queue = (torch.randn(n, 8, dtype=torch.float64).to(dtype) for n in (4, 4, 6))
    return [query.requires_grad_(), key.requires_grad_(), queue]


def with_penalty(loss: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """Gradients of a loss and a penalty on its gradients' squared norm (Gulrajani et al. 2017, equation 3)."""
    grads = torch.autograd.grad(loss, inputs, create_graph=True)
    total = loss + 3.0 * sum(grad.double().square().sum() for grad in grads)
    return [grad.double() for grad in torch.autograd.grad(total, inputs)]


@every_loss
def test_gradients_of_both_orders_are_those_of_finite_differences(name: str) -> None:
    query, key, queue = operands()
    loss = LOSSES[name][0]
    assert torch.autograd.gradgradcheck(lambda q, k: loss(q, k, queue, "torch"), (query, key))


@pytest.mark.parametrize("normalize", [True, False])
def test_the_rows_losses_have_second_derivatives_too_weighted_or_not(normalize: bool) -> None:
    query, key, queue = operands()
    weights = torch.rand(4, dtype=torch.float64).requires_grad_()
    options = {"normalize": normalize, "reduction": "none"}
    check = torch.autograd.gradgradcheck
    assert check(lambda q, w: w * info_nce(q, key, queue, 0.5, **options), (query, weights))
    assert check(lambda q, w: w.repeat(2) * nt_xent(torch.cat([q, key]), 0.5, **options), (query, weights))
    assert check(lambda q: masked_mse(images(q), images(key), MASK, reduction="none"), (query,))


@every_loss
@pytest.mark.parametrize("impl", ["torch", interpreted])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_gradient_penalty_is_that_of_the_plain_formula(name: str, impl: str, dtype: torch.dtype) -> None:
    fused, plain = LOSSES[name]
    query, key, queue = operands(dtype)
    ours = with_penalty(fused(query, key, queue, impl), [query, key])
    exact = [t.detach().double().requires_grad_() for t in (query, key)]
    expected = with_penalty(plain(*exact, queue.double()), exact)
    tolerance = 1e-4 if dtype == torch.float32 else 3e-2
    for value, oracle in zip(ours, expected, strict=True):
        assert (value - oracle).norm() <= tolerance * oracle.norm()


@every_loss
def test_asking_for_a_graph_leaves_the_first_derivative_what_it_is(name: str) -> None:
    query, key, queue = operands()
    loss = LOSSES[name][0](query, key, queue, "torch")
    plain = torch.autograd.grad(loss, (query, key), retain_graph=True)
    with_graph = torch.autograd.grad(loss, (query, key), create_graph=True)
    for one, other in zip(plain, with_graph, strict=True):
        torch.testing.assert_close(one, other)


@every_loss
def test_compiled_without_autograd_it_is_right(name: str) -> None:
    fused, plain = LOSSES[name]
    query, key, queue = operands()
    expected = with_penalty(plain(query, key, queue), [query, key])
    torch._dynamo.reset()
    traced = torch.compile(lambda q, k: fused(q, k, queue, "torch"), backend="eager", fullgraph=True)
    for value, oracle in zip(with_penalty(traced(query, key), [query, key]), expected, strict=True):
        torch.testing.assert_close(value, oracle)


@pytest.mark.parametrize(
    "loss",
    [
        lambda rows: info_nce(rows, rows.detach(), rows.detach(), 0.5, normalize=True),
        lambda rows: nt_xent(rows, 0.5),
        lambda rows: masked_mse(rows, torch.ones_like(rows), None),
    ],
    ids=["info_nce", "nt_xent", "masked_mse"],
)
def test_compiled_with_autograd_torch_refuses_and_leaves_nothing_out(
    loss: Loss, request: pytest.FixtureRequest
) -> None:
    query = operands()[0].detach()
    query = (images(query) if "masked_mse" in request.node.name else query).clone().requires_grad_()
    torch._dynamo.reset()
    value = torch.compile(loss, backend="aot_eager", fullgraph=True)(query)
    (grad,) = torch.autograd.grad(value, query, create_graph=True)
    with pytest.raises(RuntimeError, match="does not currently support double backward"):
        (value + grad.square().sum()).backward()


@pytest.mark.parametrize("changed", ["queue", "queue_ids", "key"])
def test_a_constant_that_was_written_to_since_is_named(changed: str) -> None:
    query, key, queue = operands()
    constants = {"key": key.detach(), "queue": queue, "queue_ids": QUEUE_IDS.clone()}
    loss = info_nce(query, temperature=0.5, query_ids=QUERY_IDS, **constants)
    constants[changed].zero_()
    torch.autograd.grad(loss, query, retain_graph=True)  # the first derivative reads none of them
    with pytest.raises(RuntimeError, match=f"second derivative of info_nce reads {changed} again.*written to") as error:
        torch.autograd.grad(loss, query, create_graph=True)
    assert "\n" not in str(error.value)


def test_keys_and_queue_from_inference_mode_are_read_again() -> None:
    query, key, queue = operands()
    with torch.inference_mode():
        constants = key.detach().clone(), queue.clone()
    ours = with_penalty(info_nce(query, *constants, 0.5, normalize=True), [query])
    torch.testing.assert_close(ours, with_penalty(plain_info_nce(query, key.detach(), queue, own=False), [query]))
