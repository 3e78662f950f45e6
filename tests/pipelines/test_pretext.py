"""The pretext views: exact against NumPy, sample by sample, in both executors."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fastssl.pipelines import CentrePatch, Colorization, Jigsaw, View
from fastssl.pipelines.executors.executor import create, dali_installed
from fastssl.pipelines.ops.permutations import tile_orders

EXECUTORS = [
    "torch",
    pytest.param("dali", marks=pytest.mark.skipif(not dali_installed(), reason="NVIDIA DALI is not installed")),
]


def _render(executor: str, view: View, images: np.ndarray) -> dict[str, np.ndarray]:
    indices = np.arange(len(images))
    renderer = create(executor, view, torch.device("cpu"), torch.float32, len(images))
    batch = renderer.render(torch.from_numpy(images), view.draw(4, 1, indices, images.shape[1:3]))
    return {name: values.numpy() for name, values in batch.items()}


def _levels(pictures: np.ndarray) -> np.ndarray:
    """`[B, C, S, S]` on the scale 0 to 1 as whole grey levels `[B, S, S, C]`."""
    return np.rint(pictures * 255).astype(int).transpose(0, 2, 3, 1)


def _is_stored_or_mirrored(pictures: np.ndarray, images: np.ndarray) -> bool:
    return all((a == b).all() or (a == b[:, ::-1]).all() for a, b in zip(_levels(pictures), images, strict=True))


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("size", [28, 64, 224])
@pytest.mark.parametrize(("mean", "std"), [((0.0,) * 3, (1.0,) * 3), ((0.5, 0.4, 0.3), (0.2, 0.25, 0.5))], ids=str)
def test_colorization_shows_luma_and_asks_for_the_picture(
    executor: str, size: int, mean: tuple[float, ...], std: tuple[float, ...], make_images: Callable
) -> None:
    images = make_images(4, size, size, 3)
    batch = _render(executor, Colorization(size, 3, mean, std, scale=(1.0, 1.0)), images)
    by_channel = np.array([mean, std])[:, :, None, None]
    image, target = (batch[name].astype(np.float64) * by_channel[1] + by_channel[0] for name in ("image", "target"))
    assert _is_stored_or_mirrored(target, images)
    luma = np.einsum("bchw,c->bhw", target, [0.299, 0.587, 0.114])
    assert image.shape == target.shape
    assert np.abs(image - luma[:, None]).max() < 1e-5


def test_colorization_of_grey_images_is_refused() -> None:
    with pytest.raises(ValueError, match="needs RGB images"):
        Colorization(28, 1)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("size", "side"), [(28, 14), (64, 32), (224, 112)])
def test_the_centre_patch_alone_is_missing(
    executor: str, channels: int, dtype: type, size: int, side: int, make_images: Callable
) -> None:
    images = make_images(3, size, size, channels, dtype)
    batch = _render(executor, CentrePatch(size, channels), images)
    expected = np.zeros((size, size), np.uint8)
    edge = (size - side) // 2
    expected[edge : edge + side, edge : edge + side] = 1
    assert (batch["mask"] == expected).all()
    assert np.array_equal(batch["image"], np.where(expected, 0, batch["target"]).astype(np.float32))


@pytest.mark.parametrize("patch", [0.0, 1.0, 0.01])
def test_a_patch_of_nothing_or_everything_is_refused(patch: float) -> None:
    with pytest.raises(ValueError, match="patch must leave some"):
        CentrePatch(28, 1, patch=patch)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("grid", "size"), [(2, 28), (2, 64), (3, 63), (2, 224)])
def test_jigsaw_tiles_lie_where_the_order_says(
    executor: str, channels: int, grid: int, size: int, make_images: Callable
) -> None:
    view = Jigsaw(size, channels, grid=grid)
    batch = _render(executor, view, make_images(8, size, size, channels))
    side = size // grid
    corners = list(itertools.product(range(0, size, side), repeat=2))
    for image, target, label in zip(batch["image"], batch["target"], batch["permutation"], strict=True):
        for place, origin in enumerate(view.orders[label]):
            (y, x), (v, u) = corners[place], corners[origin]
            assert np.array_equal(image[:, y : y + side, x : x + side], target[:, v : v + side, u : u + side])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_jigsaw_without_a_target_is_the_same_otherwise(executor: str, make_images: Callable) -> None:
    images = make_images(8, 28, 28, 3)
    whole = _render(executor, Jigsaw(28, 3), images)
    short = _render(executor, Jigsaw(28, 3, with_target=False), images)
    assert whole.keys() - short.keys() == {"target"}
    assert all(np.array_equal(whole[name], values) for name, values in short.items())


def test_every_order_is_drawn_equally_often() -> None:
    labels = Jigsaw(28, 1).draw(0, 0, np.arange(24_000), (28, 28))["permutation"]
    counts = np.bincount(labels, minlength=24)
    assert len(counts) == 24
    assert ((counts - 1000) ** 2 / 1000).sum() < 58  # 23 degrees of freedom: exceeded once in 10 000


def test_four_tiles_have_all_24_orders_and_nine_a_far_apart_set() -> None:
    assert [tuple(order) for order in tile_orders(4, 24)] == list(itertools.permutations(range(4)))
    orders = tile_orders(9, 100)
    distances = (orders[:, None] != orders[None]).sum(axis=2)[~np.eye(100, dtype=bool)]
    assert np.array_equal(np.sort(orders, axis=1), np.tile(np.arange(9), (100, 1)))
    assert distances.min() >= 6
    assert distances.mean() > 8


def test_the_first_nine_far_apart_orders_share_no_place() -> None:
    """Nine orders that differ everywhere exist (a Latin square's rows), and greedy selection finds some."""
    orders = tile_orders(9, 9)
    assert all(len(set(column)) == 9 for column in orders.T)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grid": 4}, "grid must be 2 or 3"),
        ({"size": 29}, "size 29 does not divide into 2 tiles: use 28"),
        ({"grid": 3}, "size 28 does not divide into 3 tiles: use 27"),
        ({"permutations": 25}, "permutations must lie between 2 and 24"),
    ],
)
def test_jigsaws_that_cannot_be_cut_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Jigsaw(**{"size": 28, "channels": 1, **arguments})


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_crops_agree_with_the_oracle(
    executor: str, dtype: type, make_images: Callable, oracle: SimpleNamespace
) -> None:
    images = make_images(12, 40, 50, 3, dtype)
    view = CentrePatch(28, 3, (0.0,) * 3, (1.0,) * 3, vertical_flip=0.5)
    batch = _render(executor, view, images)
    drawn = view.draw(4, 1, np.arange(12), (40, 50))
    for sample, image in enumerate(images):
        picture = image * (255.0 / np.iinfo(dtype).max)
        for axis in (0, 1):
            picture = oracle.resize_axis(picture, drawn["start"][sample, axis], drawn["stop"][sample, axis], 28, axis)
        error = np.abs(batch["target"][sample].transpose(1, 2, 0) * 255 - picture).max()
        assert error < (1.01 if dtype == np.uint8 else 0.01)


def test_orders_are_counted_before_they_are_searched() -> None:
    with pytest.raises(ValueError, match="between 2 and 362880"):
        Jigsaw(27, 1, grid=3, permutations=362_881)
