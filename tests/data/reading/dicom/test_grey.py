"""Grey images: units, windows, inversion and padding, against the formulas of PS3.3."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from .dicom_files import RANDOM, dataset, item, levels, read, save
from .rendering import WHITE, render_grey, through

VALUES = RANDOM.integers(-1000, 3000, (12, 10)).astype(np.int16)


def near(found: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.abs(found[..., 0].astype(np.float64) - expected).max() <= 1)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("centre", "width"), [(40, 400), (-600, 1500), (100.5, 2), (0, 4096)])
def test_the_window_of_the_header_is_that_of_the_standard(tmp_path, function, centre, width):
    made = dataset(VALUES, WindowCenter=centre, WindowWidth=width, VOILUTFunction=function)
    assert near(levels(save(tmp_path / "a", made)), through(VALUES.astype(float), centre, width, function))


def test_a_window_of_width_one_is_a_threshold(tmp_path):
    made = dataset(VALUES, WindowCenter=40, WindowWidth=1)
    assert (levels(save(tmp_path / "a", made))[..., 0] == np.where(VALUES > 39.5, WHITE, 0)).all()


def test_a_linear_window_of_fractions_is_exact(tmp_path):
    made = dataset(VALUES, RescaleSlope="0.0001", RescaleIntercept=0, WindowCenter="0.05", WindowWidth="0.1")
    assert near(levels(save(tmp_path / "a", made)), through(VALUES * 1e-4, 0.05, 0.1, "LINEAR_EXACT"))


def test_of_several_windows_the_first_counts(tmp_path):
    made = dataset(VALUES, WindowCenter=[40, -600], WindowWidth=[400, 1500])
    assert near(levels(save(tmp_path / "a", made)), through(VALUES.astype(float), 40, 400, "LINEAR"))


def test_values_are_rescaled_before_the_window(tmp_path):
    stored = (VALUES + 1024).astype(np.uint16)
    made = dataset(stored, RescaleSlope=2, RescaleIntercept=-1024, WindowCenter=500, WindowWidth=900)
    assert near(levels(save(tmp_path / "a", made)), through(stored * 2.0 - 1024, 500, 900, "LINEAR"))


@pytest.mark.parametrize("width", ["0", "-400", ""])
def test_a_window_that_is_none_is_passed_over(tmp_path, width):
    made = dataset(VALUES, WindowCenter="40", WindowWidth=width)
    without = dataset(VALUES)
    assert (levels(save(tmp_path / "a", made)) == levels(save(tmp_path / "b", without))).all()


def test_windows_in_numbers_are_channels_in_units(tmp_path):
    made = dataset(VALUES, RescaleSlope=1, RescaleIntercept=-100, WindowCenter=0, WindowWidth=10)
    found = levels(save(tmp_path / "a", made), window="40,400;-600,1500;400,1800")
    for channel, (centre, width) in enumerate([(40, 400), (-600, 1500), (400, 1800)]):
        assert near(found[..., channel : channel + 1], through(VALUES - 100.0, centre, width, "LINEAR_EXACT"))


def test_monochrome1_is_inverted_after_the_window(tmp_path):
    made = dataset(VALUES, PhotometricInterpretation="MONOCHROME1", WindowCenter=40, WindowWidth=400)
    expected = WHITE - through(VALUES.astype(float), 40, 400, "LINEAR")
    assert near(levels(save(tmp_path / "a", made)), expected)
    made.PresentationLUTShape = "INVERSE"
    assert near(levels(save(tmp_path / "b", made)), expected)


def test_padding_is_black_and_left_out_of_the_range(tmp_path):
    padded = np.clip(VALUES, 0, 100)
    padded[:6] = -2000
    padded[0] = -1990
    made = dataset(padded, PixelPaddingValue=-2000, PhotometricInterpretation="MONOCHROME1")
    made.PixelPaddingRangeLimit = -1990
    found = levels(save(tmp_path / "a", made))
    assert (found[:6] == 0).all()
    assert near(found, render_grey(made, padded))
    assert found[6:].max() == WHITE


def test_ct_without_a_window_has_one_range_for_every_slice(tmp_path):
    made = dataset((VALUES + 1024).astype(np.uint16), Modality="CT", RescaleSlope=1, RescaleIntercept=-1024)
    (image,) = read(save(tmp_path / "a", made))
    assert near(image.pixels, np.clip((VALUES + 1000.0) / 2000, 0, 1) * WHITE)
    assert "-1000 to 1000 HU" in image.notes[0]


def test_auto_is_found_in_the_image_whatever_the_header_says(tmp_path):
    made = dataset(VALUES, Modality="CT", RescaleSlope=1, RescaleIntercept=0, WindowCenter=0, WindowWidth=10)
    low, high = np.percentile(VALUES, (0.5, 99.5))
    found = levels(save(tmp_path / "a", made), window="auto")
    assert near(found, np.clip((VALUES - low) / (high - low), 0, 1) * WHITE)


def test_eight_bits_without_a_window_are_as_those_of_a_picture(tmp_path):
    stored = RANDOM.integers(50, 100, (8, 8)).astype(np.uint8)
    assert (levels(save(tmp_path / "a", dataset(stored)))[..., 0] == stored * np.uint16(257)).all()


def test_a_voi_table_maps_the_values_in_units(tmp_path):
    entries = np.array([0, 10, 1000, 4095], np.uint16)
    table = item(LUTDescriptor=[4, 100, 12], LUTData=entries.tobytes())
    table["LUTDescriptor"].VR, table["LUTData"].VR = "US", "OW"
    stored = np.arange(98, 108, dtype=np.uint16).reshape(2, 5)
    found = levels(save(tmp_path / "a", dataset(stored, VOILUTSequence=[table], WindowCenter=1, WindowWidth=9)))
    expected = entries[np.clip(stored.astype(int) - 100, 0, 3)] * (WHITE / 4095)
    assert near(found, expected)


def test_a_modality_table_comes_before_the_window(tmp_path):
    entries = RANDOM.integers(0, 65536, 256).astype(np.uint16)
    table = item(LUTDescriptor=[256, 0, 16], LUTData=entries.tobytes(), ModalityLUTType="US")
    table["LUTDescriptor"].VR, table["LUTData"].VR = "US", "OW"
    stored = RANDOM.integers(0, 256, (9, 7)).astype(np.uint8)
    made = dataset(stored, ModalityLUTSequence=[table], WindowCenter=30000, WindowWidth=20000)
    expected = through(entries[stored].astype(float), 30000, 20000, "LINEAR")
    assert near(levels(save(tmp_path / "a", made)), expected)


@pytest.mark.parametrize(("bits", "high"), [(12, 11), (12, 15), (10, 9), (16, 15)])
@pytest.mark.parametrize("signed", [False, True])
def test_bits_that_hold_no_value_are_left_out(tmp_path, bits, high, signed):
    low = -(2 ** (bits - 1)) if signed else 0
    true = RANDOM.integers(low, low + 2**bits, (11, 9))
    shift, noise = high + 1 - bits, RANDOM.integers(0, 2**16, (11, 9))
    used = ((2**bits - 1) << shift) & 0xFFFF
    stored = (((true << shift) & used) | (noise & ~used & 0xFFFF)).astype(np.uint16).view(np.int16 if signed else "u2")
    made = dataset(stored, BitsStored=bits, WindowCenter=low + 2.0 ** (bits - 1), WindowWidth=2.0**bits)
    made.HighBit = high
    expected = through(true.astype(float), low + 2.0 ** (bits - 1), 2.0**bits, "LINEAR")
    assert near(levels(save(tmp_path / "a", made)), expected)


@pytest.mark.parametrize("slope", ["1e300", "1e37", "-1e308"])
def test_values_without_bounds_are_black_and_said(tmp_path, slope):
    path = save(tmp_path / "a", dataset(VALUES, RescaleSlope=slope, RescaleIntercept=0))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        (image,) = read(path)
    assert (image.pixels == 0).sum() >= (VALUES != 0).sum()
    assert "not finite" in image.notes[0]


def test_floats_are_read_and_what_is_not_finite_is_black(tmp_path):
    values = RANDOM.normal(0, 1e-3, (8, 8)).astype(np.float32)
    values[0, 0] = np.nan
    made = dataset(values, WindowCenter="0", WindowWidth="0.004")
    del made.PixelData
    made.FloatPixelData = values.tobytes()
    (image,) = read(save(tmp_path / "a", made))
    assert image.pixels[0, 0, 0] == 0
    expected = through(np.nan_to_num(values.astype(float)), 0, 0.004, "LINEAR_EXACT")
    assert np.abs(image.pixels[1:, :, 0] - expected[1:]).max() <= 1
    assert "not finite" in image.notes[0]
