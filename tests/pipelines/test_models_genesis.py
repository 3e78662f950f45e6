"""Models Genesis' deformations: against NumPy with the same numbers, and as often as published."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fastssl.pipelines import ModelsGenesis
from fastssl.pipelines.executors.executor import create, dali_installed
from fastssl.pipelines.ops.noise import pixel_uniform
from fastssl.pipelines.random import keys, uniform

EXECUTORS = [
    "torch",
    pytest.param("dali", marks=pytest.mark.skipif(not dali_installed(), reason="NVIDIA DALI is not installed")),
]
MANY = np.arange(5000)


def test_pixel_numbers_continue_the_hosts_sequence() -> None:
    drawn = pixel_uniform(torch.from_numpy(keys(3, 4, MANY[:50], 5).view(np.int64)), 200).numpy()
    assert np.array_equal(drawn, np.floor(uniform(3, 4, MANY[:50], 5, 200) * 2**24) / 2**24)


def test_deformations_happen_as_often_as_published() -> None:
    drawn = ModelsGenesis(28, 1).draw(0, 0, MANY, (28, 28))
    boxes = (drawn["boxes"][:, :, 1] > drawn["boxes"][:, :, 0]).all(axis=2).sum(axis=1)
    assert drawn["shuffled"].mean() == pytest.approx(0.5, abs=0.03)
    assert drawn["painted"].mean() == pytest.approx(0.9, abs=0.02)
    assert drawn["in_boxes"].mean() == pytest.approx(0.2, abs=0.03)
    assert np.bincount(boxes, minlength=6)[1:] / len(MANY) == pytest.approx(
        [0.05, 0.05 * 0.95, 0.05 * 0.95**2, 0.05 * 0.95**3, 0.95**4], abs=0.02
    )


@pytest.mark.parametrize("size", [14, 28, 64, 224])
def test_boxes_have_the_published_sides_and_keep_off_the_border(size: int) -> None:
    drawn = ModelsGenesis(size, 1).draw(0, 0, MANY, (size, size))
    start, stop = drawn["boxes"][:, :, 0], drawn["boxes"][:, :, 1]
    there = (stop > start).all(axis=2)
    sides = (stop - start)[there]
    assert (start[there] >= 3).all()
    assert (stop[there] <= size - 3).all()
    inside = np.repeat(drawn["in_boxes"][:, None], 5, axis=1)[there]
    for chosen, low, high in ((inside, size / 6, size / 3), (~inside, 3 * size / 7, 4 * size / 7)):
        assert sides[chosen].min() == np.floor(low)
        assert high - 1.5 < sides[chosen].max() <= high


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("size", "count"), [(28, 24), (64, 6)])
def test_pictures_agree_with_the_oracle(
    executor: str, channels: int, dtype: type, size: int, count: int, make_images: Callable
) -> None:
    images = make_images(count, size, size, channels, dtype)
    view = ModelsGenesis(size, channels, (0.0,) * channels, (1.0,) * channels)
    p = view.draw(2, 0, np.arange(count), (size, size))
    renderer = create(executor, view, torch.device("cpu"), torch.float32, count)
    batch = {name: values.numpy() for name, values in renderer.render(torch.from_numpy(images), p).items()}
    numbers = np.floor(uniform(2, 0, np.arange(count), 3, (6 + channels) * size**2) * 2**24) / 2**24
    s = np.linspace(0, 1, 20_001)
    for b in range(count):
        u = numbers[b].reshape(6 + channels, size, size)
        (x1, y1), (x2, y2) = p["control"][b].astype(np.float64)
        xs, ys = (3 * a * s * (1 - s) ** 2 + 3 * c * s**2 * (1 - s) + s**3 for a, c in ((x1, x2), (y1, y2)))
        expected = _shuffled(batch["target"][b], u) if p["shuffled"][b] else batch["target"][b]
        expected = np.interp(expected, xs, ys[::-1] if p["falls"][b] else ys)
        boxed = np.zeros((size, size), bool)
        for (y0, x0), (y_end, x_end) in p["boxes"][b].astype(int):
            boxed[y0:y_end, x0:x_end] = True
        noisy = (boxed if p["in_boxes"][b] else ~boxed) & p["painted"][b]
        assert np.array_equal(batch["mask"][b, 0], noisy)
        assert np.abs(batch["image"][b] - np.where(noisy, u[6:], expected)).max() * 255 < 0.5


def _shuffled(picture: np.ndarray, u: np.ndarray) -> np.ndarray:
    """One pixel at a time: the window's sides by their cumulated weights, then where in it, then where from."""
    size = picture.shape[1]
    largest = size // 10
    cumulated = np.cumsum(np.arange(1, largest + 1)) / np.arange(1, largest + 1).sum()
    out = np.empty_like(picture)
    for y in range(size):
        for x in range(size):
            at = [y, x]
            for axis in (0, 1):
                side = 1 + int((cumulated < u[axis, y, x]).sum())
                at[axis] += int(u[4 + axis, y, x] * side) - int(u[2 + axis, y, x] * side)
            out[:, y, x] = picture[:, min(max(at[0], 0), size - 1), min(max(at[1], 0), size - 1)]
    return out


def test_shuffling_moves_pixels_as_the_last_of_many_windows_would() -> None:
    """Distribution of the displacement against 20 000 windows drawn one after another, away from the border."""
    size, largest = 60, 6
    rng = np.random.default_rng(0)
    moved = np.zeros((size, size), int)
    counts = np.zeros(2 * largest - 1)
    for _ in range(4):
        for _ in range(20_000):
            h, w = rng.integers(1, largest + 1, 2)
            y, x = rng.integers(0, size - h + 1), rng.integers(0, size - w + 1)
            rows = np.arange(y, y + h)[:, None] + np.zeros((1, w), int)
            source = rng.permutation(rows.ravel()).reshape(h, w)
            moved[y : y + h, x : x + w] = source - rows
        counts += np.bincount(moved[10:-10, 10:-10].ravel() + largest - 1, minlength=2 * largest - 1)
    row = torch.arange(size, dtype=torch.float32)[:, None].expand(40, 1, size, size)
    u = torch.rand(40, 6 * size**2, generator=torch.Generator().manual_seed(1))
    shifts = (ModelsGenesis(size, 1)._shuffle(row, u, torch.ones(40, dtype=torch.bool)) - row)[:, :, 10:-10, 10:-10]
    drawn = np.bincount(shifts.flatten().long().numpy() + largest - 1, minlength=2 * largest - 1)
    assert np.abs(counts / counts.sum() - drawn / drawn.sum()).max() < 0.012


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"size": 13}, "at least 14 px"), ({"paint": 2.0}, "paint is a probability"), ({"inside": -1}, "inside is")],
)
def test_settings_that_cannot_be_used_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelsGenesis(**{"size": 28, "channels": 1, **arguments})
