"""Strips and tiles of TIFF files that are cut short, absurdly large, or unpack to more than they should."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
import tifffile

from fastssl.data.reading import ImageFileError, read_image_file

from .tiff_files import RANDOM, values, write


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "jpeg", "jpeg2000"])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"rowsperstrip": 5}])
def test_a_file_that_is_cut_short_is_refused(tmp_path, compression, options):
    array = np.zeros((64, 64), np.uint8)
    array[::3] = RANDOM.integers(0, 256, (22, 64))
    whole = write(tmp_path, array, compression=compression, **options).read_bytes()
    for length in (len(whole) - 1, len(whole) - 200, len(whole) // 2):
        (tmp_path / "a.tif").write_bytes(whole[:length])
        with pytest.raises(ImageFileError):
            read_image_file(tmp_path / "a.tif", max_megapixels=1)


def test_absurd_sizes_are_refused_without_taking_memory(tmp_path):
    path = write(tmp_path, values("uint8"), compression="zlib")
    plain = path.read_bytes()
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[256].overwrite(2**31 - 1)
        file.pages[0].tags[257].overwrite(2**31 - 1)
    with pytest.raises(ImageFileError, match="megapixels"):
        read_image_file(path, max_megapixels=200)
    path.write_bytes(plain)
    write(tmp_path, values("uint8"), tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[322].overwrite(65520)
        file.pages[0].tags[323].overwrite(65520)
    with pytest.raises(ImageFileError, match="tiles of 65520x65520"):
        read_image_file(path, max_megapixels=200)


def test_a_strip_that_unpacks_to_far_more_than_its_pixels_takes_no_more_memory(tmp_path):
    bomb = imagecodecs.zlib_encode(bytes(1 << 28))
    path = write(tmp_path, np.zeros((64, 64), np.uint8), compression="zlib")
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].dataoffsets[0]
    path.write_bytes(path.read_bytes()[:at] + bomb)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[279].overwrite(len(bomb))
    with pytest.raises(ImageFileError):
        read_image_file(path, max_megapixels=200)
