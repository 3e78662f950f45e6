"""TIFF files of several slices: when they are volumes, and that other TIFF files stay pictures."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from fastssl.data.reading import ImageFileError, ReadingOptions, read_frames, read_image_file, read_image_header
from fastssl.data.reading.volumes.tiff_stack import UNSTATED
from fastssl.data.reading.windowing import to_grey

from .volume_files import WHOLE, pixels_of, slices_of

STACK = np.random.default_rng(0).random((7, 6, 5), dtype=np.float32)
"""`[page, row, column]`, from 0 to 1."""
WIDE = (STACK * 65535).astype(np.uint16)
SAYS_SLICES = {
    "ImageJ": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "ImageJ, compressed": {"imagej": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
    "OME": {"ome": True, "metadata": {"axes": "ZYX"}},
    "OME, compressed": {"ome": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
    "tifffile": {"metadata": {"axes": "ZYX"}},
}
SAYS_NOTHING = {
    "tifffile, as nnU-Net writes": {},
    "pages alone": {"metadata": None},
    "pages alone, compressed": {"metadata": None, "compression": "zlib"},
    "ImageJ, points in time": {"imagej": True, "metadata": {"axes": "TYX"}},
    "OME, points in time": {"ome": True, "metadata": {"axes": "TYX"}},
}


@pytest.fixture
def write(tmp_path):
    def make(array, **options):
        path = tmp_path / "a.ome.tif" if options.get("ome") else tmp_path / "a.tif"
        tifffile.imwrite(path, array, **{"photometric": "minisblack"} | options)
        return path

    return make


def is_volume(path, **options) -> bool:
    return read_image_header(path, ReadingOptions(**options)).frames > 1


@pytest.mark.parametrize("kind", SAYS_SLICES)
def test_pages_that_are_said_to_be_slices_are_a_volume(write, kind):
    frames = slices_of(write(STACK, **SAYS_SLICES[kind]), window=WHOLE)
    np.testing.assert_array_equal([frame.pixels[..., 0] for frame in frames], to_grey(STACK, 0, 1))
    assert frames[0].notes == ("slices of a volume, axial", UNSTATED)


@pytest.mark.parametrize("kind", SAYS_NOTHING)
def test_other_pages_are_a_volume_only_where_its_axis_is_chosen(write, kind):
    path = write(STACK, **SAYS_NOTHING[kind])
    assert not is_volume(path)
    np.testing.assert_array_equal(read_image_file(path, max_megapixels=1).pixels[..., 0], STACK[0])
    for axis in ("axial", "0"):
        np.testing.assert_array_equal(pixels_of(path, axis=axis, window=WHOLE)[..., 0], to_grey(STACK, 0, 1))


def test_the_axes_of_a_stack_are_those_of_tifffiles_array(write):
    path = write(STACK)
    for axis in range(3):
        expected = to_grey(np.moveaxis(STACK, axis, 0), 0, 1)
        np.testing.assert_array_equal(pixels_of(path, axis=str(axis), window=WHOLE)[..., 0], expected)
    coronal = to_grey(STACK[::-1].transpose(1, 0, 2), 0, 1)  # slices to the back, rows downwards, columns to the left
    np.testing.assert_array_equal(pixels_of(path, axis="coronal", window=WHOLE)[..., 0], coronal)


@pytest.mark.parametrize("axis", ["auto", "axial"])
def test_pictures_stay_pictures(write, axis, tmp_path):
    grey, colour = WIDE[0], np.zeros((6, 5, 3), np.uint8)
    for array, options in ((grey, {}), (grey, {"imagej": True}), (grey, {"ome": True})):
        assert not is_volume(write(array, **options), axis=axis)
    assert not is_volume(write(colour, photometric="rgb"), axis=axis)
    path = tmp_path / "pyramid.ome.tif"
    with tifffile.TiffWriter(path) as out:
        out.write(np.zeros((64, 64, 3), np.uint8), subifds=1, photometric="rgb")
        out.write(np.zeros((32, 32, 3), np.uint8), subfiletype=1, photometric="rgb")
    assert not is_volume(path, axis=axis)
    path = tmp_path / "thumbnail.tif"
    with tifffile.TiffWriter(path) as out:
        out.write(WIDE[0], photometric="minisblack", metadata=None)
        out.write(WIDE[0, ::2, ::2], subfiletype=1, photometric="minisblack", metadata=None)
    assert not is_volume(path, axis=axis)


def test_letters_in_colour_are_volumes_only_where_that_is_asked_for(write):
    pages = np.random.default_rng(0).integers(0, 256, (3, 6, 5, 3), dtype=np.uint8)
    path = write(pages, photometric="rgb", metadata=None)
    assert not is_volume(path)
    np.testing.assert_array_equal(pixels_of(path, axis="0"), pages)


@pytest.mark.parametrize("kind", ["ImageJ", "OME"])
def test_of_channels_and_points_in_time_the_first_is_taken(write, kind):
    array = np.stack([np.stack([STACK, STACK[::-1]], axis=1)] * 2)
    options = {"imagej": True} if kind == "ImageJ" else {"ome": True}
    frames = slices_of(write(array, metadata={"axes": "TZCYX"}, **options), window=WHOLE)
    np.testing.assert_array_equal([frame.pixels[..., 0] for frame in frames], to_grey(STACK, 0, 1))
    assert "several volumes in one file" in frames[0].notes[-1]


def test_spacings_of_imagej_and_ome_are_known(write):
    imagej = {"imagej": True, "resolution": (2.0, 2.0), "metadata": {"axes": "ZYX", "spacing": 1.0, "unit": "um"}}
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 1.0}
    for options in (imagej, {"ome": True, "metadata": {"axes": "ZYX"} | sizes}):
        header = read_image_header(write(STACK, **options), ReadingOptions(axis="coronal"))
        assert (header.width, header.height) == (5, 14)


def test_white_as_zero_is_turned_around(write):
    path = write(WIDE, photometric="miniswhite", metadata={"axes": "ZYX"})
    np.testing.assert_allclose(pixels_of(path, window="32767.5,65535")[..., 0].astype(int), 65535 - WIDE, atol=1)


@pytest.mark.parametrize("kind", ["ImageJ", "ImageJ, compressed", "tifffile"])  # OME's description lies at the end
def test_a_stack_that_is_cut_short_is_refused_in_one_line(write, kind):
    path = write(np.random.default_rng(0).integers(0, 65536, (7, 64, 64), dtype=np.uint16), **SAYS_SLICES[kind])
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(ImageFileError) as caught:
        list(read_frames(path, ReadingOptions(axis="0")))
    assert "\n" not in str(caught.value)
