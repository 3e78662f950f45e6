"""Masks in every form that they are saved in: the number that each pixel means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from fastssl.data.reading import ImageFileError, LabelMap, read_label_file

RANDOM = np.random.default_rng(0)
CLASSES = RANDOM.integers(0, 4, (12, 17)).astype(np.uint8)
VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
COLOURS = np.array(VOC, np.uint8).reshape(4, 3)


def labels(path: Path) -> LabelMap:
    return read_label_file(path, max_megapixels=1)


def saved(path: Path, array: np.ndarray, **options: Any) -> LabelMap:
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, **{"photometric": "rgb" if array.ndim == 3 else "minisblack", **options})
    else:
        Image.fromarray(array).save(path, **options)
    return labels(path)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.pbm"])
def test_a_bilevel_mask_is_0_and_1(tmp_path, name):
    bits = CLASSES > 1
    Image.fromarray(bits).save(tmp_path / name)
    found = labels(tmp_path / name)
    assert found.kind == "bilevel"
    np.testing.assert_array_equal(found.values, bits)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_a_bilevel_tiff_has_1_where_it_is_white(tmp_path, photometric):
    stored = CLASSES > 1
    found = saved(tmp_path / "a.tif", stored, photometric=photometric)
    np.testing.assert_array_equal(found.values, stored if photometric == "minisblack" else ~stored)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.gif"])
def test_a_palette_mask_is_read_by_index_and_keeps_its_colours(tmp_path, name):
    image = Image.fromarray(CLASSES, "P")
    image.putpalette(VOC)
    image.save(tmp_path / name)
    found = labels(tmp_path / name)
    assert found.kind == "palette"
    np.testing.assert_array_equal(found.colours[found.values], COLOURS[CLASSES])
    if name != "a.gif":  # which sorts its palette
        np.testing.assert_array_equal(found.values, CLASSES)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *(("a.tif", dtype) for dtype in (np.uint8, np.uint16, np.int16, np.int32, np.uint32)),
        *(("a.png", dtype) for dtype in (np.uint8, np.uint16)),
        *((name, np.uint8) for name in ("a.bmp", "a.jp2", "a.pgm")),
    ],
)
def test_a_grey_mask_is_read_by_value(tmp_path, name, dtype):
    array = (CLASSES * 60).astype(dtype)
    found = saved(tmp_path / name, array)
    assert found.kind == "grey"
    assert not found.lossy
    np.testing.assert_array_equal(found.values, array)


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_values_of_few_bits_are_not_stretched(tmp_path, write_narrow_png, bits):
    array = np.resize(CLASSES, (12, 16))
    np.testing.assert_array_equal(labels(write_narrow_png(tmp_path / "a.png", array, bits)).values, array)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_a_colour_mask_is_a_table_of_its_colours(tmp_path, name):
    found = saved(tmp_path / name, COLOURS[CLASSES])
    assert found.kind == "colour"
    assert found.colours.tolist() == [[0, 0, 0], [0, 128, 0], [128, 0, 0], [128, 128, 0]]
    np.testing.assert_array_equal(found.colours[found.values], COLOURS[CLASSES])


def test_a_colour_mask_of_16_bits_has_its_colours_as_8(tmp_path):
    found = saved(tmp_path / "a.tif", COLOURS[CLASSES].astype(np.uint16) * 257)
    np.testing.assert_array_equal(found.colours[found.values], COLOURS[CLASSES])


def test_grey_saved_as_colour_is_grey(tmp_path):
    found = saved(tmp_path / "a.png", np.repeat((CLASSES * 60)[..., None], 3, axis=-1))
    assert found.kind == "grey"
    np.testing.assert_array_equal(found.values, CLASSES * 60)


@pytest.mark.parametrize("opacity", [255, 100])
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 0, 0)])
def test_where_everything_visible_has_one_colour_the_transparency_is_the_mask(tmp_path, opacity, colour):
    array = np.zeros((12, 17, 4), np.uint8)
    array[CLASSES == 3] = (*colour, opacity)
    found = saved(tmp_path / "a.png", array)
    assert found.kind == "transparency"
    np.testing.assert_array_equal(found.values, CLASSES == 3)


def test_transparent_pixels_of_a_mask_of_colours_are_background(tmp_path):
    array = np.dstack([COLOURS[CLASSES], np.where(CLASSES == 3, 0, 255)]).astype(np.uint8)
    found = saved(tmp_path / "a.png", array)
    shown = np.where((CLASSES == 3)[..., None], 0, COLOURS[CLASSES])
    np.testing.assert_array_equal(found.colours[found.values], shown)


def test_transparency_that_is_equal_everywhere_does_not_count(tmp_path):
    for opacity in (255, 90, 0):
        array = np.dstack([COLOURS[CLASSES], np.full(CLASSES.shape, opacity)]).astype(np.uint8)
        found = saved(tmp_path / "a.png", array)
        np.testing.assert_array_equal(found.colours[found.values], COLOURS[CLASSES])


def test_a_palette_with_a_transparent_index_has_background_there(tmp_path):
    image = Image.fromarray(CLASSES, "P")
    image.putpalette(VOC)
    image.save(tmp_path / "a.png", transparency=2)
    found = labels(tmp_path / "a.png")
    np.testing.assert_array_equal(found.colours[found.values], np.where((CLASSES == 2)[..., None], 0, COLOURS[CLASSES]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_floats_that_are_whole_numbers_are_these(tmp_path, dtype):
    found = saved(tmp_path / "a.tif", CLASSES.astype(dtype))
    assert found.values.dtype == np.uint8
    np.testing.assert_array_equal(found.values, CLASSES)
    np.testing.assert_array_equal(saved(tmp_path / "a.tif", CLASSES.astype(dtype) - 2).values, CLASSES.astype(int) - 2)


def test_fractions_from_0_to_1_become_0_to_255_and_that_is_noted(tmp_path):
    array = RANDOM.random((12, 17)).astype(np.float32)
    found = saved(tmp_path / "a.tif", array)
    np.testing.assert_array_equal(found.values, np.rint(array * 255))
    assert "multiplied by 255" in found.notes[0]


@pytest.mark.parametrize("value", [1.5, np.nan, np.inf])
def test_other_fractions_are_refused(tmp_path, value):
    array = np.zeros((12, 17), np.float32)
    array[3, 3] = value
    with pytest.raises(ImageFileError, match=r"fractions from 0 to 1\.5|NaN or infinite"):
        saved(tmp_path / "a.tif", array)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.avif"])
def test_a_mask_compressed_with_loss_says_so(tmp_path, name):
    assert saved(tmp_path / name, np.repeat((CLASSES * 60)[..., None], 3, axis=-1)).lossy


def test_a_lossless_webp_is_not_lossy(tmp_path):
    found = saved(tmp_path / "a.webp", COLOURS[CLASSES], lossless=True)
    assert not found.lossy
    np.testing.assert_array_equal(found.colours[found.values], COLOURS[CLASSES])


def test_jpeg_in_a_tiff_is_lossy(tmp_path):
    assert saved(tmp_path / "a.tif", np.zeros((16, 16), np.uint8), compression="jpeg").lossy
    assert not saved(tmp_path / "a.tif", np.zeros((16, 16), np.uint8), compression="zlib").lossy


def test_the_orientation_counts_for_masks_too(tmp_path):
    found = saved(tmp_path / "a.tif", CLASSES, extratags=[(274, "H", 1, 6, True)])
    np.testing.assert_array_equal(found.values, np.rot90(CLASSES, -1))
