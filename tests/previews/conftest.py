"""Images whose every pixel matters, the batches that the loader makes of them, and sheets of noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from torch import Tensor

from fastssl.pipelines import Loader, View
from fastssl.previews.sheet import CellRow, ImageCell, Section, Sheet

SEED, EPOCH, COUNT = 3, 2, 5


@pytest.fixture
def make_images() -> Callable[..., np.ndarray]:
    """Twelve random images `[12, size, size, channels]`."""

    def make(channels: int, dtype: type = np.uint8, size: int = 24) -> np.ndarray:
        shape = (12, size, size, channels)
        return np.random.default_rng(channels).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)

    return make


@pytest.fixture
def first_batch() -> Callable[[np.ndarray, View], dict[str, Tensor]]:
    """The first five samples of an epoch of the view, as training in batches of five would get them."""

    def make(images: np.ndarray, view: View) -> dict[str, Tensor]:
        with Loader(images, view, batch_size=COUNT, seed=SEED, prefetch=0) as loader:
            loader.set_epoch(EPOCH)
            return next(iter(loader))

    return make


@pytest.fixture
def noise_sheet() -> Callable[..., Sheet]:
    """Makes a sheet of random images with as many sections as numbers of rows are given."""

    def random_row(label: str, count: int, size: int) -> CellRow:
        pixels = np.random.default_rng([count, size, len(label)]).integers(0, 256, (count, size, size, 3), np.uint8)
        return CellRow(label=label, cells=tuple(ImageCell(pixels=image) for image in pixels))

    def make(heights: list[int], count: int = 4, size: int = 28) -> Sheet:
        sections = [
            Section(
                title=f"section {index}", rows=tuple(random_row("x" * (row + 1), count, size) for row in range(height))
            )
            for index, height in enumerate(heights)
        ]
        original = Section(title="Original", rows=(random_row("", count, size),))
        return Sheet(title="Title", facts=["one fact", "another"], original=original, sections=sections)

    return make
