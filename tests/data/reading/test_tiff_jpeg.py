"""JPEG inside TIFF files, against what tifffile decodes."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from .tiff_files import read, write


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 2)])
def test_jpeg_in_tiff_is_close(tmp_path, subsampling):
    array = np.zeros((32, 48, 3), np.uint8)
    array[:16] = (200, 40, 60)
    path = write(tmp_path, array, compression="jpeg", compressionargs={"level": 95}, subsampling=subsampling)
    assert np.abs(read(path).astype(int) - array).mean() < 2


@pytest.mark.parametrize("layout", [{}, {"tile": (16, 32)}, {"rowsperstrip": 16}], ids=str)
@pytest.mark.parametrize(
    ("samples", "options"),
    [
        (0, {}),
        (0, {"photometric": "miniswhite"}),
        (3, {"subsampling": (2, 1)}),
        (3, {"photometric": "rgb", "compressionargs": {"level": 90, "outcolorspace": "rgb"}}),
        (3, {"photometric": "rgb", "planarconfig": "separate"}),
    ],
    ids=str,
)
def test_jpeg_in_tiff_is_what_tifffile_decodes(tmp_path, layout, samples, options):
    smooth = np.add.outer(np.arange(50), np.arange(70)).astype(np.uint8)
    array = np.stack([smooth, smooth[::-1], smooth // 2], axis=-1) if samples else smooth
    separate = options.get("planarconfig") == "separate"
    path = write(tmp_path, np.moveaxis(array, 2, 0) if separate else array, compression="jpeg", **options, **layout)
    expected = tifffile.imread(path)
    expected = np.moveaxis(expected, 0, 2) if separate else expected.reshape(50, 70, -1)
    inverted = options.get("photometric") == "miniswhite"
    np.testing.assert_array_equal(read(path), 255 - expected if inverted else expected)


def test_jpeg_of_12_bits_in_tiff_keeps_them(tmp_path):
    array = (np.add.outer(np.arange(48), np.arange(64)) * 30).astype(np.uint16)
    path = write(tmp_path, array, compression="jpeg", compressionargs={"level": 98, "bitspersample": 12})
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[258].overwrite(12)
    assert np.abs(read(path)[..., 0].astype(int) - array).max() < 40
