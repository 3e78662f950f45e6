"""Which slices of a volume are taken, and their grey levels."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from fastssl.data.reading import ImageFileError, ReadingOptions, read_frames, read_image_file, read_image_header
from fastssl.data.reading.volumes.grey_scale import LIKE_A_MASK, NOT_FINITE, is_empty
from fastssl.data.reading.volumes.square_pixels import square_size
from fastssl.data.reading.windowing import to_grey

from .volume_files import WHOLE, axial, noise, pixels_of, slices_of, write_nifti

RAS = np.eye(4)


@pytest.fixture
def nifti(tmp_path):
    def write(array, slope=None, intercept=None):
        path = tmp_path / "a.nii"
        image = nibabel.Nifti1Image(array, RAS)
        image.header.set_slope_inter(slope, intercept)
        write_nifti(path, array, RAS) if slope is None else nibabel.save(image, path)
        return path

    return write


def test_every_nth_slice_is_taken_and_knows_its_number(nifti):
    frames = slices_of(nifti(noise()), every=3, window=WHOLE)
    assert [frame.frame for frame in frames] == [0, 3, 6]
    np.testing.assert_array_equal([frame.pixels for frame in frames], axial(noise())[::3])
    assert read_image_header(nifti(noise()), ReadingOptions(every=3)).frames == 3


def test_neighbours_become_channels_and_the_outermost_slices_are_their_own(nifti):
    expected = axial(noise())[..., 0]
    pixels = pixels_of(nifti(noise()), neighbours=True, every=2, window=WHOLE)
    for row, number in enumerate(range(0, 7, 2)):
        three = [expected[max(0, number - 1)], expected[number], expected[min(6, number + 1)]]
        np.testing.assert_array_equal(pixels[row], np.stack(three, axis=-1))


def test_three_windows_become_channels(nifti):
    hounsfield = (noise() * 2000 - 1000).astype(np.int16)
    windows = ((40, 400), (-600, 1500), (400, 1800))
    pixels = pixels_of(nifti(hounsfield), window=";".join(f"{c},{w}" for c, w in windows))
    upright = hounsfield[::-1, ::-1].transpose(2, 1, 0).astype(np.float64)
    for channel, (centre, width) in enumerate(windows):
        expected = np.clip((upright - centre + width / 2) / width, 0, 1) * 65535
        np.testing.assert_allclose(pixels[..., channel], expected, atol=0.51)


def test_windows_apply_to_scaled_values(nifti):
    stored = np.arange(210, dtype=np.int16).reshape(5, 6, 7)
    expected = to_grey((stored * 2.0 - 100)[::-1, ::-1].transpose(2, 1, 0), 0, 200)
    np.testing.assert_array_equal(pixels_of(nifti(stored, 2, -100), window="100,200")[..., 0], expected)


def test_black_and_white_are_found_once_for_the_whole_volume(nifti):
    values = (noise((20, 21, 22)) * 1000 + np.arange(22) * 100).astype(np.int16)
    low, high = np.percentile(values, (0.5, 99.5))
    expected = to_grey(values[::-1, ::-1].transpose(2, 1, 0), low, high)
    np.testing.assert_allclose(pixels_of(nifti(values))[..., 0].astype(int), expected, atol=30)


def test_the_background_of_a_stripped_skull_does_not_count(nifti):
    values = np.zeros((20, 20, 20), np.int16)
    values[5:15, 5:15, 5:15] = 1000 + 500 * noise((10, 10, 10))
    low, high = np.percentile(values[values > 0], (0.5, 99.5))
    frames = slices_of(nifti(values))
    assert [frame.frame for frame in frames] == list(range(5, 15))
    expected = to_grey(values[::-1, ::-1, 5].T, low, high)
    np.testing.assert_allclose(frames[0].pixels[..., 0].astype(int), expected, atol=30)


def test_empty_slices_are_left_out(nifti):
    values = (noise((20, 20, 6)) * 1000).astype(np.int16)
    values[..., 0], values[..., 3] = 0, 777
    values[..., 5] = 0
    values[4, 4, 5] = 900
    assert [frame.frame for frame in slices_of(nifti(values))] == [1, 2, 4]
    assert slices_of(nifti(values - 5000), window="40,400") == []
    with pytest.raises(ImageFileError, match="it holds no image, or empty ones alone"):
        read_image_file(nifti(np.zeros((5, 5, 5), np.int16)), max_megapixels=1)


@pytest.mark.parametrize(
    ("bright", "empty"), [(49, True), (50, False)]
)  # of 10,000 pixels: half a per cent is something
def test_a_slice_is_empty_with_less_than_half_a_per_cent_of_bright_pixels(bright, empty):
    grey = np.zeros((100, 100, 1), np.uint16)
    grey.reshape(-1)[:bright] = 656
    assert is_empty(grey) is empty
    assert is_empty(np.full((100, 100, 3), 40000, np.uint16))
    assert is_empty(np.minimum(grey, 655))


def test_values_that_are_not_finite_are_background_and_told(nifti):
    values = noise()
    values[0, 0, 0], values[1, 1, 1], values[2, 2, 2] = np.nan, np.inf, -np.inf
    frames = slices_of(nifti(values), window=WHOLE)
    assert all(NOT_FINITE in frame.notes for frame in frames)
    values[~np.isfinite(values)] = values[np.isfinite(values)].min()
    np.testing.assert_array_equal([frame.pixels for frame in frames], axial(values))
    with pytest.raises(ImageFileError, match="holds no finite value"):
        list(read_frames(nifti(np.full((3, 3, 3), np.nan, np.float32)), ReadingOptions()))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "float64", ">i2", ">f4"])
def test_every_type_and_byte_order_gives_the_same_grey_levels(nifti, dtype):
    values = np.random.default_rng(0).integers(0, 120, (5, 6, 7))
    expected = to_grey(values[::-1, ::-1].transpose(2, 1, 0), 0, 120)
    np.testing.assert_array_equal(pixels_of(nifti(values.astype(dtype)), window="60,120")[..., 0], expected)


def test_a_volume_of_few_whole_numbers_may_be_a_mask(nifti):
    mask = np.random.default_rng(0).integers(0, 4, (6, 6, 6)).astype(np.int16)
    assert LIKE_A_MASK in slices_of(nifti(mask))[0].notes
    assert LIKE_A_MASK not in slices_of(nifti(noise()))[0].notes


def test_colours_stay_colours_of_8_bits(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
    records = array.view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    path = write_nifti(tmp_path / "a.nii.gz", records, RAS)
    np.testing.assert_array_equal(pixels_of(path), array[::-1, ::-1].transpose(2, 1, 0, 3))
    with pytest.raises(ImageFileError, match="a volume in colour, of which neighbours make no channels"):
        read_image_header(path, ReadingOptions(neighbours=True))


@pytest.mark.parametrize(
    ("height", "width", "spacing", "size"),
    [
        (100, 512, (5.0, 0.7), (714, 512)),
        (100, 512, (0.7, 0.7), (100, 512)),
        (100, 512, (0.705, 0.7), (100, 512)),
        (512, 100, (0.5, 2.0), (512, 400)),
        (1000, 4000, (50.0, 0.5), (4096, 164)),
        (5000, 100, (1.0, 0.5), (5000, 50)),
    ],
)
def test_square_pixels_are_of_the_finer_spacing_within_bounds(height, width, spacing, size):
    assert square_size(height, width, spacing) == size


def test_slices_larger_than_allowed_are_refused_before_they_are_decoded(nifti):
    path = nifti(np.zeros((1200, 1000, 1), np.uint8))
    words = "1200x1000 pixels, more than 1 megapixels; allow it with --max-megapixels 2"
    with pytest.raises(ImageFileError, match=words):
        read_image_header(path, ReadingOptions(max_megapixels=1))
