"""The grey levels of a folder's images: one range for all of them, kept for each range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from fastssl.data.packing import Pack
from fastssl.data.reading import ReadingOptions
from fastssl.errors import DataError

from .folders import packed_names

RANDOM = np.random.default_rng(0)


def folder(tmp_path: Path, *arrays: np.ndarray) -> Path:
    """A folder of 8x8 TIFF images."""
    root = tmp_path / "images"
    root.mkdir()
    for index, array in enumerate(arrays):
        tifffile.imwrite(root / f"{index}.tif", array, photometric="rgb" if array.ndim == 3 else "minisblack")
    return root


def pack_of(root: Path, size: int = 8, **options: object) -> Pack:
    return packed_names(root, sorted(path.name for path in root.iterdir()), size, **options)


def spread(dtype: str, low: float, high: float) -> np.ndarray:
    """An 8x8 image whose values go from one to the other and take both."""
    values = np.append(RANDOM.uniform(low, high, 62), (low, high)).reshape(8, 8)
    return values.astype(dtype)


def levels(array: np.ndarray, low: float, high: float, top: int = 65535) -> np.ndarray:
    return np.rint(np.clip((array.astype(np.float64) - low) / (high - low), 0, 1) * top)


@pytest.mark.parametrize(
    ("dtype", "low", "high", "kept", "depth"),
    [
        ("uint16", 0, 4000, "0,4095", "12 bit in 16"),
        ("uint16", 0, 65535, "0,65535", "16 bit"),
        ("int16", -1000, 3000, "-1000,3000", "16 bit, signed"),
        ("float32", 0, 1, "0,1", "32-bit float"),
        ("float32", -2, 6, "-2,6", "32-bit float"),
        ("uint32", 0, 70000, "0,131071", "17 bit in 32"),
    ],
)
def test_a_set_is_stretched_from_black_to_white_by_one_range(tmp_path, dtype, low, high, kept, depth):
    arrays = [spread(dtype, low, high), spread(dtype, low, (low + high) / 2)]
    pack = pack_of(folder(tmp_path, *arrays))
    black, white = map(float, kept.split(","))
    assert pack.images.dtype == np.uint16
    for own, array in zip(pack.images, arrays, strict=True):
        np.testing.assert_allclose(own[..., 0], levels(array, black, white), atol=1)
    assert (pack.value_range, pack.depth, pack.outside) == (kept, depth, 0)
    assert pack.range_note == f"{black:.9g} to {white:.9g}, found in the images"


@pytest.mark.parametrize(("high", "kept"), [(255, None), (60, "0,63")])
def test_8_bit_sets_stay_8_bit(tmp_path, high, kept):
    array = spread("uint8", 0, high)
    pack = pack_of(folder(tmp_path, array))
    assert pack.images.dtype == np.uint8
    np.testing.assert_array_equal(pack.images[0, ..., 0], levels(array, 0, high if high == 255 else 63, 255))
    assert pack.value_range == kept


def test_8_bit_values_in_16_bit_files_are_8_bit_images(tmp_path):
    array = spread("uint16", 0, 255)
    pack = pack_of(folder(tmp_path, array))
    assert pack.images.dtype == np.uint8
    np.testing.assert_array_equal(pack.images[0, ..., 0], array)


def test_8_bit_files_among_12_bit_ones_keep_their_own_white(tmp_path):
    narrow, wide = spread("uint8", 0, 255), spread("uint16", 0, 4000)
    pack = pack_of(folder(tmp_path, narrow, wide))
    np.testing.assert_array_equal(pack.images[0, ..., 0], narrow.astype(int) * 257)
    np.testing.assert_array_equal(pack.images[1, ..., 0], levels(wide, 0, 4095))
    assert any("1 of 2 images have more than 8 bits" in note for note in pack.notes)
    assert pack.depth == "8 and 16 bit"


def test_grey_among_colour_is_repeated(tmp_path):
    grey, colour = spread("uint16", 0, 65535), np.stack([spread("uint16", 0, 65535)] * 3, axis=-1)
    colour[..., 1] //= 2
    pack = pack_of(folder(tmp_path, grey, colour))
    np.testing.assert_array_equal(pack.images[0], np.repeat(grey[..., None], 3, axis=-1))
    np.testing.assert_array_equal(pack.images[1], colour)
    assert any("1 of 2 images are grey and the rest colour" in note for note in pack.notes)


@pytest.mark.parametrize("other", [spread("float32", -1, 1), spread("int16", -50, 50), spread("uint16", 0, 4000)])
def test_black_and_white_images_stay_black_and_white_among_others(tmp_path, other):
    bits = spread("float32", 0, 1) > 0.5
    pack = pack_of(folder(tmp_path, other, bits))
    np.testing.assert_array_equal(pack.images[1, ..., 0], np.where(bits, 65535, 0))
    assert any("1 of 2 images are black and white only" in note for note in pack.notes)


def test_resizing_does_not_widen_the_range(tmp_path):
    step = np.full((40, 40), 100, np.int16)
    step[:, 20:] = 2000
    step[0, 0] = -10
    pack = pack_of(folder(tmp_path, step), size=24)
    assert pack.value_range == "-10,2000"
    assert pack.images.max() == 65535


def test_each_range_has_its_own_array_that_is_made_once(tmp_path, told):
    array = spread("uint16", 0, 4000)
    root = folder(tmp_path, array)
    packs = {setting: pack_of(root, value_range=setting) for setting in (None, "full", "1000,2000", "0,255")}
    assert len({pack.folder for pack in packs.values()}) == 1
    assert len({pack.array for pack in packs.values()}) == 4
    np.testing.assert_array_equal(packs["full"].images[0, ..., 0], array)
    np.testing.assert_array_equal(packs["1000,2000"].images[0, ..., 0], levels(array, 1000, 2000))
    assert packs["0,255"].images.dtype == np.uint8
    written = {pack.array: pack.array.stat().st_mtime_ns for pack in packs.values()}
    again = [pack_of(root, value_range=setting, notify=told.append) for setting in packs]
    assert {pack.array: pack.array.stat().st_mtime_ns for pack in again} == written
    assert told == []


def test_the_share_outside_of_a_given_range_is_known(tmp_path):
    array = np.arange(64, dtype=np.uint16).reshape(8, 8) * 60
    root = folder(tmp_path, array)
    assert pack_of(root, value_range="600,2400").outside == pytest.approx(((array < 600) | (array > 2400)).mean())
    assert pack_of(root, value_range="600,2400").outside > 0.2  # from the cache
    assert pack_of(root).outside == 0


def test_marks_are_told_and_do_not_count_as_outside(tmp_path):
    array = np.tile(spread("uint16", 0, 4000), (20, 20))
    array[3, :30] = 65535
    pack = pack_of(folder(tmp_path, array), size=160)
    assert pack.value_range == "0,4095"
    assert pack.outside == 0
    assert any("65535" in note and "mark" in note for note in pack.notes)


def test_a_set_of_two_scales_is_told(tmp_path):
    pack = pack_of(folder(tmp_path, spread("uint16", 0, 60000), spread("uint16", 0, 4000)))
    assert any("1 of 2 images stay below 4096, though others go to 60000" in note for note in pack.notes)


@pytest.mark.parametrize(
    ("one", "other", "match"),
    [
        (spread("float32", 0, 1), spread("uint16", 0, 9), r"0\.tif holds floats and .*1\.tif whole numbers"),
        (spread("uint8", 0, 9), spread("float32", 0, 1), r"1\.tif holds floats and .*0\.tif whole numbers"),
        (spread("int16", -9, 9), spread("uint16", 0, 9), r"0\.tif holds negative values and .*1\.tif"),
    ],
)
def test_kinds_that_no_range_fits_are_refused_with_one_file_of_each(tmp_path, one, other, match):
    with pytest.raises(DataError, match=match) as caught:
        pack_of(folder(tmp_path, one, other))
    assert "\n" not in str(caught.value)


def test_a_given_range_fits_signed_and_unsigned_files(tmp_path):
    arrays = spread("int16", -9, 90), spread("uint16", 0, 90)
    pack = pack_of(folder(tmp_path, *arrays), value_range="-9,90")
    for own, array in zip(pack.images, arrays, strict=True):
        np.testing.assert_array_equal(own[..., 0], levels(array, -9, 90))


def test_images_that_are_not_finite_are_unreadable_by_name(tmp_path):
    bad = spread("float32", 0, 1)
    bad[2, 2] = np.nan
    pack = pack_of(folder(tmp_path, spread("float32", 0, 1), bad))
    assert pack.unreadable == {"1.tif": "holds NaN or infinite values; replace them by numbers"}
    assert len(pack.images) == 1


def test_an_image_above_the_limit_is_unreadable_until_the_limit_is_raised(tmp_path):
    root = folder(tmp_path, spread("uint8", 0, 255))
    Image.new("L", (1500, 1000)).save(root / "1.png")
    assert (
        "allow it with --max-megapixels 2"
        in pack_of(root, options=ReadingOptions(max_megapixels=1)).unreadable["1.png"]
    )
    assert pack_of(root, options=ReadingOptions(max_megapixels=2)).unreadable == {}


def test_levels_that_were_cut_short_are_made_anew(tmp_path):
    root = folder(tmp_path, spread("uint16", 0, 4000))
    before = pack_of(root)
    content = before.images.tobytes()
    before.array.write_bytes(content[:-1])
    assert pack_of(root).images.tobytes() == content


def test_pages_and_what_was_left_out_are_told(tmp_path):
    root = folder(tmp_path, spread("uint8", 0, 255))
    tifffile.imwrite(root / "1.tif", np.zeros((3, 8, 8), np.uint8), photometric="minisblack")
    extra = np.zeros((8, 8, 4), np.uint8)
    tifffile.imwrite(root / "2.tif", extra, photometric="rgb", extrasamples=["unspecified"])
    notes = pack_of(root).notes
    assert "1 of 3 images have 3 pages; the first is taken" in notes
    assert "1 of 3 images: a further sample without meaning, which is left out" in notes
