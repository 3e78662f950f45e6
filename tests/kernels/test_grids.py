"""Launches of very many images or rows: no grid outgrows what CUDA takes. Covers: every kernel's grid, as launched.

Does not cover: numbers (test_*_kernel.py), which folding images into the first axis must not change.
"""

from __future__ import annotations

from types import ModuleType

import pytest
import torch

from fastssl.kernels.info_nce.options import InfoNCEOptions
from fastssl.kernels.masked_mse.options import MaskedMSEOptions

pytest.importorskip("triton")
info_nce, masked_mse, nt_xent, transform_pixels = (
    pytest.importorskip(f"fastssl.kernels.{name}.launch")
    for name in ("info_nce", "masked_mse", "nt_xent", "transform_pixels")
)

MANY = 70_000
LOSS_ALONE = InfoNCEOptions(normalize=True, query_grad=False, key_grad=False, rank=False)
LIMITS = (2**31 - 1, 65_535, 65_535)  # CUDA C++ Programming Guide, compute capability 3.0 and later


class Recorder(dict):
    """Stands in for the kernels of a launch module and keeps the grid of each, by name."""

    def __init__(self, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in vars(module) if name.endswith("_kernel")]:
            monkeypatch.setattr(module, name, _Kernel(name, self))


class _Kernel:
    def __init__(self, name: str, grids: Recorder) -> None:
        self._name, self._grids = name, grids

    def __getitem__(self, grid: tuple[int, ...]):
        self._grids[self._name] = grid
        return lambda *arguments, **constants: None


def check(grids: Recorder, names: set[str]) -> None:
    assert set(grids) == names
    for name, grid in grids.items():
        assert all(0 < size <= limit for size, limit in zip(grid, LIMITS, strict=False)), (name, grid)


def test_masked_mse_takes_more_than_65535_images(monkeypatch):
    grids = Recorder(masked_mse, monkeypatch)
    image = torch.zeros(MANY, 1, 2, 2)
    masked_mse.launch_masked_mse(
        image, image, torch.ones(MANY, 1, 1, 1, dtype=torch.bool), MaskedMSEOptions(mean=True, grad=True)
    )
    check(grids, {"count_kernel", "error_kernel", "finish_kernel"})
    assert grids["error_kernel"][0] >= MANY


@pytest.mark.parametrize("cells", [None, 4])
def test_transform_pixels_takes_more_than_65535_images(monkeypatch, cells):
    grids = Recorder(transform_pixels, monkeypatch)
    images = torch.zeros(MANY, 2, 2, 1, dtype=torch.uint8)
    permutation = None if cells is None else torch.arange(cells).expand(MANY, -1)
    transform_pixels.launch_transform(images, None, permutation, None, (0.5,), (0.5,), torch.float32)
    check(grids, {"transform_kernel"})
    assert grids["transform_kernel"][0] == MANY * (cells or 1)


@pytest.mark.parametrize("processors", [4, 132])
def test_the_contrastive_losses_take_more_than_65535_rows_and_a_huge_queue(monkeypatch, processors):
    monkeypatch.setattr(info_nce.scheduling, "processors", lambda device: processors)
    info_nce.plan.cache_clear()
    nt_xent.plan.cache_clear()
    rows, queue = torch.zeros(MANY, 2, dtype=torch.bfloat16), torch.zeros(1 << 24, 2, dtype=torch.bfloat16)
    grids = Recorder(info_nce, monkeypatch)
    for few in (rows[:1], rows):
        info_nce.launch_info_nce(few, few, queue, 0.2, LOSS_ALONE)
        check(grids, {"partial_kernel", "combine_kernel"})
    grids = Recorder(nt_xent, monkeypatch)
    nt_xent.launch_backward(nt_xent.launch_forward(rows, 0.2, True), torch.zeros(MANY), 0.2, True)
    check(grids, {name for name in vars(nt_xent) if name.endswith("_kernel")})
    info_nce.plan.cache_clear()
    nt_xent.plan.cache_clear()
