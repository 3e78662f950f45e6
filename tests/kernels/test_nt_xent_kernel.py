"""The NT-Xent kernels, on the GPU or in Triton's interpreter. Covers: loss and gradient against fp64 autograd.

Does not cover: the public function's contract (test_nt_xent.py), or registers and tensor cores (test_aot.py).
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

pytestmark = pytest.mark.usefixtures("kernel_device", "poisoned")
launch = pytest.importorskip("fastssl.kernels.nt_xent.launch")
kernel = pytest.importorskip("fastssl.kernels.nt_xent.kernel")
pytest.importorskip("fastssl.kernels.nt_xent.op")  # registers the operators
TILE = pytest.importorskip("fastssl.kernels.scheduling").Tile(rows=16, keys=32, warps=4, stages=2, resident=1)


def naive(embeddings: Tensor, temperature: float, normalize: bool, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Losses [N] and the gradient of their weighted sum, by way of all logits."""
    embeddings = embeddings.detach().clone().requires_grad_()
    unit = F.normalize(embeddings, dim=1) if normalize else embeddings
    n_rows = len(unit)
    logits = (unit @ unit.T / temperature).masked_fill(torch.eye(n_rows, dtype=torch.bool), -torch.inf)
    losses = F.cross_entropy(logits, torch.arange(n_rows).roll(n_rows // 2), reduction="none")
    (losses * weights.to(losses.dtype)).sum().backward()
    return losses.detach(), embeddings.grad


def fused(embeddings, temperature, normalize, weights, tile=TILE, n_slices=None) -> tuple[Tensor, Tensor]:
    forward = launch.launch_forward(embeddings, temperature, normalize, tile, n_slices)
    read = forward if normalize else forward._replace(unit=embeddings)
    return forward.loss, launch.launch_backward(read, weights, temperature, normalize, tile, n_slices)


def check(accept, embeddings, temperature, normalize, weights=None, n_slices=None) -> None:
    weights = torch.rand(len(embeddings)) + 0.5 if weights is None else weights
    values = fused(embeddings, temperature, normalize, weights, n_slices=n_slices)
    oracle = naive(embeddings.double(), temperature, normalize, weights.double())
    eager = naive(embeddings, temperature, normalize, weights)
    for name, value, exact, plain in zip(("loss", "grad"), values, oracle, eager, strict=True):
        accept(name, value, exact, plain, embeddings.dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("temperature", [0.07, 0.2])
def test_loss_and_gradient_meet_the_oracle_in_every_dtype(accept, dtype, temperature):
    torch.manual_seed(0)
    check(accept, torch.randn(18, 96).to(dtype), temperature, True)


@pytest.mark.parametrize("n_rows", [2, 16, 30, 32, 34, 66])
def test_any_even_number_of_rows_is_right(accept, n_rows):
    torch.manual_seed(0)
    check(accept, torch.randn(n_rows, 32), 0.2, True)


@pytest.mark.parametrize("width", [1, 48, 128, 256])
@pytest.mark.parametrize("normalize", [True, False])
def test_any_width_is_right_normalised_or_not(accept, width, normalize):
    torch.manual_seed(0)
    check(accept, torch.randn(10, width) * width**-0.5, 0.2, normalize)


@pytest.mark.parametrize("n_slices", [1, 3, 7])
def test_the_number_of_slices_does_not_matter_even_when_some_are_empty(accept, n_slices):
    torch.manual_seed(0)
    check(accept, torch.randn(66, 32), 0.1, True, n_slices=n_slices)


def test_identical_pairs_are_right(accept):
    torch.manual_seed(0)
    check(accept, torch.randn(16, 32).repeat(2, 1), 0.07, True)


def test_a_loss_scale_of_65536_over_a_mean_survives_fp16():
    torch.manual_seed(0)
    embeddings = torch.randn(32, 32).half()
    for scale in (65536.0 / 32, 1e-7):  # weights far above and far below what fp16 can hold
        weights = torch.full((32,), scale)
        _, grad = fused(embeddings, 0.1, True, weights)
        _, exact = naive(embeddings.double(), 0.1, True, weights.double())
        assert (grad - exact).norm() <= 2e-3 * exact.norm()


def test_zero_and_negative_weights_are_right(accept):
    torch.manual_seed(0)
    check(accept, torch.randn(18, 32), 0.2, True, torch.linspace(-1.0, 1.0, 18))
    _, grad = fused(torch.randn(18, 32), 0.2, True, torch.zeros(18))
    assert grad.abs().max() == 0


def test_strided_and_offset_views_amid_nan_do_not_leak(accept, guarded):
    torch.manual_seed(0)
    check(accept, guarded(torch.randn(18, 48) * 48**-0.5), 0.2, False)
    check(accept, guarded(torch.randn(18, 48)), 0.2, True)


def test_two_runs_agree_bit_for_bit():
    torch.manual_seed(0)
    embeddings, weights = torch.randn(34, 32), torch.rand(34)
    first, second = (fused(embeddings, 0.2, True, weights, n_slices=3) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_offsets_beyond_int32_do_not_wrap():
    """Rows 2^30 elements apart: one row has memory behind it, the others of its tile are masked but addressed."""
    unit, apart = torch.ones(1, 16), 1 << 30
    constants = launch.constants(launch.product_precision(torch.float32), TILE, 1, 16)
    outputs = [torch.zeros(1), torch.zeros(1)]
    kernel.lse_partial_kernel[(1, 1)](unit, *outputs, 0, 1, 1, 16, 64, apart, 1.0, **constants)
    gathered, ones = torch.full((1, 1, 16), torch.nan), torch.ones(1)
    kernel.grad_partial_kernel[(1, 1)](
        unit, ones, ones, ones, gathered, 0, 1, 1, 16, 64, apart, 1.0, **constants, HEADROOM=0
    )
    assert gathered.abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("normalize", [True, False])
def test_what_the_kernels_return_is_what_the_registered_operators_promise(dtype, normalize):
    values = (0.25 * torch.randn(6, 16)).to(dtype)
    torch.library.opcheck(torch.ops.fastssl.nt_xent_forward, (values, 0.2, normalize, "triton"))
    loss, lse, unit, norm = torch.ops.fastssl.nt_xent_forward(values, 0.2, normalize, "triton")
    rows = unit if normalize else values
    arguments = (loss, lse, rows, norm, torch.rand_like(loss), 0.2, normalize, "triton")
    torch.library.opcheck(torch.ops.fastssl.nt_xent_backward, arguments)
