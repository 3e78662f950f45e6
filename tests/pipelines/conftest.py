"""Images to augment, and NumPy oracles in float64 that share no code with the package.

Each oracle renders one sample, axis by axis or pixel by pixel, from the parameters that a view drew.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest


def _resize_axis(image: np.ndarray, start: float, stop: float, size: int, axis: int) -> np.ndarray:
    """Triangle-filtered resampling of one axis, the border replicated."""
    length, step = image.shape[axis], (stop - start) / size
    centre = start + (np.arange(size) + 0.5) * step - 0.5
    radius = max(1.0, abs(step))
    source = np.arange(-3 * length, 4 * length)
    weights = np.clip(1 - np.abs(source - centre[:, None]) / radius, 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    dense = np.zeros((size, length))
    np.add.at(dense, (slice(None), np.clip(source, 0, length - 1)), weights)
    return np.moveaxis(np.tensordot(dense, image, (1, axis)), 0, axis)


def _warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Bilinear sampling at affinely mapped pixel centres, the border replicated."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:size, :size] + 0.5
    sx, sy = (row[0] * x + row[1] * y + row[2] - 0.5 for row in matrix.astype(np.float64))
    x0, y0 = np.floor(sx).astype(int), np.floor(sy).astype(int)
    fx, fy = (sx - x0)[..., None], (sy - y0)[..., None]

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return image[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]

    top = (1 - fx) * at(y0, x0) + fx * at(y0, x0 + 1)
    return (1 - fy) * top + fy * ((1 - fx) * at(y0 + 1, x0) + fx * at(y0 + 1, x0 + 1))


def _blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Separable Gaussian that ends at ceil(3 sigma), the border mirrored about the outermost pixel's centre."""
    radius = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        padding = [(radius, radius) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(image, padding, mode="reflect")
        image = np.apply_along_axis(lambda line: np.convolve(line, kernel, mode="valid"), axis, padded)
    return image


def _crop(image: np.ndarray, p: dict[str, np.ndarray], size: int) -> np.ndarray:
    """One of TwoCrops' pictures as grey levels `[size, size, C]`, not normalised."""
    picture = image.astype(np.float64) * (255.0 / np.iinfo(image.dtype).max)
    if "matrix" in p:
        picture = _warp(picture, p["matrix"], size)
    else:
        for axis in (0, 1):
            picture = _resize_axis(picture, p["start"][axis], p["stop"][axis], size, axis)
    picture = np.clip(picture @ p["colour"].T.astype(np.float64) + p["offset"], 0, 255)
    return _blur(picture, p["sigma"]) if p.get("sigma", 0) > 1e-3 else picture


@pytest.fixture
def oracle() -> SimpleNamespace:
    """The NumPy renderings: `resize_axis`, `warp`, `blur`, `crop`."""
    return SimpleNamespace(resize_axis=_resize_axis, warp=_warp, blur=_blur, crop=_crop)


@pytest.fixture
def make_images() -> Callable[..., np.ndarray]:
    """Images with edges, ramps and noise, so that a shift of half a pixel shows."""

    def make(count: int, height: int, width: int, channels: int, dtype: type = np.uint8) -> np.ndarray:
        rng = np.random.default_rng([count, height, width, channels])
        y, x = np.mgrid[:height, :width]
        phase = rng.uniform(0, 6.3, (count, 1, 1, channels))
        waves = 0.5 + 0.4 * np.sin(0.4 * x[None, :, :, None] + phase) * np.cos(0.3 * y[None, :, :, None] - phase)
        noisy = np.clip(waves + rng.normal(0, 0.05, waves.shape), 0, 1)
        noisy[:, height // 3 : height // 2, width // 4 : width // 2] = rng.uniform(0, 1, (count, 1, 1, channels))
        return np.rint(noisy * np.iinfo(dtype).max).astype(dtype)

    return make


@pytest.fixture
def images(make_images: Callable[..., np.ndarray]) -> np.ndarray:
    """Fifty small grey images, for what concerns the loader and not the pictures."""
    return make_images(50, 16, 16, 1)


@pytest.fixture
def worker_threads() -> Iterator[Callable[[], list[threading.Thread]]]:
    """Lists the loader's threads that are alive; fails the test if some outlive it."""

    def running() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name.startswith("fastssl-loader")]

    yield running
    gc.collect()
    gc.freeze()  # what is left is not looked at again: 0.2 s after each test
    deadline = time.monotonic() + 10
    while running() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not running()
