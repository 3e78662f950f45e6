"""Masks: exact shares, the shapes they are named after, and the views that use them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fastssl.pipelines import BlockMask, Mask, Masked, RayMask, StripeMask, TowerPairs, View
from fastssl.pipelines.executors.executor import create, dali_installed

EXECUTORS = [
    "torch",
    pytest.param("dali", marks=pytest.mark.skipif(not dali_installed(), reason="NVIDIA DALI is not installed")),
]


def _render(executor: str, view: View, images: np.ndarray) -> dict[str, np.ndarray]:
    indices = np.arange(len(images))
    renderer = create(executor, view, torch.device("cpu"), torch.float32, len(images))
    batch = renderer.render(torch.from_numpy(images), view.draw(4, 1, indices, images.shape[1:3]))
    return {name: values.numpy() for name, values in batch.items()}


def _masks(mask: Mask, size: int, count: int = 16) -> np.ndarray:
    """bool `[count, size, size]` on noise pictures."""
    crop = np.random.default_rng(size).integers(0, 256, (count, 1, size, size), dtype=np.uint8)
    drawn = {name: torch.from_numpy(values) for name, values in mask.draw(0, 0, np.arange(count), size).items()}
    return mask.render(torch.from_numpy(crop), drawn)[:, 0].numpy().astype(bool)


@pytest.mark.parametrize("ratio", [0.1, 0.25, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("size", [28, 64, 224])
def test_the_masked_share_is_exact(ratio: float, size: int) -> None:
    rays = _masks(RayMask(ratio), size).sum(axis=(1, 2))
    assert (rays == round(ratio * size**2)).all()
    stripes = _masks(StripeMask(ratio), size).sum(axis=(1, 2))
    assert (stripes == round(ratio * size) * size).all()
    for grid in (4, 7, 32):
        blocks = _masks(BlockMask(ratio, grid), size).sum(axis=(1, 2))
        side = min(grid, size)
        even = round(ratio * side**2) * (size // side) ** 2
        assert (blocks == (even if size % side == 0 else round(ratio * size**2))).all()


@pytest.mark.parametrize(("size", "grid"), [(28, 4), (28, 7), (64, 32), (224, 32)])
def test_blocks_are_masked_whole_and_all_choices_are_equally_likely(size: int, grid: int) -> None:
    side = size // grid
    blocks = _masks(BlockMask(0.5, grid), size, 200).reshape(200, grid, side, grid, side).transpose(0, 1, 3, 2, 4)
    share = blocks.mean(axis=(3, 4))
    assert {*np.unique(share)} == {0.0, 1.0}
    assert np.abs(share.mean(axis=0) - 0.5).max() < 0.18  # 5 standard deviations of 200 coins


def test_blocks_that_do_not_divide_are_masked_whole_but_for_one() -> None:
    block = np.arange(30) * 7 // 30
    cells = block[:, None] * 7 + block
    for mask in _masks(BlockMask(0.5, 7), 30):
        shares = np.array([mask[cells == cell].mean() for cell in range(49)])
        assert ((shares > 0) & (shares < 1)).sum() <= 1


def test_stripes_are_whole_rows_and_towers_seven_of_28() -> None:
    masks = _masks(StripeMask(), 28, 300)
    assert (masks.all(axis=2) | ~masks.any(axis=2)).all()
    assert (masks[:, :, 0].sum(axis=1) == 7).all()
    assert np.abs(masks[:, :, 0].mean(axis=0) - 0.25).max() < 0.13  # 5 standard deviations of 300 draws


@pytest.mark.parametrize("size", [28, 64, 224])
def test_rays_leave_the_brightest_point_in_straight_lines(size: int) -> None:
    """Against a NumPy oracle: which ray is nearest, how far away it is, in what order rays are masked."""
    mask = RayMask(0.3, num_rays=24, thickness=0.05)
    crop = np.full((3, 1, size, size), 20, np.uint8)
    centres = [(size // 2, size // 2), (size // 4, 3 * size // 4), (7 * size // 8, size // 8)]
    for sample, (y, x) in enumerate(centres):
        crop[sample, 0, y - 1 : y + 2, x - 1 : x + 2] = 200
        crop[sample, 0, y, x] = 255
    drawn = mask.draw(0, 0, np.arange(3), size)
    rendered = mask.render(torch.from_numpy(crop), {k: torch.from_numpy(v) for k, v in drawn.items()})[:, 0].numpy()
    for sample, (cy, cx) in enumerate(centres):
        y, x = np.mgrid[:size, :size].astype(np.float64)
        angle = np.arctan2(y - cy, x - cx) * 24 / (2 * np.pi) + np.float64(drawn["turn"][sample])
        ray = np.floor(angle)
        distance = np.hypot(y - cy, x - cx) * np.abs(np.sin((angle - ray - 0.5) * 2 * np.pi / 24))
        cell = (ray.astype(int) % 24) + 24 * (distance > 0.025 * size)
        rank = np.argsort(drawn["cell_order"][sample])[cell].ravel()
        expected = np.zeros(size * size, bool)
        expected[np.argsort(rank, kind="stable")[: round(0.3 * size * size)]] = True
        assert (expected.reshape(size, size) != rendered[sample]).mean() < 0.005  # float32 angles at cell borders


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mask", [BlockMask(), StripeMask(), RayMask()], ids=["block", "stripe", "ray"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_masked_pixels_are_zero_in_every_channel_and_the_others_are_clean(
    executor: str, channels: int, mask: Mask, dtype: type, make_images: Callable
) -> None:
    images = make_images(6, 64, 64, channels, dtype)
    batch = _render(executor, Masked(64, channels, mask=mask), images)
    assert np.array_equal(batch["image"], np.where(batch["mask"], 0, batch["target"]).astype(np.float32))
    assert batch["mask"].dtype == np.uint8
    assert 0 < batch["mask"].mean() < 1


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("channels", [1, 3])
def test_tower_pairs_are_curved_then_masked_with_a_clean_target(
    executor: str, channels: int, make_images: Callable
) -> None:
    images = make_images(24, 28, 28, channels)
    view = TowerPairs(28, channels, (0.0,) * channels, (1.0,) * channels)
    batch = _render(executor, view, images)
    drawn = view.draw(4, 1, np.arange(24), (28, 28))
    assert np.array_equal(np.rint(batch["target"] * 255).transpose(0, 2, 3, 1), images)
    s = np.linspace(0, 1, 50_001)
    for sample in range(24):
        (x1, y1), (x2, y2) = drawn["control"][sample].astype(np.float64)
        x, y = (3 * a * s * (1 - s) ** 2 + 3 * b * s**2 * (1 - s) + s**3 for a, b in ((x1, x2), (y1, y2)))
        curved = np.interp(batch["target"][sample], x, y[::-1] if drawn["falls"][sample] else y)
        expected = np.where(batch["mask"][sample], 0, curved)
        assert np.abs(batch["image"][sample] - expected).max() * 255 < 0.5
    assert (batch["mask"].mean(axis=(1, 2, 3)) == 0.25).all()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BlockMask(0.0), "mask_ratio must lie between 0 and 1"),
        (lambda: StripeMask(1.0), "mask_ratio must lie between 0 and 1"),
        (lambda: BlockMask(0.5, 0), "grid must be at least 1"),
        (lambda: RayMask(num_rays=0), "num_rays must be at least 1"),
        (lambda: RayMask(thickness=0.0), "thickness must be above 0"),
    ],
)
def test_masks_that_mask_nothing_or_everything_are_refused(build: Callable[[], Mask], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
