"""Both executors against the NumPy oracles, and against themselves under other batch compositions."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fastssl.pipelines import (
    Bezier,
    CentrePatch,
    Colorization,
    Jigsaw,
    Masked,
    ModelsGenesis,
    Padded,
    Plain,
    RayMask,
    TowerPairs,
    TwoCrops,
    View,
)
from fastssl.pipelines.executors import torch_executor
from fastssl.pipelines.executors.executor import choose, create, dali_installed
from fastssl.pipelines.executors.torch_executor import TorchExecutor

CPU = torch.device("cpu")
EXECUTORS = [
    "torch",
    pytest.param("dali", marks=pytest.mark.skipif(not dali_installed(), reason="NVIDIA DALI is not installed")),
]
# Grey levels of 255. DALI rounds uint8 images after each operation, and steps through a rotated line in float32.
TOLERANCE = {("dali", np.uint8): 3, ("dali", np.uint16): 0.5, ("torch", np.uint8): 0.05, ("torch", np.uint16): 0.05}


def _render(name: str, view: View, images: np.ndarray, indices: np.ndarray, dtype=torch.float32) -> dict:
    executor = create(name, view, CPU, dtype, len(indices))
    parameters = view.draw(11, 2, indices, images.shape[1:3])
    return executor.render(torch.from_numpy(images[indices]), parameters)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("rotation", [0, 25], ids=["upright", "rotated"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("size", "shape", "count"), [(28, (28, 28), 24), (64, (80, 64), 6), (224, (224, 224), 1)])
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
    batch = _render(executor, view, images, np.arange(count))
    drawn = view.draw(11, 2, np.arange(count), shape)
    for crop in ("query", "key"):
        for sample in range(count):
            own = {k.removeprefix(f"{crop}_"): v[sample] for k, v in drawn.items() if k.startswith(crop)}
            levels = (batch[crop][sample].permute(1, 2, 0).numpy() * 0.5 + 0.5) * 255
            error = np.abs(levels - oracle.crop(images[sample], own, size)).max()
            assert error <= TOLERANCE[executor, dtype], (crop, sample)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(("stored", "size"), [((28, 28), 28), ((90, 64), 28), ((28, 28), 64)])
def test_plain_resizes_with_antialiasing_and_normalises(
    executor: str, stored: tuple[int, int], size: int, make_images: Callable, oracle: SimpleNamespace
) -> None:
    images = make_images(4, *stored, 3)
    view = Plain(size, 3, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    batch = _render(executor, view, images, np.arange(4))
    for sample in range(4):
        picture = images[sample].astype(np.float64)
        for axis in (0, 1):
            picture = oracle.resize_axis(picture, 0, stored[axis], size, axis)
        expected = (picture / 255 - view.mean) / view.std
        assert np.abs(batch["image"][sample].permute(1, 2, 0).numpy() - expected).max() < 1.01 / 255 / 0.5


@pytest.mark.parametrize("executor", EXECUTORS)
def test_plain_leaves_images_of_its_own_size_as_they_are(executor: str, make_images: Callable) -> None:
    images = make_images(3, 28, 28, 1)
    batch = _render(executor, Plain(28, 1, mean=(0.0,), std=(1.0,)), images, np.arange(3))
    assert torch.equal(batch["image"].mul(255).round().to(torch.uint8), torch.from_numpy(images).permute(0, 3, 1, 2))


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("stored", [(28, 28), (31, 20), (64, 64)], ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_padding_surrounds_normalised_images_with_zeros(
    executor: str, stored: tuple[int, int], dtype: type, make_images: Callable
) -> None:
    images = make_images(4, *stored, 3, dtype)
    view = Padded(64, 3, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    batch = _render(executor, view, images, np.arange(4))
    top, left = (64 - stored[0]) // 2, (64 - stored[1]) // 2
    normalised = (images / np.iinfo(dtype).max - view.mean) / view.std
    expected = np.pad(
        normalised, ((0, 0), (top, 64 - stored[0] - top), (left, 64 - stored[1] - left), (0, 0)), constant_values=0
    )
    np.testing.assert_allclose(batch["image"].permute(0, 2, 3, 1).numpy(), expected, atol=2e-6)


def test_images_that_are_larger_are_not_padded(make_images: Callable) -> None:
    with pytest.raises(ValueError, match="images of 20x31 pixels do not fit into 28x28"):
        _render("torch", Padded(28, 1), make_images(1, 20, 31, 1), np.arange(1))


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("rotation", [0, 10])
def test_a_samples_pictures_are_bit_equal_in_any_batch(
    executor: str, channels: int, rotation: float, make_images: Callable
) -> None:
    images = make_images(40, 28, 28, channels)
    view = TwoCrops(28, channels, rotation=rotation, blur_sigma=(0.1, 2.0))
    whole = _render(executor, view, images, np.arange(40))
    for indices in (np.array([7]), np.array([31, 2, 17]), np.arange(39, 0, -2)):
        part = _render(executor, view, images, indices)
        for crop in ("query", "key"):
            assert torch.equal(part[crop], whole[crop][indices])


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(
    "view",
    [
        Colorization(28, 3),
        CentrePatch(28, 3),
        Jigsaw(28, 3),
        Bezier(28, 3, scale=(0.2, 1.0)),
        Masked(28, 3, scale=(0.2, 1.0)),
        TowerPairs(28, 3, scale=(0.2, 1.0), mask=RayMask()),
        ModelsGenesis(28, 3, scale=(0.2, 1.0)),
    ],
    ids=lambda view: type(view).__name__,
)
def test_a_pretext_views_results_are_bit_equal_in_any_batch(executor: str, view: View, make_images: Callable) -> None:
    images = make_images(20, 28, 28, 3)
    whole = _render(executor, view, images, np.arange(20))
    for indices in (np.array([7]), np.arange(19, 0, -2)):
        part = _render(executor, view, images, indices)
        assert all(torch.equal(part[name], whole[name][indices]) for name in whole)


def test_the_chunk_size_changes_no_bit(make_images: Callable) -> None:
    images, view = make_images(20, 28, 28, 3), TwoCrops(28, 3, blur_sigma=(0.1, 2.0))
    parameters = view.draw(0, 0, np.arange(20), (28, 28))
    batches = [
        TorchExecutor(view, torch.float32, elements).render(torch.from_numpy(images), parameters)
        for elements in (1, 10_000, 10**9)
    ]
    for other in batches[1:]:
        assert torch.equal(other["query"], batches[0]["query"])


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_pictures_come_channels_last_and_in_the_dtype(executor: str, dtype: torch.dtype, make_images: Callable) -> None:
    images, view = make_images(6, 28, 28, 3), TwoCrops(28, 3, blur_sigma=(0.1, 2.0))
    batch = _render(executor, view, images, np.arange(6), dtype)
    exact = _render(executor, view, images, np.arange(6))
    for crop in ("query", "key"):
        assert batch[crop].shape == (6, 3, 28, 28)
        assert batch[crop].is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(batch[crop], exact[crop].to(dtype))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_batches_that_are_kept_are_not_overwritten_by_later_ones(executor: str, make_images: Callable) -> None:
    images, view = make_images(32, 28, 28, 3), TwoCrops(28, 3, blur_sigma=(0.1, 2.0))
    renderer = create(executor, view, CPU, torch.float32, 8)
    kept = []
    for first in range(0, 32, 8):
        indices = np.arange(first, first + 8)
        batch = renderer.render(torch.from_numpy(images[indices]), view.draw(0, 0, indices, (28, 28)))
        kept.append((batch["query"], batch["query"].clone()))
    assert all(torch.equal(now, then) for now, then in kept)


def test_large_batches_lie_in_memory_of_earlier_ones_that_nobody_holds(
    make_images: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, view = torch.from_numpy(make_images(32, 28, 28, 3)), TowerPairs(28, 3, mask=RayMask())
    drawn = [view.draw(0, epoch, np.arange(32), (28, 28)) for epoch in range(6)]
    exact = [TorchExecutor(view, torch.bfloat16).render(images, parameters) for parameters in drawn]
    monkeypatch.setattr(torch_executor, "LARGEST_KEPT", 0)
    renderer = TorchExecutor(view, torch.bfloat16, chunk_elements=5_000)
    held, places = None, set()
    for parameters, expected in zip(drawn, exact, strict=True):
        batch = renderer.render(images, parameters)
        assert all(torch.equal(batch[name], values) for name, values in expected.items())
        assert batch["image"].is_contiguous(memory_format=torch.channels_last)
        if held is not None:
            assert torch.equal(*held)
        held = batch["image"], batch["image"].clone()
        places.add(batch["image"].data_ptr())
    assert len(places) < len(drawn)


@pytest.mark.skipif(not dali_installed(), reason="NVIDIA DALI is not installed")
def test_a_dali_executor_works_again_after_an_error(make_images: Callable) -> None:
    images, view = make_images(8, 28, 28, 1), TwoCrops(28, 1, blur_sigma=(0.1, 2.0))
    renderer = create("dali", view, CPU, torch.float32, 8)
    good = view.draw(0, 0, np.arange(8), (28, 28))
    before = renderer.render(torch.from_numpy(images), good)
    with pytest.raises(Exception, match=r"."):
        renderer.render(torch.from_numpy(images), {**good, "query_sigma": good["query_sigma"][:3]})
    assert torch.equal(renderer.render(torch.from_numpy(images), good)["query"], before["query"])


def test_the_choice_of_executor_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose("auto", CPU).name == "torch"
    assert "CPU" in choose("auto", CPU).reason
    assert choose("torch", torch.device("cuda")).name == "torch"
    monkeypatch.setattr("fastssl.pipelines.executors.executor.dali_installed", lambda: True)
    assert choose("auto", torch.device("cuda")).name == "dali"
    monkeypatch.setattr("fastssl.pipelines.executors.executor.dali_installed", lambda: False)
    assert choose("auto", torch.device("cuda")).name == "torch"
    assert "not installed" in choose("auto", torch.device("cuda")).reason
    with pytest.raises(ValueError, match="pip install nvidia-dali"):
        choose("dali", CPU)
    with pytest.raises(ValueError, match="executor must be"):
        choose("kornia", CPU)
