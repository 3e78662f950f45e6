"""`masked_mse` as its callers meet it. Covers: the contract of the public function on the torch reference.

Does not cover: the Triton kernels (test_masked_mse_kernel.py).
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fastssl.kernels import masked_mse


def images(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    prediction, target = torch.randn(2, 3, 8, 12).to(dtype), torch.randn(2, 3, 8, 12).to(dtype)
    return prediction.requires_grad_(), target, torch.rand(2, 1, 4, 3) < 0.5


def selected(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """The squared errors under the mask, by boolean indexing."""
    rows, columns = prediction.shape[2] // mask.shape[2], prediction.shape[3] // mask.shape[3]
    full = torch.kron(mask.double(), torch.ones(1, 1, rows, columns, dtype=torch.float64)).bool()
    chosen = full.expand(prediction.shape)
    return (prediction[chosen] - target[chosen]) ** 2


def test_it_is_the_mean_of_the_selected_squared_errors():
    prediction, target, mask = images()
    for reduction, expected in (
        ("mean", selected(prediction, target, mask).mean()),
        ("sum", selected(prediction, target, mask).sum()),
    ):
        loss = masked_mse(prediction, target, mask, reduction=reduction)
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(*(torch.autograd.grad(x, prediction)[0] for x in (loss, expected)))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_without_a_mask_every_value_counts(reduction):
    prediction, target, _ = images()
    loss = masked_mse(prediction, target, None, reduction=reduction)
    torch.testing.assert_close(loss, torch.nn.functional.mse_loss(prediction, target, reduction=reduction))


def test_without_reduction_it_keeps_the_shape_and_is_zero_where_not_masked():
    prediction, target, mask = images()
    errors = masked_mse(prediction, target, mask, reduction="none")
    assert errors.shape == prediction.shape
    torch.testing.assert_close(errors[errors != 0], selected(prediction, target, mask))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_reference_passes_gradcheck_for_prediction_and_target(reduction):
    prediction, target, mask = images()
    target.requires_grad_()
    assert torch.autograd.gradcheck(lambda p, t: masked_mse(p, t, mask, reduction=reduction), (prediction, target))


def test_nothing_masked_gives_zero_loss_and_gradient():
    prediction, target, mask = images()
    loss = masked_mse(prediction, target, torch.zeros_like(mask))
    loss.backward()
    assert loss == 0.0
    assert prediction.grad.abs().max() == 0.0


def test_nan_outside_the_mask_has_no_influence():
    prediction, target, mask = images()
    hidden = mask.repeat_interleave(2, 2).repeat_interleave(4, 3).expand(prediction.shape)
    dirty = prediction.detach().where(hidden, torch.nan).requires_grad_()
    for reduction in ("mean", "none"):
        loss = masked_mse(dirty, target, mask, reduction=reduction)
        assert torch.equal(loss, masked_mse(prediction, target, mask, reduction=reduction))
    masked_mse(dirty, target, mask).backward()
    assert dirty.grad.isfinite().all()


def test_a_retained_graph_gives_the_gradient_again_and_leaves_the_first_alone():
    prediction, target, mask = images()
    loss = masked_mse(prediction, target, mask)
    first = torch.autograd.grad(loss, prediction, grad_outputs=torch.tensor(3.0).double(), retain_graph=True)[0]
    kept = first.clone()
    second = torch.autograd.grad(loss, prediction, grad_outputs=torch.tensor(5.0).double())[0]
    torch.testing.assert_close(first, kept)
    torch.testing.assert_close(second, kept * 5 / 3)


def test_a_mean_over_millions_does_not_underflow_in_fp16():
    prediction = torch.ones(4, 1, 1024, 1024, dtype=torch.float16, requires_grad=True)
    loss = masked_mse(prediction, torch.zeros_like(prediction), torch.ones(4, 1, 1, 1, dtype=torch.bool))
    (loss * 65536.0).backward()
    torch.testing.assert_close(prediction.grad[0, 0, 0, 0].float(), torch.tensor(65536.0 * 2 / 2**22))


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last], ids=str)
def test_the_gradient_keeps_the_dtype_and_layout_of_the_prediction(form):
    prediction, target, mask = images(torch.float32)
    leaf = prediction.detach().bfloat16().contiguous(memory_format=form).requires_grad_()
    loss = masked_mse(leaf, target, mask)
    loss.backward()
    assert loss.dtype == torch.float32
    assert leaf.grad.dtype == torch.bfloat16
    assert leaf.grad.is_contiguous(memory_format=form)


def test_autocast_changes_nothing():
    prediction, target, mask = images(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = masked_mse(prediction, target, mask)
    assert torch.equal(inside, masked_mse(prediction, target, mask))


def test_compiled_it_is_one_graph_for_every_batch_size():
    compiled = torch.compile(lambda *t: masked_mse(*t) * 2, fullgraph=True, backend="aot_eager", dynamic=True)
    for rows in (6, 4, 8):
        prediction, target = torch.randn(2, rows, 3, 8, 12)
        prediction.requires_grad_()
        mask = torch.rand(rows, 1, 4, 3) < 0.5
        loss, expected = compiled(prediction, target, mask), masked_mse(prediction, target, mask) * 2
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(*(torch.autograd.grad(x, prediction)[0] for x in (loss, expected)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("want_grad", [True, False])
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last], ids=str)
def test_the_registered_operator_passes_opcheck(dtype, want_grad, form):
    prediction, target, mask = images(dtype)
    prediction = prediction.detach().contiguous(memory_format=form)
    torch.library.opcheck(torch.ops.fastssl.masked_mse_forward, (prediction, target, mask, True, want_grad, "auto"))


@pytest.mark.parametrize(
    ("change", "error", "names"),
    [
        ({"prediction": torch.ones(3, 8, 8)}, ValueError, "prediction .*\\[3, 8, 8\\]"),
        ({"target": torch.ones(2, 3, 8, 9)}, ValueError, "target .*\\[2, 3, 8, 9\\]"),
        ({"mask": torch.ones(2, 1, 3, 8).bool()}, ValueError, "mask .*\\[2, 1, 3, 8\\]"),
        ({"mask": torch.ones(2, 2, 8, 8).bool()}, ValueError, "mask"),
        ({"mask": torch.ones(2, 1, 8, 8)}, TypeError, "mask .*float32"),
        ({"prediction": torch.ones(2, 3, 8, 8).int()}, TypeError, "prediction .*int32"),
        ({"reduction": "avg"}, ValueError, "reduction"),
    ],
)
def test_what_does_not_fit_is_named(change, error, names):
    image = torch.ones(2, 3, 8, 8)
    arguments = {"prediction": image, "target": image, "mask": torch.ones(2, 1, 8, 8).bool(), **change}
    with pytest.raises(error, match=names):
        masked_mse(**arguments)
