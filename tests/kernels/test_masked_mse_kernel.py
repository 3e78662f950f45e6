"""The masked mean squared error kernels, on the GPU or in Triton's interpreter. Covers: numbers, layouts, poison.

Does not cover: the public function's contract (test_masked_mse.py).
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fastssl.kernels.masked_mse.options import MaskedMSEOptions

pytestmark = pytest.mark.usefixtures("kernel_device", "poisoned")
launch = pytest.importorskip("fastssl.kernels.masked_mse.launch")
kernel = pytest.importorskip("fastssl.kernels.masked_mse.kernel")
pytest.importorskip("fastssl.kernels.masked_mse.op")  # registers the operator

MEAN_AND_GRAD = MaskedMSEOptions(mean=True, grad=True)
FORMATS = [torch.contiguous_format, torch.channels_last]


def naive(prediction: Tensor, target: Tensor, mask: Tensor, mean: bool) -> tuple[Tensor, Tensor]:
    """Loss and gradient, with the mask expanded by index arithmetic."""
    prediction = prediction.detach().clone().requires_grad_()
    height, width = prediction.shape[2:]
    rows = torch.arange(height) * mask.shape[2] // height
    columns = torch.arange(width) * mask.shape[3] // width
    weights = (mask != 0)[:, :, rows][:, :, :, columns].expand(prediction.shape).to(prediction.dtype)
    total = ((prediction - target).square() * weights).sum()
    loss = total / weights.sum() if mean else total
    loss.backward()
    return loss.detach(), prediction.grad


def check(accept, prediction, target, mask, mean=True) -> None:
    result = launch.launch_masked_mse(prediction, target, mask, MaskedMSEOptions(mean=mean, grad=True))
    oracle = naive(prediction.double(), target.double(), mask, mean)
    eager = naive(prediction.float(), target.float(), mask, mean)
    accept("loss", result.loss, oracle[0], eager[0], torch.float32)
    cap_dtype = prediction.dtype
    accept("grad", result.grad.float() * result.rest, oracle[1], eager[1].to(cap_dtype), cap_dtype, atol=8e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("form", FORMATS, ids=str)
@pytest.mark.parametrize("mean", [True, False])
def test_loss_and_gradient_meet_the_oracle_in_every_dtype_and_layout(accept, dtype, form, mean):
    torch.manual_seed(0)
    prediction, target = (torch.randn(2, 3, 20, 24).to(dtype).contiguous(memory_format=form) for _ in range(2))
    check(accept, prediction, target, torch.rand(2, 1, 20, 24) < 0.6, mean)


@pytest.mark.parametrize("form", FORMATS, ids=str)
@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ((2, 3, 32, 32), (2, 1, 4, 4)),
        ((2, 3, 32, 32), (2, 3, 8, 2)),
        ((1, 1, 30, 30), (1, 1, 10, 15)),
        ((2, 1, 7, 5), (2, 1, 7, 5)),
        ((1, 3, 64, 96), (1, 3, 64, 96)),
        ((1, 2, 64, 64), (1, 1, 1, 1)),
    ],
)
def test_pixel_and_patch_masks_of_any_size_are_right(accept, form, image, mask):
    torch.manual_seed(0)
    prediction, target = (torch.randn(image).contiguous(memory_format=form) for _ in range(2))
    check(accept, prediction, target, (torch.rand(mask) < 0.6).to(torch.uint8) * 7)


def test_mixed_dtypes_and_layouts_are_right(accept):
    torch.manual_seed(0)
    prediction = torch.randn(2, 3, 8, 8).to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
    check(accept, prediction, torch.randn(2, 3, 8, 8), torch.rand(2, 1, 8, 8) < 0.5)
    check(accept, torch.randn(2, 8, 8, 3).permute(0, 3, 2, 1), torch.randn(2, 3, 8, 8), torch.rand(2, 1, 8, 8) < 0.5)


def test_nothing_masked_gives_zero_loss_and_gradient():
    result = launch.launch_masked_mse(
        torch.ones(1, 1, 8, 8), torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8).bool(), MEAN_AND_GRAD
    )
    assert result.loss == 0
    assert result.grad.abs().max() == 0


@pytest.mark.parametrize("patch", [1, 8])
def test_nan_outside_the_mask_has_no_influence(patch):
    torch.manual_seed(0)
    mask = torch.rand(1, 1, 32 // patch, 32 // patch) < 0.5
    hidden = mask.repeat_interleave(patch, 2).repeat_interleave(patch, 3).expand(1, 2, 32, 32)
    prediction, target = torch.randn(1, 2, 32, 32), torch.randn(1, 2, 32, 32)
    clean = launch.launch_masked_mse(prediction, target, mask, MEAN_AND_GRAD)
    dirty = launch.launch_masked_mse(prediction.where(hidden, torch.tensor(torch.nan)), target, mask, MEAN_AND_GRAD)
    assert torch.equal(clean.loss, dirty.loss)
    assert torch.equal(clean.grad, dirty.grad)


def test_scaling_touches_nothing_at_one_and_everything_otherwise():
    values = torch.randn(3001)
    before = values.clone()
    launch.launch_scale_(values, torch.tensor(1.0), torch.tensor(1.0))
    assert torch.equal(values, before)
    launch.launch_scale_(values, torch.tensor(8.0), torch.tensor(0.25))
    assert torch.equal(values, before * 2)


def test_images_beyond_int32_elements_do_not_wrap():
    """Image 5 of 2^29 elements each begins past int32; the mask, shared here, is all false, so nothing is read."""
    options = MaskedMSEOptions(mean=False, grad=False)
    constants = launch.error_constants(
        launch.ImageLayout(planes=1, plane=1 << 29, interleaved=1), (1, 1, 1, 1), (2, 4), False, 1, options
    )
    constants["TILES"] = 1  # of an image's 2^18 programs the first
    mask, sums = torch.zeros(launch.BLOCK, dtype=torch.uint8), torch.full((6,), torch.nan)
    image, counts = torch.ones(1), torch.zeros(1, dtype=torch.int32)
    kernel.error_kernel[(6,)](image, image, mask, counts, sums, image, 1, 1 << 29, 1, 8, 0, 0, **constants)
    assert sums.abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("form", FORMATS, ids=str)
@pytest.mark.parametrize("want_grad", [True, False])
def test_what_the_kernels_return_is_what_the_registered_operator_promises(dtype, form, want_grad):
    prediction, target = (torch.randn(2, 3, 4, 4).to(dtype).contiguous(memory_format=form) for _ in range(2))
    arguments = (prediction, target, torch.rand(2, 1, 2, 2) < 0.5, True, want_grad, "triton")
    torch.library.opcheck(torch.ops.fastssl.masked_mse_forward, arguments)
