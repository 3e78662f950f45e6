"""Colour images: RGB, YBR, planes, palettes."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from fastssl.data.reading import ReadingOptions, read_image_header

from .dicom_files import RANDOM, dataset, levels, read, save

RGB = RANDOM.integers(0, 256, (6, 8, 3)).astype(np.uint8)


def test_rgb_stays_as_it_is(tmp_path):
    path = save(tmp_path / "a", dataset(RGB, SamplesPerPixel=3))
    assert (levels(path) == RGB).all()
    header = read_image_header(path, ReadingOptions())
    assert (header.channels, header.dtype) == (3, np.uint8)


def test_planes_of_colours_are_put_together(tmp_path):
    made = dataset(RGB, SamplesPerPixel=3, PlanarConfiguration=1)
    made.PixelData = np.moveaxis(RGB, -1, 0).tobytes()
    assert (levels(save(tmp_path / "a", made)) == RGB).all()


def test_colours_of_twelve_bits_fill_sixteen(tmp_path):
    stored = RANDOM.integers(0, 4096, (5, 4, 3)).astype(np.uint16)
    made = dataset(stored, SamplesPerPixel=3, BitsStored=12)
    assert (levels(save(tmp_path / "a", made)) == np.rint(stored * (65535 / 4095))).all()


def test_ybr_full_becomes_rgb(tmp_path):
    y, blue, red = (RGB[..., k].astype(float) for k in range(3))  # PS3.3 C.7.6.3.1.2
    expected = np.stack(
        [
            y + 1.402 * (red - 128),
            y - 0.344136 * (blue - 128) - 0.714136 * (red - 128),
            y + 1.772 * (blue - 128),
        ],
        -1,
    )
    made = dataset(RGB, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL")
    assert np.abs(levels(save(tmp_path / "a", made)) - np.clip(expected, 0, 255)).max() <= 1


def test_ybr_partial_has_black_at_16_and_white_at_235(tmp_path):
    pairs = np.array([[16, 235, 128, 128], [81, 81, 90, 240]], np.uint8)  # Y1 Y2 Cb Cr; the second is red (BT.601)
    made = dataset(np.zeros((2, 2, 3), np.uint8), SamplesPerPixel=3, PhotometricInterpretation="YBR_PARTIAL_422")
    made.PixelData = pairs.tobytes()
    expected = np.array([[[0, 0, 0], [255, 255, 255]], [[255, 0, 0], [255, 0, 0]]])
    assert np.abs(levels(save(tmp_path / "a", made)).astype(int) - expected).max() <= 2


def palette(stored: np.ndarray, colours: np.ndarray, first: int, bits: int):
    made = dataset(stored, PhotometricInterpretation="PALETTE COLOR")
    for channel, name in enumerate(("Red", "Green", "Blue")):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [len(colours) % 65536, first, bits])
        made[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(made, f"{name}PaletteColorLookupTableData", colours[:, channel].tobytes())
    return made


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2", DeflatedExplicitVRLittleEndian])
@pytest.mark.parametrize("first", [0, 20])
def test_a_palette_of_sixteen_bits_is_looked_up(tmp_path, syntax, first):
    colours = RANDOM.integers(0, 65536, (100, 3)).astype(np.uint16)
    stored = RANDOM.integers(0, 150, (9, 8)).astype(np.uint8)
    found = levels(save(tmp_path / "a", palette(stored, colours, first, 16), syntax))
    assert (found == colours[np.clip(stored.astype(int) - first, 0, 99)]).all()


def test_a_palette_of_eight_bits_gives_eight_bits(tmp_path):
    colours = RANDOM.integers(0, 256, (256, 3)).astype(np.uint8)
    stored = RANDOM.integers(0, 256, (9, 8)).astype(np.uint8)
    found = levels(save(tmp_path / "a", palette(stored, colours, 0, 8)))
    assert found.dtype == np.uint8
    assert (found == colours[stored]).all()


def test_sixteen_bits_of_a_palette_that_uses_eight_are_filled(tmp_path):
    colours = RANDOM.integers(0, 256, (256, 3)).astype(np.uint16)
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (levels(save(tmp_path / "a", palette(stored, colours, 0, 16))) == colours[stored] * 257).all()


def test_a_segmented_palette_is_expanded(tmp_path):
    made = palette(np.arange(12, dtype=np.uint8).reshape(3, 4), np.zeros((12, 3), np.uint16), 0, 16)
    segments = np.array([0, 2, 5, 1000, 1, 10, 21000], np.uint16)  # two values, then ten steps up to 21000
    for name in ("Red", "Green", "Blue"):
        delattr(made, f"{name}PaletteColorLookupTableData")
        setattr(made, f"Segmented{name}PaletteColorLookupTableData", segments.tobytes())
    found = levels(save(tmp_path / "a", made))
    assert found[..., 0].reshape(-1).tolist() == [5, 1000, *range(3000, 21001, 2000)]


def test_colours_have_no_window_and_no_neighbours(tmp_path):
    path = save(tmp_path / "a", dataset(RGB, SamplesPerPixel=3))
    (image,) = read(path, window="40,400")
    assert (image.pixels == RGB).all()
    assert image.notes == ("colour, to which no window applies",)
    assert read(path, neighbours=True)[0].pixels.shape == RGB.shape


def test_big_endian_words_of_eight_bits_are_swapped(tmp_path):
    made = dataset(RGB, SamplesPerPixel=3)
    made.PixelData = np.frombuffer(RGB.tobytes(), "<u2").byteswap().tobytes()
    assert (levels(save(tmp_path / "a", made, ExplicitVRBigEndian)) == RGB).all()
