"""The flat moving-average kernel, on the GPU or in Triton's interpreter. Covers: numbers, tails, half sources."""

from __future__ import annotations

import pytest
import torch

pytestmark = pytest.mark.usefixtures("kernel_device")
launch_ema = pytest.importorskip("fastssl.kernels.ema_update.launch").launch_ema


@pytest.mark.parametrize("n_elements", [1, 1023, 1024, 3001])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_the_update_meets_fp64(n_elements, dtype):
    torch.manual_seed(0)
    home = torch.randn(n_elements + 2)
    target, source = home[1:-1], torch.randn(n_elements).to(dtype)
    exact = 0.99 * target.double() + 0.01 * source.double()
    edges = home[[0, -1]].clone()
    launch_ema(target, source, 0.99)
    torch.testing.assert_close(target.double(), exact, rtol=1e-6, atol=1e-6)
    assert torch.equal(home[[0, -1]], edges)


def test_the_momentum_may_live_on_the_device():
    target, source = torch.ones(5), torch.zeros(5)
    launch_ema(target, source, torch.tensor(0.25))
    torch.testing.assert_close(target, torch.full((5,), 0.25))


def test_momentum_zero_copies_and_one_keeps():
    target, source = torch.randn(70), torch.randn(70)
    before = target.clone()
    launch_ema(target, source, 1.0)
    torch.testing.assert_close(target, before)
    launch_ema(target, source, 0.0)
    torch.testing.assert_close(target, source)
