"""That MONAI's views are what they are compared as.

Covers: shapes, types, ranges, how much is changed. Does not cover: speed (`bench/pipelines/`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

pytest.importorskip("monai", reason="needs MONAI: pip install monai")
from monai.data import get_track_meta

from bench.peers.monai_views import Views, coarse_dropout, coarse_shuffle, histogram_shift

MAKERS: dict[str, Callable[[], Views]] = {
    "curve": histogram_shift,
    "blocks": lambda: coarse_dropout(32, grid=8),
    "shuffled": lambda: coarse_shuffle(32),
}


def some_images(channels: int, number: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, 32, 32, channels), dtype=np.uint8)


def plain(images: np.ndarray) -> torch.Tensor:
    """What a view that changes nothing would give."""
    return torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", MAKERS)
def test_a_batch_of_changed_images_in_range(name: str, channels: int) -> None:
    images = some_images(channels)
    kept = images.copy()
    tracked = get_track_meta()
    batch = MAKERS[name]()(images)
    assert type(batch) is torch.Tensor
    assert batch.shape == (12, channels, 32, 32)
    assert batch.dtype == torch.float32
    assert batch.min() >= -1 - 1e-5
    assert batch.max() <= 1 + 1e-5
    changed = (batch - plain(images)).abs().amax((1, 2, 3)) > 1e-3
    assert changed.float().mean() > 0.6
    assert np.array_equal(images, kept)
    assert get_track_meta() == tracked


@pytest.mark.parametrize("name", MAKERS)
def test_images_and_calls_differ(name: str) -> None:
    images = np.repeat(some_images(1, 1), 4, axis=0)
    views = MAKERS[name]()
    first, second = views(images), views(images)
    assert not torch.equal(first, second)
    assert not all(torch.equal(first[0], other) for other in first[1:])


def test_a_curve_keeps_the_order_of_levels() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    batch = histogram_shift()(np.repeat(ramp, 8, axis=0))
    assert (batch.flatten(1).diff(dim=1) >= -1e-5).all()


@pytest.mark.parametrize("ratio", [0.5, 0.75])
@pytest.mark.parametrize("grid", [4, 8, 16])
def test_blocks_mask_about_the_share_asked_for(grid: int, ratio: float) -> None:
    white = np.full((40, 32, 32, 1), 255, dtype=np.uint8)
    batch = coarse_dropout(32, mask_ratio=ratio, grid=grid)(white)
    assert set(batch.unique().tolist()) == {0.0, 1.0}
    assert (batch == 0).float().mean() == pytest.approx(ratio, abs=0.08)


def test_shuffling_keeps_the_pixels() -> None:
    images = some_images(1, 3)
    batch = coarse_shuffle(32)(images)
    torch.testing.assert_close(batch.flatten(1).sort().values, plain(images).flatten(1).sort().values)
