"""The autoencoder's view: a crop and a flip, exact against NumPy in both executors, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fastssl.pipelines import RandomCrop
from fastssl.pipelines.executors.executor import create, dali_installed

EXECUTORS = [
    "torch",
    pytest.param("dali", marks=pytest.mark.skipif(not dali_installed(), reason="NVIDIA DALI is not installed")),
]


def _render(executor: str, view: RandomCrop, images: np.ndarray, indices: np.ndarray) -> torch.Tensor:
    renderer = create(executor, view, torch.device("cpu"), torch.float32, len(indices))
    batch = renderer.render(torch.from_numpy(images[indices]), view.draw(4, 1, indices, images.shape[1:3]))
    assert set(batch) == {"image"}
    return batch["image"]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("scale", [(0.6, 1.0), (1.0, 1.0)])
@pytest.mark.parametrize(("size", "shape"), [(28, (28, 28)), (28, (40, 50)), (64, (40, 50))])
def test_it_agrees_with_the_oracle(
    executor: str,
    channels: int,
    dtype: type,
    scale: tuple[float, float],
    size: int,
    shape: tuple[int, int],
    make_images: Callable,
    oracle: SimpleNamespace,
) -> None:
    images = make_images(12, *shape, channels, dtype)
    view = RandomCrop(size, channels, (0.1,) * channels, (0.7,) * channels, scale, vertical_flip=0.5)
    pictures = _render(executor, view, images, np.arange(12))
    drawn = view.draw(4, 1, np.arange(12), shape)
    for sample, image in enumerate(images):
        levels = image * (255.0 / np.iinfo(dtype).max)
        for axis in (0, 1):
            levels = oracle.resize_axis(levels, drawn["start"][sample, axis], drawn["stop"][sample, axis], size, axis)
        expected = (levels / 255 - 0.1) / 0.7
        error = np.abs(pictures[sample].permute(1, 2, 0).numpy() - expected).max() * 0.7 * 255
        assert error < (1.01 if dtype == np.uint8 and (size != shape[0] or scale[0] < 1) else 0.01)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_samples_picture_is_bit_equal_in_any_batch(executor: str, make_images: Callable) -> None:
    images, view = make_images(20, 28, 28, 3), RandomCrop(28, 3)
    whole = _render(executor, view, images, np.arange(20))
    for indices in (np.array([7]), np.arange(19, 0, -2)):
        assert torch.equal(_render(executor, view, images, indices), whole[indices])


def test_by_default_it_keeps_most_of_the_image_and_mirrors_half() -> None:
    drawn = RandomCrop(28, 1).draw(0, 0, np.arange(2000), (28, 28))
    extent = drawn["stop"] - drawn["start"]
    share = np.abs(extent).prod(axis=1) / 28**2
    assert 0.55 < share.min() < 0.65  # whole pixels
    assert 0.75 < share.mean() < 0.85
    assert share.max() <= 1
    assert (extent[:, 0] > 0).all()
    assert 0.45 < (extent[:, 1] < 0).mean() < 0.55
