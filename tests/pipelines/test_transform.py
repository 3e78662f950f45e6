"""The steps from a crop to a network's input: the kernel that a GPU takes and the steps that a CPU takes agree.

Covers: also the dtype that the kernel writes, in Triton's interpreter. Does not cover: a GPU (`test_pipelines_on_gpu`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from fastssl.pipelines import Bezier, CentrePatch, Colorization, Jigsaw, Masked, ModelsGenesis, TowerPairs, View
from fastssl.pipelines.executors.torch_executor import TorchExecutor
from fastssl.pipelines.ops import transform as steps_module
from fastssl.pipelines.ops.transform import batch_dtype, transform

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
# Of a value, by one rounding; Triton's interpreter cuts bf16 off instead of rounding it.
ROUNDING = {torch.float32: 1e-6, torch.bfloat16: 2**-7, torch.float16: 2**-11}
interpreted = pytest.mark.skipif(torch.cuda.is_available(), reason="Triton does not interpret where there is a GPU")


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


def _in_float64(crop: Tensor, steps: dict[str, Tensor]) -> np.ndarray:
    """NumPy's rendering `[5, 12, 12, C]` of 3-channel crops, one image at a time."""
    pictures = []
    for image in range(5):
        stored = crop[image].permute(1, 2, 0).numpy()
        tiles = [stored[4 * (t // 3) :, 4 * (t % 3) :][:4, :4] for t in steps["orders"][image].tolist()]
        moved = np.vstack([np.hstack(tiles[row : row + 3]) for row in (0, 3, 6)])
        levels = steps["tables"][image].double().numpy()[moved] / 255
        pictures.append(((levels - MEAN) / STD) * (1 - steps["mask"][image, 0].numpy()[..., None]))
    return np.stack(pictures)


def test_tiles_move_then_levels_change_then_pixels_go() -> None:
    crop, steps = _arguments(3, ("orders", "tables", "mask"))
    found = transform(crop, MEAN, STD, **steps).permute(0, 2, 3, 1).numpy()
    assert np.abs(found - _in_float64(crop, steps)).max() < 1e-5


@interpreted
@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
def test_the_kernel_writes_the_batchs_dtype_and_rounds_once(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    pytest.importorskip("triton")
    monkeypatch.setattr(steps_module, "transform_pixels", partial(steps_module.transform_pixels, impl="triton"))
    crop, steps = _arguments(3, ("orders", "tables", "mask"))
    with batch_dtype(dtype):
        found = transform(crop, MEAN, STD, **steps, fused=True)
    assert found.dtype == dtype
    exact = _in_float64(crop, steps)
    error = np.abs(found.permute(0, 2, 3, 1).double().numpy() - exact)
    assert (error <= ROUNDING[dtype] * np.abs(exact) + 2e-6).all()


def test_without_a_batch_and_in_a_dtype_that_the_kernel_lacks_it_is_float32() -> None:
    crop, _ = _arguments(3, ())
    assert transform(crop, MEAN, STD, fused=True).dtype == torch.float32
    with batch_dtype(torch.bfloat16):
        assert transform(crop, MEAN, STD, fused=False).dtype == torch.float32
    with batch_dtype(torch.float64):
        assert transform(crop, MEAN, STD, fused=True).dtype == torch.float32


VIEWS = [
    CentrePatch(28, 3),
    Colorization(28, 3),
    Jigsaw(28, 3),
    Bezier(28, 3, scale=(0.2, 1.0)),
    Masked(28, 3),
    TowerPairs(28, 3, scale=(0.2, 1.0)),
    ModelsGenesis(28, 3),
]


@interpreted
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: type(view).__name__)
def test_what_the_kernel_writes_is_the_batch_with_no_cast_after_it(
    view: View, make_images: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every pretext view as on a GPU; against the steps one by one, which end in a cast."""
    pytest.importorskip("triton")
    images = torch.from_numpy(make_images(4, 28, 28, 3))
    drawn = view.draw(0, 0, np.arange(4), (28, 28))
    expected = TorchExecutor(view, torch.float32).render(images, drawn)
    written: list[Tensor] = []

    def kernel(*arguments: object, **options: object) -> Tensor:
        written.append(plain_kernel(*arguments, **options, impl="triton"))
        return written[-1]

    plain_kernel = steps_module.transform_pixels
    monkeypatch.setattr(steps_module, "transform_pixels", kernel)
    monkeypatch.setattr(steps_module, "takes_kernel", lambda crop: crop.dtype == torch.uint8)
    batch = TorchExecutor(view, torch.bfloat16).render(images, drawn)
    assert batch["target"].data_ptr() in {picture.data_ptr() for picture in written}
    assert {picture.dtype for picture in written} == {torch.bfloat16}
    for name, values in expected.items():
        if values.is_floating_point():
            assert batch[name].is_contiguous(memory_format=torch.channels_last)
            assert ((batch[name].float() - values).abs() <= 2**-7 * values.abs() + 1e-6).all()
        else:
            assert torch.equal(batch[name], values)
