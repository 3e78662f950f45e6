"""Masks that were resized or compressed have two meanings; classes in such masks are not taken for edges."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fastssl.data.reading import LabelMap
from fastssl.errors import DataError
from fastssl.evaluation.segment.data.masks import Foreground, choose_foreground, code_labels

SIDE = 160
RESAMPLING = Image.Resampling


def drawn(seed: int, values: tuple[int, ...] = (255,), *, thin: bool = False) -> Image.Image:
    """Ellipses, or lines of 1 to 4 pixels, of the values in turn."""
    rng = np.random.default_rng(seed)
    image = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(image)
    for number in range(12 if thin else 4 * len(values)):
        value = values[number % len(values)]
        if thin:
            draw.line(rng.integers(0, SIDE, 4).tolist(), fill=value, width=int(rng.integers(1, 5)))
        else:
            (x, y), (a, b) = rng.integers(30, SIDE - 30, 2), rng.integers(12, 25, 2)
            draw.ellipse([int(x - a), int(y - b), int(x + a), int(y + b)], fill=value)
    return image


def jpeg(image: Image.Image, quality: int, mode: str = "L") -> np.ndarray:
    content = io.BytesIO()
    image.convert(mode).save(content, "JPEG", quality=quality)
    return np.asarray(Image.open(content).convert("L"))


def chosen(arrays: list[np.ndarray], *requested: str, lossy: bool = False) -> tuple[Foreground, list[np.ndarray]]:
    labels = [LabelMap(values=array, kind="grey", lossy=lossy) for array in arrays]
    masks = [code_labels(Path(f"{number}"), one) for number, one in enumerate(labels)]
    found = choose_foreground(masks, requested, Path("m"))
    return found, [mask.looked_up(table) for mask, table in zip(masks, found.tables, strict=True)]


@pytest.mark.parametrize("as_png", [False, True])
@pytest.mark.parametrize("thin", [False, True])
@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90, 95])
def test_black_and_white_stay_so_through_jpeg(quality: int, thin: bool, as_png: bool) -> None:
    images = [drawn(seed, thin=thin) for seed in range(4)]
    choice, found = chosen([jpeg(image, quality) for image in images], lossy=not as_png)
    assert choice.key == "from 128 on"
    assert "were resized or compressed: those between are cut at 128" in choice.notes[0]
    wrong = np.mean([one != (np.asarray(image) > 0) for one, image in zip(found, images, strict=True)])
    assert wrong < (0.03 if quality < 50 else 0.005)


RESIZED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "twice as large, bilinear": lambda image: image.resize((2 * SIDE, 2 * SIDE), RESAMPLING.BILINEAR),
    "three times, bicubic": lambda image: image.resize((3 * SIDE, 3 * SIDE), RESAMPLING.BICUBIC),
    "eight times": lambda image: image.crop((0, 0, 60, 60)).resize((480, 480), RESAMPLING.BILINEAR),
    "half, by area": lambda image: image.resize((SIDE // 2, SIDE // 2), RESAMPLING.BOX),
    "0.7, bicubic": lambda image: image.resize((112, 112), RESAMPLING.BICUBIC),
    "1.6, Lanczos": lambda image: image.resize((256, 256), RESAMPLING.LANCZOS),
    "turned": lambda image: image.rotate(12, RESAMPLING.BICUBIC),
}


@pytest.mark.parametrize("name", RESIZED)
def test_smooth_edges_are_cut_at_half(name: str) -> None:
    arrays = [np.asarray(RESIZED[name](drawn(seed))) for seed in range(4)]
    choice, found = chosen(arrays)
    assert choice.key == "from 128 on"
    for one, array in zip(found, arrays, strict=True):
        np.testing.assert_array_equal(one, array >= 128)
    wide, same = chosen([array.astype(np.uint16) * 257 for array in arrays])
    assert wide.key == "from 32768 on"
    assert all(map(np.array_equal, same, found))


@pytest.mark.parametrize("requested", ["255", "any"])
def test_asking_for_white_of_smooth_masks_cuts_them_at_half_too(requested: str) -> None:
    arrays = [jpeg(drawn(seed), 75) for seed in range(4)]
    found = chosen(arrays, requested, lossy=True)[1]
    assert all(np.array_equal(one, array >= 128) for one, array in zip(found, arrays, strict=True))
    found = chosen(arrays, "0", lossy=True)[1]
    assert all(np.array_equal(one, array < 128) for one, array in zip(found, arrays, strict=True))


@pytest.mark.parametrize(
    "values",
    [(127, 255), (128, 255), (1, 255), (64, 128, 191, 255), (1, 2, 3, 255), (51, 102, 153, 204, 255), (80, 255)],
)
@pytest.mark.parametrize("thin", [False, True])
def test_classes_are_not_taken_for_edges(values: tuple[int, ...], thin: bool) -> None:
    with pytest.raises(DataError, match=f"masks hold {len(values) + 1} values: .*--foreground"):
        chosen([np.asarray(drawn(seed, values, thin=thin)) for seed in range(4)])


@pytest.mark.parametrize("ids", [range(1, 41), range(1, 256), range(3, 256, 3)])
@pytest.mark.parametrize("thin", [False, True])
def test_instances_are_not_taken_for_edges(ids: range, thin: bool) -> None:
    images = [np.asarray(drawn(seed, (*ids[:: len(ids) // 12], ids[-1]), thin=thin)) for seed in range(4)]
    with pytest.raises(DataError, match="--foreground"):
        chosen(images)


@pytest.mark.parametrize("as_png", [False, True])
@pytest.mark.parametrize("quality", [50, 75, 95])
@pytest.mark.parametrize("values", [(127, 255), (64, 128, 255), (170, 255)])
def test_a_third_class_in_a_jpeg_is_refused(values: tuple[int, ...], quality: int, as_png: bool) -> None:
    expected = "--foreground" if as_png else r"compressed with loss \(JPEG\) and hold more .*; save them without loss"
    with pytest.raises(DataError, match=expected):
        chosen([jpeg(drawn(seed, values), quality) for seed in range(4)], lossy=not as_png)
    if not as_png:
        with pytest.raises(DataError, match="even with --foreground"):
            chosen([jpeg(drawn(seed, values), quality) for seed in range(4)], "255", lossy=True)


def test_a_third_class_in_one_mask_of_many_is_found() -> None:
    arrays = [jpeg(drawn(seed), 75) for seed in range(12)]
    arrays[7] = jpeg(drawn(7, (127, 255)), 75)
    with pytest.raises(DataError, match="compressed with loss"):
        chosen(arrays, lossy=True)


def test_photographs_in_the_place_of_masks_are_refused(shared_data: Path) -> None:
    paths = sorted((shared_data / "isic557").rglob("*.jpg"))[:6]
    photographs = [np.asarray(Image.open(path).convert("L")) for path in paths]
    for lossy in (False, True):
        with pytest.raises(DataError, match="masks"):
            chosen(photographs, lossy=lossy)


def test_a_colour_jpeg_of_black_and_white_is_grey() -> None:
    """Kvasir-SEG's masks: three channels that differ by what compression made of them."""
    truth = drawn(3)
    content = io.BytesIO()
    noisy = np.asarray(truth.convert("RGB")).astype(int) + np.random.default_rng(0).integers(-2, 3, (SIDE, SIDE, 3))
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(content, "JPEG", quality=80)
    rgb = np.asarray(Image.open(content))
    numbers = rgb.astype(np.int64) @ np.array([65536, 256, 1])
    colours, rows = np.unique(numbers, return_inverse=True)
    table = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.uint8)
    labels = LabelMap(values=rows.reshape(numbers.shape).astype(np.int32), kind="colour", colours=table, lossy=True)
    coded = code_labels(Path("0.jpg"), labels)
    assert coded.kind == "grey"
    found = choose_foreground([coded], (), Path("m"))
    assert np.mean(coded.looked_up(found.tables[0]) != (np.asarray(truth) > 0)) < 0.005
