"""What the kernel tests share: poisoned buffers, guard bands, an overflow detector, and the rule of acceptance.

Covers: fixtures that make silent faults loud. Does not cover: whether Triton interprets (tests/conftest.py).
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

GUARD = 64
# Largest relative error ever accepted, whatever a low-precision eager computation would do.
CAPS = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 1e-2}


@pytest.fixture(scope="session", autouse=True)
def triton_lists_its_language_once() -> Iterator[None]:
    """Triton's interpreter lists all members of its language at each call of a function: half of its time here."""
    if torch.cuda.is_available() or find_spec("triton") is None:
        yield
        return
    from triton.language.core import is_builtin
    from triton.runtime import interpreter

    @cache
    def names(package: object) -> list[str]:
        return [name for name, member in inspect.getmembers(package) if is_builtin(member)]

    def patch_builtin(package: object, builder: object, scope: Any) -> None:
        for name in names(package):
            if is_builtin(member := getattr(package, name)):  # else it is patched already
                interpreter._patch_attr(package, name, member, builder, scope)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter, "_patch_builtin", patch_builtin)
        yield


@pytest.fixture
def kernel_device() -> Iterator[str]:
    """Make tensors on the GPU if there is one; else let Triton interpret, and let int32 wrap-around raise."""
    if torch.cuda.is_available():
        with torch.device("cuda"):
            yield "cuda"
        return
    builder = pytest.importorskip("triton.runtime.interpreter").interpreter_builder
    before = builder.options
    builder.options = dataclasses.replace(before, debug=True)
    yield "cpu"
    builder.options = before


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill what the launchers allocate with NaN or the largest integer: an element nobody writes cannot pass for 0."""

    def poison(allocate: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def allocate_poisoned(*args: object, **kwargs: object) -> Tensor:
            buffer = allocate(*args, **kwargs)
            if buffer.dtype == torch.bool:
                return buffer.fill_(True)
            return buffer.fill_(torch.nan if buffer.is_floating_point() else torch.iinfo(buffer.dtype).max)

        return allocate_poisoned

    monkeypatch.setattr(Tensor, "new_empty", poison(Tensor.new_empty))
    monkeypatch.setattr(torch, "empty", poison(torch.empty))
    monkeypatch.setattr(torch, "empty_like", poison(torch.empty_like))


@pytest.fixture
def guarded() -> Callable[[Tensor], Tensor]:
    """Copy a matrix into the middle of a NaN-filled one: strided rows, offset storage, poison on every side."""

    def guard(matrix: Tensor) -> Tensor:
        rows, columns = matrix.shape
        home = matrix.new_full((rows + 2 * GUARD, columns + 2 * GUARD), torch.nan)
        view = home[GUARD : GUARD + rows, GUARD + 1 : GUARD + 1 + columns]
        view.copy_(matrix)
        return view

    return guard


def _relative_error(value: Tensor, oracle: Tensor) -> float:
    return ((value.double() - oracle).norm() / oracle.norm().clamp_min(1e-30)).item()


@pytest.fixture
def accept() -> Callable[..., None]:
    """Assert |value - oracle| <= 2 |eager - oracle| + atol (the flash-attention rule), and a cap for the dtype.

    value: what is tested. oracle: fp64. eager: the plain low-precision computation of the same thing.
    """

    def check(name: str, value: Tensor, oracle: Tensor, eager: Tensor, dtype: torch.dtype, atol: float = 2e-6) -> None:
        assert value.shape == oracle.shape, name
        assert torch.isfinite(value).all(), f"{name} is not finite"
        largest = (value.double() - oracle).abs().max().item()
        eager_largest = (eager.double() - oracle).abs().max().item()
        bound = 2.0 * eager_largest + atol * max(1.0, oracle.abs().max().item())
        assert largest <= bound, f"{name}: error {largest:.2e} above {bound:.2e} (eager: {eager_largest:.2e})"
        if oracle.norm() > 1e-3:
            error = _relative_error(value, oracle)
            assert error <= CAPS[dtype], f"{name}: relative error {error:.2e} above {CAPS[dtype]:.0e}"

    return check


@pytest.fixture
def naive_info_nce() -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    """InfoNCE as everybody writes it, logits and all; returns losses [B] and the gradients of their sum."""

    def compute(
        query: Tensor, key: Tensor, queue: Tensor, temperature: float, normalize: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        query, key = query.detach().clone().requires_grad_(), key.detach().clone().requires_grad_()
        q, k = (F.normalize(t, dim=1) if normalize else t for t in (query, key))
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / temperature
        labels = torch.zeros(len(q), dtype=torch.long, device=q.device)
        losses = F.cross_entropy(logits, labels, reduction="none")
        losses.sum().backward()
        return losses.detach(), query.grad, key.grad

    return compute
