"""Every view on a GPU: DALI's GPU operators and torch on CUDA, against NumPy and against the CPU.

Covers: two crops against the NumPy oracle; each pretext view's crop against the CPU's, and what it does to one and the
same crop; the fused transform. Does not cover: what views draw, which happens on the CPU everywhere (the other files
here), the loader (`test_loader_on_gpu.py`), nor speed (`bench/pipelines`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from fastssl.pipelines import (
    Bezier,
    BlockMask,
    CentrePatch,
    Colorization,
    Jigsaw,
    Loader,
    Masked,
    ModelsGenesis,
    Plain,
    RayMask,
    StripeMask,
    TowerPairs,
    TwoCrops,
    View,
)
from fastssl.pipelines.executors.executor import create, dali_installed
from fastssl.pipelines.ops.transform import transform
from fastssl.pipelines.views.cropped import Cropped

pytestmark = pytest.mark.gpu

DEVICE = torch.device("cuda", 0)
EXECUTORS = [
    "torch",
    pytest.param("dali", marks=pytest.mark.skipif(not dali_installed(), reason="NVIDIA DALI is not installed")),
]
# Grey levels of 255, as on the CPU: DALI rounds uint8 images after each operation.
TOLERANCE = {("dali", np.uint8): 3, ("dali", np.uint16): 0.5, ("torch", np.uint8): 0.05, ("torch", np.uint16): 0.05}
SIZES = [(28, (28, 28), 16), (64, (80, 64), 4), (224, (224, 224), 2)]
Batch = dict[str, Tensor]


def pretext_views(size: int, channels: int) -> dict[str, Cropped]:
    """One of every kind that takes such pictures."""
    views = {
        "patch": CentrePatch(size, channels),
        "jigsaw": Jigsaw(size, channels),
        "bezier": Bezier(size, channels, scale=(0.2, 1.0)),
        "blocks": Masked(size, channels, mask=BlockMask()),
        "stripes": Masked(size, channels, mask=StripeMask()),
        "rays": Masked(size, channels, mask=RayMask()),
        "tower": TowerPairs(size, channels, scale=(0.2, 1.0)),
        "genesis": ModelsGenesis(size, channels, scale=(0.2, 1.0)),
    }
    return views | ({"colours": Colorization(size, channels)} if channels == 3 else {})


VIEWS = [*pretext_views(28, 3)]


def view_of(kind: str, size: int, channels: int) -> Cropped:
    views = pretext_views(size, channels)
    if kind not in views:
        pytest.skip("grey pictures have no colours")
    return views[kind]


def render(
    executor: str, view: View, images: np.ndarray, device: torch.device, dtype: torch.dtype = torch.float32
) -> Batch:
    """All images as one batch, back on the CPU."""
    indices = np.arange(len(images))
    renderer = create(executor, view, device, dtype, len(images))
    batch = renderer.render(torch.from_numpy(images).to(device), view.draw(11, 2, indices, images.shape[1:3]))
    assert all(values.device.type == device.type for values in batch.values())
    return {name: values.cpu() for name, values in batch.items()}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("rotation", [0, 25], ids=["upright", "rotated"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("size", "shape", "count"), SIZES)
def test_two_crops_agree_with_the_oracle(
    executor: str,
    rotation: float,
    dtype: type,
    channels: int,
    size: int,
    shape: tuple[int, int],
    count: int,
    make_images: Callable,
    oracle: SimpleNamespace,
) -> None:
    images = make_images(count, *shape, channels, dtype)
    view = TwoCrops(size, channels, rotation=rotation, vertical_flip=0.5, blur_sigma=(0.1, 2.0))
    batch = render(executor, view, images, DEVICE)
    drawn = view.draw(11, 2, np.arange(count), shape)
    for crop, sample in itertools.product(("query", "key"), range(count)):
        own = {k.removeprefix(f"{crop}_"): v[sample] for k, v in drawn.items() if k.startswith(crop)}
        levels = (batch[crop][sample].permute(1, 2, 0).numpy() * 0.5 + 0.5) * 255
        assert np.abs(levels - oracle.crop(images[sample], own, size)).max() <= TOLERANCE[executor, dtype]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("size", "shape", "count"), SIZES)
@pytest.mark.parametrize("kind", VIEWS)
def test_a_pretext_views_picture_is_the_cpus(
    executor: str,
    dtype: type,
    channels: int,
    size: int,
    shape: tuple[int, int],
    count: int,
    kind: str,
    make_images: Callable,
) -> None:
    """Labels and drawn masks exactly; the clean picture within the executor's tolerance, or a rounding to bytes."""
    images = make_images(count, *shape, channels, dtype)
    view = view_of(kind, size, channels)
    there, here = render(executor, view, images, DEVICE), render("torch", view, images, torch.device("cpu"))
    assert there.keys() == here.keys()
    error = (there["target"] - here["target"]).abs().max().item() * 127.5
    assert error <= max(TOLERANCE[executor, dtype], 1.01 if dtype == np.uint8 else 0)
    for name in ("mask", "permutation"):
        if name in here and kind != "rays":  # rays start from the brightest pixel, which a rounding can move
            assert torch.equal(there[name], here[name]), name


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("grid", [2, 3])
def test_jigsaw_tiles_are_exactly_the_targets(executor: str, grid: int, make_images: Callable) -> None:
    size = 84
    view, side = Jigsaw(size, 3, grid=grid), size // grid
    batch = render(executor, view, make_images(8, size, size, 3), DEVICE)
    corners = list(itertools.product(range(0, size, side), repeat=2))
    for image, target, label in zip(batch["image"], batch["target"], batch["permutation"], strict=True):
        for (y, x), origin in zip(corners, view.orders[label], strict=True):
            v, u = corners[origin]
            assert torch.equal(image[:, y : y + side, x : x + side], target[:, v : v + side, u : u + side])


