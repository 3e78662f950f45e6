"""`nt_xent` as its callers meet it. Covers: the contract of the public function on the torch reference.

Does not cover: the Triton kernels (test_nt_xent_kernel.py).
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fastssl.kernels import nt_xent
from fastssl.kernels.nt_xent import autograd, reference


def embeddings(rows: int = 10, dtype: torch.dtype = torch.float64) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(rows, 12).to(dtype).requires_grad_()


def naive(values: Tensor, temperature: float, normalize: bool, reduction: str) -> Tensor:
    """For each row, the positive and all other rows but itself, gathered one by one."""
    unit = F.normalize(values, dim=1) if normalize else values
    n_rows = len(unit)
    losses = []
    for i in range(n_rows):
        others = [j for j in range(n_rows) if j != i]
        logits = unit[others] @ unit[i] / temperature
        losses.append(-F.log_softmax(logits, 0)[others.index((i + n_rows // 2) % n_rows)])
    stacked = torch.stack(losses)
    return {"none": stacked, "mean": stacked.mean(), "sum": stacked.sum()}[reduction]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_it_equals_the_loop_over_rows(normalize, reduction):
    values = embeddings()
    loss, expected = (f(values, 0.3, normalize=normalize, reduction=reduction) for f in (nt_xent, naive))
    torch.testing.assert_close(loss, expected)
    weights = torch.rand_like(loss)
    grads = (torch.autograd.grad((x * weights).sum(), values)[0] for x in (loss, expected))
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize("normalize", [True, False])
def test_the_reference_passes_gradcheck(normalize):
    check = lambda values: nt_xent(values, 0.5, normalize=normalize, reduction="none")  # noqa: E731
    assert torch.autograd.gradcheck(check, (embeddings(),))


def test_tiles_of_any_size_give_the_same_result(monkeypatch):
    values = embeddings(14)
    whole = nt_xent(values)
    grad = torch.autograd.grad(whole, values)[0]
    monkeypatch.setattr(reference, "TILE_ELEMENTS", 14 * 3)
    tiled = nt_xent(values)
    torch.testing.assert_close(tiled, whole)
    torch.testing.assert_close(torch.autograd.grad(tiled, values)[0], grad)


def test_one_pair_has_no_negatives_and_no_loss():
    values = embeddings(2)
    loss = nt_xent(values)
    loss.backward()
    assert loss == 0.0
    assert values.grad.abs().max() == 0.0


def test_half_precision_gives_a_float32_loss_and_a_half_precision_gradient():
    values = embeddings(dtype=torch.bfloat16)
    loss = nt_xent(values)
    loss.backward()
    assert loss.dtype == torch.float32
    assert values.grad.dtype == torch.bfloat16
    torch.testing.assert_close(loss.double(), nt_xent(values.detach().double()), rtol=1e-2, atol=1e-2)


def test_autocast_rounds_the_operands_and_nothing_else():
    values = embeddings(dtype=torch.float32).detach()
    with torch.autocast("cpu", torch.bfloat16):
        inside = nt_xent(values)
    torch.testing.assert_close(inside, nt_xent(values.bfloat16()))


def test_compiled_it_is_one_graph_for_every_batch_size():
    compiled = torch.compile(lambda values: nt_xent(values) * 2, fullgraph=True, backend="aot_eager", dynamic=True)
    for rows in (24, 16, 40):
        values = embeddings(rows, torch.float32)
        loss, expected = compiled(values), nt_xent(values) * 2
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(*(torch.autograd.grad(x, values)[0] for x in (loss, expected)))
    with torch.no_grad():
        assert not compiled(embeddings(8, torch.float32)).requires_grad


@pytest.mark.parametrize(
    ("impl", "rows", "triton"),
    [("auto", 2, False), ("auto", 1022, False), ("auto", 1024, True), ("triton", 2, True), ("torch", 4096, False)],
)
def test_auto_leaves_small_batches_to_torch_in_both_passes(monkeypatch, impl, rows, triton):
    """On a GPU, which is played by a choice that would always be Triton's."""
    launch = pytest.importorskip("fastssl.kernels.nt_xent.launch")
    launched = []
    results = reference.NTXentResult(torch.zeros(rows), torch.zeros(rows), torch.zeros(rows, 12), torch.ones(rows))
    monkeypatch.setattr(autograd, "runs_triton", lambda impl, *tensors, products: impl != "torch")
    monkeypatch.setattr(launch, "launch_forward", lambda *arguments: launched.append("forward") or results)
    monkeypatch.setattr(launch, "launch_backward", lambda *arguments: launched.append("backward") or results.unit)
    nt_xent(embeddings(rows, torch.float32), impl=impl).backward()
    assert launched == (["forward", "backward"] if triton else [])


@pytest.mark.parametrize("normalize", [True, False])
def test_a_retained_graph_gives_the_gradient_again(normalize):
    """Logits that the forward pass has kept are read by every backward pass, so none may change them."""
    leaf = embeddings(dtype=torch.float64)
    loss = nt_xent(leaf, 0.2, normalize=normalize)
    first, second = (torch.autograd.grad(loss, leaf, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_logits_are_kept_where_they_are_one_tile_and_freed_with_the_graph():
    one, more = (reference.nt_xent_forward_reference(embeddings(rows).detach(), 0.2, True) for rows in (1448, 1450))
    assert one.logits.shape == (1448, 1448)
    assert more.logits is None
    loss = nt_xent(embeddings(16), reduction="none")
    loss.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.grad_fn.saved_tensors  # noqa: B018


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("normalize", [True, False])
def test_the_registered_operators_pass_opcheck(dtype, normalize):
    values = embeddings(dtype=dtype).detach()
    torch.library.opcheck(torch.ops.fastssl.nt_xent_forward, (values, 0.2, normalize, "auto"))
    loss, lse, unit, norm = torch.ops.fastssl.nt_xent_forward(values, 0.2, normalize, "auto")
    rows = unit if normalize else values
    arguments = (loss, lse, rows, norm, torch.rand_like(loss), 0.2, normalize, "auto")
    torch.library.opcheck(torch.ops.fastssl.nt_xent_backward, arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "names"),
    [
        ((torch.ones(3, 4),), ValueError, "embeddings .*3"),
        ((torch.ones(0, 4),), ValueError, "embeddings"),
        ((torch.ones(4),), ValueError, "embeddings .*\\[4\\]"),
        ((torch.ones(4, 300),), ValueError, "embeddings .*256"),
        ((torch.ones(4, 4).long(),), TypeError, "embeddings .*int64"),
        ((torch.ones(4, 4), -1.0), ValueError, "temperature"),
    ],
)
def test_what_does_not_fit_is_named(arguments, error, names):
    with pytest.raises(error, match=names):
        nt_xent(*arguments)
