"""Images whose every pixel matters, and the batches that the loader makes of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from torch import Tensor

from fastssl.pipelines import Loader, View

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
