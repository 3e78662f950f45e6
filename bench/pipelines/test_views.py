"""What each pretext view costs compared with the bare crop it works on, and which chunk size suits a core's cache.

Covers: the torch executor, drawing parameters included, on the calling thread; MONAI's nearest transforms. Does not
cover: threads, DALI, kornia and torchvision (`test_two_crops.py`). A bare crop yields one picture, as the jigsaw does;
every other task yields two and most of them a mask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.harness import Amount, Comparison, best_device, peer
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

GRID = 4
FULL = pytest.mark.full
ON_GPU = best_device() == "cuda"
SIZES = (
    [(28, 1, 256), (64, 3, 256), (224, 3, 256)]
    if ON_GPU
    else [(28, 1, 256), pytest.param(64, 3, 64, marks=FULL), pytest.param(224, 3, 8, marks=FULL)]
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


@pytest.mark.benchmark(max_time=0.3)
@pytest.mark.parametrize(("size", "channels", "batch"), SIZES)
def test_views_beside_a_bare_crop(size: int, channels: int, batch: int, compare: Comparison, device: str) -> None:
    views = {
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
    variants = {f"fastssl, {name}": _render(view, batch, device) for name, view in views.items()}
    variants["bound: bare crop"] = _render(BareCrop(size, channels), batch, device)
    problem = f"views of {batch} images {size}x{size}x{channels}"
    compare(problem, variants, amount=Amount(batch, "images"), wall=True, device=device)


@pytest.mark.benchmark(max_time=0.3, min_rounds=3)
@pytest.mark.skipif(ON_GPU, reason="MONAI's transforms of images in memory run on the CPU")
@pytest.mark.parametrize(("size", "channels", "batch"), SIZES)
def test_corrupted_views_beside_monai(size: int, channels: int, batch: int, compare: Comparison, device: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (batch, size, size, channels), dtype=np.uint8)

    def monai(name: str, **settings: Any) -> Callable[[], object]:
        from bench.peers import monai_views

        transform = getattr(monai_views, name)(**settings)
        return lambda: transform(images)

    pairs: dict[str, tuple[View, Callable[[], Callable[[], object]]]] = {
        "Bezier curves": (Bezier(size, channels), partial(monai, "histogram_shift")),
        "blocks": (
            Masked(size, channels, mask=BlockMask(grid=GRID)),
            partial(monai, "coarse_dropout", size=size, grid=GRID),
        ),
    }
    for name, (view, theirs) in pairs.items():
        variants = {"fastssl": _render(view, batch, device), "MONAI": peer("monai", theirs)}
        problem = f"{name}, {batch} images {size}x{size}x{channels}"
        compare(problem, variants, amount=Amount(batch, "images"), warm_up=1, device=device)


@pytest.mark.full
@pytest.mark.skipif(ON_GPU, reason="a GPU renders a batch in one piece")
@pytest.mark.parametrize(("size", "channels", "batch"), SIZES)
def test_chunk_sizes(size: int, channels: int, batch: int, compare: Comparison, device: str) -> None:
    sizes = (50_000, 150_000, CHUNK_ELEMENTS, 1_500_000)
    variants = {
        f"fastssl, {elements} elements": _render(TwoCrops(size, channels), batch, device, elements)
        for elements in sizes
    }
    problem = f"chunks of two crops, {batch} images {size}x{size}x{channels}"
    compare(problem, variants, amount=Amount(batch, "images"), wall=True, device=device)
