"""The steps from a crop to a network's input: the kernel that a GPU takes and the steps that a CPU takes agree."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from fastssl.pipelines.ops.transform import transform

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


def _arguments(channels: int, chosen: tuple[str, ...]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    rng = np.random.default_rng(0)
    crop = torch.from_numpy(rng.integers(0, 256, (5, 12, 12, channels), dtype=np.uint8)).permute(0, 3, 1, 2)
    every = {
        "orders": torch.from_numpy(np.stack([rng.permutation(9) for _ in range(5)])),
        "tables": torch.from_numpy(rng.uniform(0, 255, (5, 256)).astype(np.float32)),
        "mask": torch.from_numpy(rng.integers(0, 2, (5, 1, 12, 12), dtype=np.uint8)),
    }
    return crop, {name: every[name] for name in chosen}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "chosen", [c for n in range(4) for c in itertools.combinations(("orders", "tables", "mask"), n)], ids="+".join
)
def test_the_fused_kernel_and_the_single_steps_give_the_same(channels: int, chosen: tuple[str, ...]) -> None:
    crop, steps = _arguments(channels, chosen)
    mean, std = MEAN[:channels], STD[:channels]
    fused = transform(crop, mean, std, **steps, fused=True)
    assert torch.allclose(fused, transform(crop, mean, std, **steps, fused=False), atol=2e-6, rtol=0)
    assert fused.shape == crop.shape
    assert fused.is_contiguous(memory_format=torch.channels_last)


def test_tiles_move_then_levels_change_then_pixels_go() -> None:
    """Against NumPy, one image at a time, in float64."""
    crop, steps = _arguments(3, ("orders", "tables", "mask"))
    found = transform(crop, MEAN, STD, **steps).numpy()
    for image in range(5):
        stored = crop[image].permute(1, 2, 0).numpy()
        tiles = [stored[4 * (t // 3) :, 4 * (t % 3) :][:4, :4] for t in steps["orders"][image].tolist()]
        moved = np.vstack([np.hstack(tiles[row : row + 3]) for row in (0, 3, 6)])
        levels = steps["tables"][image].double().numpy()[moved] / 255
        normal = ((levels - MEAN) / STD) * (1 - steps["mask"][image, 0].numpy()[..., None])
        assert np.abs(found[image].transpose(1, 2, 0) - normal).max() < 1e-5
