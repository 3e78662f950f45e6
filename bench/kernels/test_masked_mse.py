"""`masked_mse` against the naive form, eager and compiled: loss and gradient of images.

Covers: time, peak memory, and the floor. Goal on an H100, not yet measured: (256, 3, 224, 224) bf16 at 80 % of the
speed of one pass.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.harness import Comparison, Work, best_device
from fastssl.kernels import masked_mse

ON_GPU = best_device() == "cuda"
SHAPE = (256, 3, 224, 224) if ON_GPU else (16, 3, 224, 224)
FULL = () if ON_GPU else pytest.mark.full


def naive(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Squared errors, times the mask, over their number (Xie et al. 2022)."""
    full = mask.repeat_interleave(SHAPE[2] // mask.shape[2], 2).repeat_interleave(SHAPE[3] // mask.shape[3], 3)
    weights = full.expand(prediction.shape).float()
    return ((prediction.float() - target.float()).square() * weights).sum() / weights.sum()


@pytest.mark.parametrize("cells", [pytest.param(SHAPE[2], marks=FULL), 14], ids=["pixel-mask", "patch-mask"])
@pytest.mark.parametrize(
    "form",
    [pytest.param(torch.contiguous_format, marks=FULL), torch.channels_last],
    ids=["contiguous", "channels-last"],
)
def test_loss_and_gradient(compare: Comparison, device: str, full: bool, cells: int, form: torch.memory_format) -> None:
    dtype = torch.bfloat16 if ON_GPU else torch.float32
    torch.manual_seed(0)
    prediction, target = (
        torch.randn(SHAPE, device=device, dtype=dtype).contiguous(memory_format=form) for _ in range(2)
    )
    mask = torch.rand(SHAPE[0], 1, cells, cells, device=device) < 0.6
    prediction.requires_grad_()

    def step(loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[[], None]:
        def call() -> None:
            prediction.grad = None
            loss(prediction, target, mask).backward()

        return call

    variants = {"fastssl": step(masked_mse), "eager": step(naive)}
    if ON_GPU or full:
        variants["torch.compile"] = step(torch.compile(naive, fullgraph=True, dynamic=False))
    elements = prediction.numel()
    work = Work(bytes=3.0 * elements * dtype.itemsize + mask.numel(), flop=5.0 * elements)
    layout = "channels-last" if form == torch.channels_last else "contiguous"
    name = f"masked_mse {'x'.join(map(str, SHAPE))} {str(dtype).removeprefix('torch.')}, mask {cells}x{cells}, {layout}"
    compare(name, variants, work=work)
