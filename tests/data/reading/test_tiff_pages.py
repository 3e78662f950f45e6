"""Which of the images in a TIFF file are pages."""

from __future__ import annotations

import numpy as np
import tifffile

from fastssl.data.reading import read_image_file

from .tiff_files import HEIGHT, RANDOM, WIDTH, values, write


def test_pages_are_counted_and_the_first_is_taken(tmp_path):
    stack = RANDOM.integers(0, 65536, (7, HEIGHT, WIDTH)).astype(np.uint16)
    for options in ({}, {"imagej": True}, {"ome": True}, {"metadata": None}, {"compression": "zlib"}):
        image = read_image_file(write(tmp_path, stack, photometric="minisblack", **options), max_megapixels=1)
        assert image.pages == 7, options
        np.testing.assert_array_equal(image.pixels[..., 0], stack[0])


def test_many_pages_are_counted(tmp_path):
    stack = np.zeros((300, 8, 8), np.uint8)
    assert read_image_file(write(tmp_path, stack, photometric="minisblack"), max_megapixels=1).pages == 300


def test_reduced_copies_and_masks_are_no_pages(tmp_path):
    array, path = values("uint16"), tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as out:
        out.write(array[::2, ::2], subfiletype=1, photometric="minisblack")
        out.write(array, photometric="minisblack")
        out.write(array.astype(bool), subfiletype=4, photometric="mask")
    image = read_image_file(path, max_megapixels=1)
    assert image.pages == 1
    np.testing.assert_array_equal(image.pixels[..., 0], array)


def test_the_levels_of_a_pyramid_are_no_pages(tmp_path):
    array, path = values("uint8", samples=3), tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path) as out:
        out.write(array, subifds=2, photometric="rgb")
        out.write(array[::2, ::2], subfiletype=1, photometric="rgb")
        out.write(array[::4, ::4], subfiletype=1, photometric="rgb")
    image = read_image_file(path, max_megapixels=1)
    assert image.pages == 1
    np.testing.assert_array_equal(image.pixels, array)
