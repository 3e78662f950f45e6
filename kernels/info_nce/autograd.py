"""InfoNCE as an operator of torch: which implementation runs, what the compiler sees, and gradients.

Covers: the choice between Triton and torch, registration with torch.library, autograd. Does not cover: checks and
reduction (op.py), the maths (reference.py, kernel.py).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fastssl.kernels.dispatch import register_op, runs_triton
from fastssl.kernels.info_nce.options import InfoNCEOptions, SampleIds
from fastssl.kernels.info_nce.reference import InfoNCEResult, accumulator, info_nce_formula, info_nce_reference
from fastssl.kernels.second_order import Constants, differentiable_gradients, tied


def info_nce_rows(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    ids: SampleIds | None,
    temperature: float,
    options: InfoNCEOptions,
    impl: str,
) -> tuple[Tensor, Tensor]:
    """Loss and rank of each row [B]; the rank is empty where it was not asked for."""
    given = (query, key, queue, *(ids or (None, None)), temperature)
    if not (torch.compiler.is_compiling() or query.is_meta):
        return InfoNCEFunction.apply(*given, options, impl)
    flags = (options.normalize, options.query_grad, options.key_grad, options.rank)
    loss, _, _, rank = _forward_op(*given, *flags, impl)
    return loss, rank


def _forward(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    ids: SampleIds | None,
    temperature: float,
    options: InfoNCEOptions,
    impl: str,
) -> InfoNCEResult:
    if not runs_triton(impl, query, key, queue, products=True):
        with torch.autocast(query.device.type, enabled=False):
            return info_nce_reference(query, key, queue, temperature, options, ids)
    from fastssl.kernels.info_nce.launch import launch_info_nce  # here, so that a machine without Triton gets this far

    return launch_info_nce(query, key, queue, temperature, options, ids=ids)


# torch.library takes numbers, strings and tensors alone: only here are ids and options a list.
def _registered(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    query_ids: Tensor | None,
    queue_ids: Tensor | None,
    temperature: float,
    normalize: bool,
    query_grad: bool,
    key_grad: bool,
    rank: bool,
    impl: str,
) -> InfoNCEResult:
    ids = _ids(query_ids, queue_ids)
    options = InfoNCEOptions(
        normalize=normalize, query_grad=query_grad, key_grad=key_grad, rank=rank, mask_own=ids is not None
    )
    return _forward(query, key, queue, ids, temperature, options, impl)


def _ids(query_ids: Tensor | None, queue_ids: Tensor | None) -> SampleIds | None:
    return None if query_ids is None or queue_ids is None else SampleIds(query_ids, queue_ids)


def _fake(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    query_ids: Tensor | None,
    queue_ids: Tensor | None,
    temperature: float,
    normalize: bool,
    query_grad: bool,
    key_grad: bool,
    rank: bool,
    impl: str,
) -> InfoNCEResult:
    n_rows, dtype = query.shape[0], accumulator(query, key, queue)
    return InfoNCEResult(
        loss=query.new_empty(n_rows, dtype=dtype),
        grad_query=query.new_empty(query.shape if query_grad else 0, dtype=dtype),
        grad_key=query.new_empty(query.shape if key_grad else 0, dtype=dtype),
        rank=query.new_empty(n_rows if rank else 0, dtype=torch.int64),
    )


def _keep(ctx: Any, inputs: tuple[Any, ...], result: tuple[Tensor, ...], normalize: bool) -> None:
    """Keep the rows' gradients for the first derivative, and what the formula reads for those after it."""
    query, key, queue, query_ids, queue_ids, temperature = inputs[:6]
    _, grad_query, grad_key, _ = result
    wanted = ctx.needs_input_grad
    ctx.save_for_backward(grad_query, grad_key, query if wanted[0] else None, key if wanted[1] else None)
    ctx.constants = Constants(
        "info_nce",
        query=None if wanted[0] else query,
        key=None if wanted[1] else key,
        queue=queue,
        query_ids=query_ids,
        queue_ids=queue_ids,
    )
    ctx.settings = (temperature, normalize)
    ctx.dtypes = (query.dtype, key.dtype)


def _gradients(ctx: Any, grad_loss: Tensor) -> list[Tensor | None]:
    """Of query and key: the rows' own, scaled; or of the plain formula, where they must be differentiable again."""
    *rows, query, key = ctx.saved_tensors
    wanted = ctx.needs_input_grad[:2]
    if torch.is_grad_enabled():  # create_graph
        return _differentiable(ctx, query, key, grad_loss)
    return [
        (grad_loss.unsqueeze(1) * part).to(dtype) if want else None
        for part, want, dtype in zip(rows, wanted, ctx.dtypes, strict=True)
    ]


def _differentiable(ctx: Any, query: Tensor | None, key: Tensor | None, grad_loss: Tensor) -> list[Tensor | None]:
    constants = ctx.constants.read()
    query = constants["query"] if query is None else query
    key = constants["key"] if key is None else key
    ids = _ids(constants["query_ids"], constants["queue_ids"])
    temperature, normalize = ctx.settings

    def formula() -> Tensor:
        return info_nce_formula(query, key, constants["queue"], temperature, normalize, ids)

    return differentiable_gradients(formula, (query, key), ctx.needs_input_grad[:2], grad_loss)


class InfoNCEFunction(torch.autograd.Function):
    """Per-row loss and rank; the gradients of the rows are made here and only scaled in backward."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        queue: Tensor,
        query_ids: Tensor | None,
        queue_ids: Tensor | None,
        temperature: float,
        options: InfoNCEOptions,
        impl: str,
    ) -> tuple[Tensor, Tensor]:
        """Compute loss and rank [B], and keep the gradients of the rows."""
        result = _forward(query, key, queue, _ids(query_ids, queue_ids), temperature, options, impl)
        _keep(ctx, (query, key, queue, query_ids, queue_ids, temperature), result, options.normalize)
        ctx.mark_non_differentiable(result.rank)
        return result.loss, result.rank

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor, _grad_rank: Tensor | None) -> tuple[Tensor | None, ...]:
        """Scale the gradients of the rows."""
        return *_gradients(ctx, grad_loss), None, None, None, None, None, None


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    _keep(ctx, inputs, output, normalize=inputs[6])


def _backward_registered(ctx: Any, grad_loss: Tensor, *_others: Tensor) -> tuple[Tensor | None, ...]:
    if not torch.is_grad_enabled():
        query, key = ctx.saved_tensors[2:]
        grad_loss = tied(grad_loss, key if query is None else query)
    return *_gradients(ctx, grad_loss), *(None,) * 9


_forward_op = register_op(
    "info_nce_forward(Tensor query, Tensor key, Tensor queue, Tensor? query_ids, Tensor? queue_ids, float temperature, "
    "bool normalize, bool query_grad, bool key_grad, bool rank, str impl) -> (Tensor, Tensor, Tensor, Tensor)",
    _registered,
    _fake,
)
torch.library.register_autograd("fastssl::info_nce_forward", _backward_registered, setup_context=_setup_context)
