"""Reading an image and its masks: formats, channels, sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.data.reading import ImageFileError
from fastssl.evaluation.segment.data import Channel, Sample
from fastssl.evaluation.segment.data.files import MaskFitError, read_pair
from fastssl.evaluation.segment.data.levels import RangeRequest, find_levels
from fastssl.evaluation.segment.data.masks import choose_foreground, field_tables
from fastssl.evaluation.segment.data.pairing import Pair

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
TRUTH = RNG.random((6, 8)) > 0.5


def pair(folder: Path, image: Image.Image, mask: Image.Image, fov: Image.Image | None = None) -> Pair:
    paths = [folder / name for name in ("image.png", "mask.png", "fov.png")]
    for path, picture in zip(paths, (image, mask, fov), strict=True):
        if picture is not None:
            picture.save(path)
    return Pair(name="image", image=paths[0], masks=(paths[1],), fov=paths[2] if fov else None)


def read_sample(files: Pair, channel: Channel | None = None, size: int | None = None) -> Sample:
    """A set of one image."""
    raw = read_pair(files, channel, size, max_megapixels=1)
    tables = choose_foreground(raw.masks, (), files.masks[0].parent).tables
    fields = field_tables([raw.fov], files.masks[0].parent)[0] if raw.fov else None
    return raw.finished(find_levels([raw], RangeRequest()).of(raw.image), tables, fields)


@pytest.mark.parametrize(
    "mask",
    [
        Image.fromarray(TRUTH),
        Image.fromarray(TRUTH.astype(np.uint8)),
        Image.fromarray((TRUTH * 255).astype(np.uint8)),
        Image.fromarray(np.where(TRUTH, 201, 9).astype(np.uint8)),
        Image.fromarray(np.repeat((TRUTH * 255).astype(np.uint8)[..., None], 3, axis=2)),
        Image.fromarray((TRUTH * 65535).astype(np.uint16)),
    ],
    ids=["1-bit", "0 and 1", "0 and 255", "lossy", "colour", "16-bit"],
)
def test_masks_of_every_kind_give_the_same_truth(tmp_path: Path, mask: Image.Image) -> None:
    found = read_sample(pair(tmp_path, Image.fromarray(COLOUR), mask))
    np.testing.assert_array_equal(found.mask, TRUTH)
    np.testing.assert_array_equal(found.image, COLOUR)
    assert found.truth is found.mask


def test_an_empty_mask_is_a_mask(tmp_path: Path) -> None:
    assert not read_sample(pair(tmp_path, Image.fromarray(COLOUR), Image.new("1", (8, 6)))).mask.any()


def test_sizes_that_differ_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MaskFitError, match=r"mask.png: is 9x6 px and image.png 8x6; a mask has its image's size$"):
        read_sample(pair(tmp_path, Image.fromarray(COLOUR), Image.new("1", (9, 6))))


@pytest.mark.parametrize("orientation", [6, 8])
def test_a_mask_that_was_drawn_before_its_image_was_turned_upright_is_refused(tmp_path: Path, orientation: int) -> None:
    files = pair(tmp_path, Image.fromarray(COLOUR), Image.fromarray(TRUTH))
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(COLOUR).save(files.image, exif=exif)
    with pytest.raises(MaskFitError, match=r"is 8x6 px and image.png 6x8; .* before the image was turned upright"):
        read_sample(files)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", "16 bit"])
@pytest.mark.parametrize(("orientation", "side"), [(2, 8), (3, 8), (4, 8), (3, 6), (5, 6), (6, 6), (7, 6), (8, 6)])
def test_a_mask_that_fits_before_and_after_its_image_was_turned_is_refused(
    tmp_path: Path, suffix: str, orientation: int, side: int
) -> None:
    """Height 6; turned by a quarter only a square keeps its size."""
    truth = np.resize(TRUTH, (6, side))
    pixels = np.repeat((truth * 255).astype(np.uint8)[..., None], 3, axis=2)
    files = pair(tmp_path, Image.fromarray(pixels), Image.fromarray(truth))
    image = tmp_path / f"image{'.png' if suffix == '16 bit' else suffix}"
    picture = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257 if suffix == "16 bit" else pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(image, exif=exif, **({"quality": 100} if suffix == ".jpg" else {}))
    files = replace(files, image=image)
    said = rf"mask.png: its orientation tag is 1 and that of image\S+ {orientation}, .*; save both upright"
    with pytest.raises(MaskFitError, match=said):
        read_sample(files)
    Image.fromarray(truth).save(tmp_path / "mask.png", exif=exif)  # turned like its image
    turned = read_sample(files)
    np.testing.assert_array_equal(turned.mask, turned.image[..., 0] > turned.image.max() / 2)
    assert not np.array_equal(turned.mask, truth)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_mask_that_fits_its_image_upright_alone_is_taken(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    files = pair(tmp_path, Image.fromarray(COLOUR), Image.fromarray(np.ascontiguousarray(TRUTH.T)))
    Image.fromarray(COLOUR).save(files.image, exif=exif)
    np.testing.assert_array_equal(read_sample(files).mask, TRUTH.T)


def test_a_mask_on_its_side_without_any_tag_is_not_put_down_to_one(tmp_path: Path) -> None:
    files = pair(tmp_path, Image.fromarray(COLOUR), Image.fromarray(np.ascontiguousarray(TRUTH.T)))
    with pytest.raises(MaskFitError, match=r"is 6x8 px and image.png 8x6; a mask has its image's size$"):
        read_sample(files)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    files = pair(tmp_path, Image.fromarray(COLOUR), Image.fromarray(TRUTH))
    files.masks[0].write_bytes(files.masks[0].read_bytes()[:40])
    with pytest.raises(ImageFileError, match=r"mask.png: damaged \("):
        read_sample(files)


@pytest.mark.parametrize(("channel", "plane"), [("red", 0), ("green", 1), ("blue", 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_channel_of_a_colour_image_can_be_taken(
    tmp_path: Path, channel: Channel, plane: int, dtype: type[np.generic]
) -> None:
    files = pair(tmp_path, Image.fromarray(COLOUR), Image.fromarray(TRUTH))
    colours = COLOUR.astype(dtype) * (1 if dtype is np.uint8 else 257)
    if dtype is np.uint16:
        tifffile = pytest.importorskip("tifffile")
        files = Pair(name="image", image=tmp_path / "image.tif", masks=files.masks)
        tifffile.imwrite(files.image, colours, photometric="rgb")
    found = read_sample(files, channel)
    assert found.image.dtype == dtype
    np.testing.assert_array_equal(found.image, colours[..., plane : plane + 1])


def test_grey_is_the_luma_whatever_the_depth_and_grey_images_can_be_repeated(tmp_path: Path) -> None:
    files = pair(tmp_path, Image.fromarray(COLOUR), Image.fromarray(TRUTH))
    luma = COLOUR @ np.array([0.299, 0.587, 0.114])
    assert np.abs(read_sample(files, "grey").image[..., 0] - luma).max() <= 1
    wide = Pair(name="image", image=tmp_path / "image.tif", masks=files.masks)
    pytest.importorskip("tifffile").imwrite(wide.image, COLOUR.astype(np.uint16) * 257, photometric="rgb")
    assert np.abs(read_sample(wide, "grey").image[..., 0] - 257 * luma).max() <= 1
    grey = pair(tmp_path, Image.fromarray(COLOUR[..., 0]), Image.fromarray(TRUTH))
    assert read_sample(grey).image.shape[2] == 1
    np.testing.assert_array_equal(read_sample(grey, "rgb").image, np.repeat(COLOUR[..., :1], 3, axis=2))


def test_16_bit_grey_stays_16_bit(tmp_path: Path) -> None:
    values = RNG.integers(0, 65536, (6, 8), dtype=np.uint16)
    found = read_sample(pair(tmp_path, Image.fromarray(values), Image.fromarray(TRUTH)), "grey").image
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[..., 0], values)


def test_resizing_keeps_proportions_and_the_truth_as_it_was_drawn(tmp_path: Path) -> None:
    blocks = np.kron(TRUTH[:3, :4], np.ones((10, 10), bool))
    picture = Image.fromarray(np.where(blocks, 200, 40).astype(np.uint8))
    found = read_sample(pair(tmp_path, picture, Image.fromarray(blocks), Image.fromarray(~blocks)), "grey", size=15)
    assert found.image.shape == (15, 20, 1)
    np.testing.assert_array_equal(found.mask, blocks[::2, ::2])
    np.testing.assert_array_equal(found.inside, ~blocks[::2, ::2])
    np.testing.assert_array_equal(found.truth, blocks)
    assert found.truth_inside is not None
    np.testing.assert_array_equal(found.truth_inside, ~blocks)
    middle = np.zeros_like(found.mask)
    middle[2::5, 2::5] = True
    np.testing.assert_array_equal(found.image[..., 0][middle], np.where(found.mask, 200, 40)[middle])


def test_resizing_a_wide_image_stays_within_its_values(tmp_path: Path) -> None:
    """Bicubic filters overshoot at edges; what lies outside of the file's values would be taken for marks."""
    blocks = np.kron(TRUTH, np.ones((10, 10), bool))
    files = pair(tmp_path, Image.fromarray((blocks * 3000 + 1000).astype(np.uint16)), Image.fromarray(blocks))
    raw = read_pair(files, None, 24, max_megapixels=1)
    assert (raw.image.dtype, raw.image.min(), raw.image.max()) == (np.uint16, 1000, 4000)
    assert (raw.span.lowest, raw.span.highest) == (1000, 4000)
