"""What each pretext view costs compared with the bare crop it works on, and which chunk size suits a core's cache.

Covers: the torch executor, drawing parameters included, on the calling thread. Does not cover: threads, DALI, peers
(`test_two_crops.py`). A bare crop yields one picture, as the jigsaw does; every other task yields two and most of them
a mask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.harness import Report, best_device, measure
from fastssl.pipelines import (
    Bezier,
    BlockMask,
    CentrePatch,
    Colorization,
    Jigsaw,
    Masked,
    ModelsGenesis,
    RayMask,
    StripeMask,
    TowerPairs,
    TwoCrops,
    View,
)
from fastssl.pipelines.executors.torch_executor import CHUNK_ELEMENTS, TorchExecutor
from fastssl.pipelines.views.cropped import Cropped

SIZES = (
    [(28, 1, 256), (64, 3, 256), (224, 3, 256)] if best_device() == "cuda" else [(28, 1, 256), (64, 3, 64), (224, 3, 8)]
)


@dataclass(frozen=True)
class BareCrop(Cropped):
    """A resized crop and nothing else."""

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"image": self.normalised(crop)}


def _render(view: View, batch: int, device: str, chunk_elements: int = CHUNK_ELEMENTS) -> Callable[[], object]:
    shape = (batch, view.size, view.size, view.channels)
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)).to(device)
    executor = TorchExecutor(view, torch.float32, chunk_elements)
    return lambda: executor.render(images, view.draw(0, 0, np.arange(batch), shape[1:3]))


@pytest.mark.parametrize(("size", "channels", "batch"), SIZES)
def test_views_beside_a_bare_crop(size: int, channels: int, batch: int, report: Report, device: str) -> None:
    views = {
        "bare crop": BareCrop(size, channels),
        "centre patch": CentrePatch(size, channels),
        "jigsaw": Jigsaw(size, channels, with_target=False),
        "bezier": Bezier(size, channels),
        "block mask": Masked(size, channels, mask=BlockMask()),
        "stripe mask": Masked(size, channels, mask=StripeMask()),
        "ray mask": Masked(size, channels, mask=RayMask()),
        "tower pairs": TowerPairs(size, channels),
        "models genesis": ModelsGenesis(size, channels),
    }
    if channels == 3:
        views["colorization"] = Colorization(size, channels)
    timings = measure(
        {name: _render(view, batch, device) for name, view in views.items()}, rounds=9, wall=True, device=device
    )
    report.add(f"{batch} images {size}x{size}x{channels}", timings)


@pytest.mark.skipif(best_device() == "cuda", reason="a GPU renders a batch in one piece")
@pytest.mark.parametrize(("size", "channels", "batch"), SIZES)
def test_chunk_sizes(size: int, channels: int, batch: int, report: Report, device: str) -> None:
    sizes = (50_000, 150_000, CHUNK_ELEMENTS, 1_500_000)
    variants = {
        f"{elements} elements": _render(TwoCrops(size, channels), batch, device, elements) for elements in sizes
    }
    timings = measure(variants, rounds=9, wall=True, device=device)
    report.add(f"two crops, {batch} images {size}x{size}x{channels}", timings)