@pytest.mark.parametrize("deep", [False, True], ids=["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [28, 64, 224])
@pytest.mark.parametrize("kind", VIEWS)
def test_what_a_view_does_to_one_crop_is_the_same_on_both_devices(
    kind: str, size: int, channels: int, deep: bool
) -> None:
    """Tables, tiles, patches and masks, to float32's last bits; of sines and roots a pixel in a thousand may differ."""
    view, count = view_of(kind, size, channels), 6
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (count, size, size, channels)).astype(np.float32 if deep else np.uint8)
    crop = torch.from_numpy(levels).permute(0, 3, 1, 2)
    drawn = {
        name: torch.from_numpy(values) for name, values in view.draw(11, 2, np.arange(count), (size, size)).items()
    }
    here = view.finish({"crop": crop.clone()}, drawn)
    there = view.finish({"crop": crop.to(DEVICE)}, {name: values.to(DEVICE) for name, values in drawn.items()})
    assert there.keys() == here.keys()
    for name, expected in here.items():
        different = (there[name].cpu().double() - expected.double()).abs() > 2e-5
        share = different.double().mean().item()
        assert share <= (1e-3 if kind in ("rays", "genesis") else 0), (name, share)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [28, 64, 224])
def test_the_fused_transform_is_the_steps_one_by_one(channels: int, size: int) -> None:
    rng = np.random.default_rng(0)
    crop = torch.from_numpy(rng.integers(0, 256, (8, size, size, channels), dtype=np.uint8)).permute(0, 3, 1, 2)
    steps = {
        "orders": torch.from_numpy(np.stack([rng.permutation(4) for _ in range(8)])),
        "tables": torch.from_numpy(rng.uniform(0, 255, (8, 256)).astype(np.float32)),
        "mask": torch.from_numpy(rng.integers(0, 2, (8, 1, size, size), dtype=np.uint8)),
    }
    mean, std = (0.4, 0.5, 0.6)[:channels], (0.2, 0.3, 0.25)[:channels]
    for chosen in itertools.chain.from_iterable(itertools.combinations(steps, n) for n in range(4)):
        own = {name: steps[name] for name in chosen}
        on_gpu = {name: values.to(DEVICE) for name, values in own.items()}
        found = transform(crop.to(DEVICE), mean, std, **on_gpu)
        assert found.is_contiguous(memory_format=torch.channels_last)
        expected = transform(crop, mean, std, **own, fused=False)
        torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=2e-6, msg=str(chosen))


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_plain_pictures_of_their_own_size_are_exact(executor: str, dtype: type, make_images: Callable) -> None:
    images = make_images(5, 28, 28, 3, dtype)
    batch = render(executor, Plain(28, 3, (0.0,) * 3, (1.0,) * 3), images, DEVICE)
    stored = batch["image"].double().mul(np.iinfo(dtype).max).round().permute(0, 2, 3, 1)
    assert np.array_equal(stored.numpy(), images)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("kind", VIEWS)
def test_half_precision_pictures_are_float32_ones_rounded_once(
    executor: str, dtype: torch.dtype, kind: str, make_images: Callable
) -> None:
    images, view = make_images(6, 64, 64, 3), view_of(kind, 64, 3)
    half, full = (render(executor, view, images, DEVICE, d) for d in (dtype, torch.float32))
    assert half.keys() == full.keys()
    for name, values in full.items():
        assert torch.equal(half[name], values.to(dtype) if values.is_floating_point() else values), name


@pytest.mark.parametrize("executor", EXECUTORS)
def test_no_small_result_keeps_the_whole_transfer_alive(executor: str, make_images: Callable) -> None:
    images = make_images(8, 28, 28, 3)
    loader = Loader(images, Jigsaw(28, 3), batch_size=4, device=DEVICE, executor=executor, labels=np.arange(8))
    batch = next(iter(loader))
    for name in ("index", "label", "permutation"):
        assert batch[name].untyped_storage().nbytes() == batch[name].nbytes, name
    loader.close()
